//go:build !linux

package process

import "syscall"

// withParentDeath does nothing where the system has no such thing; the reaper does the work.
func withParentDeath(attr *syscall.SysProcAttr) *syscall.SysProcAttr { return attr }
