package process

import "syscall"

// withParentDeath has Linux kill the process when the node dies, before the reaper gets to it.
func withParentDeath(attr *syscall.SysProcAttr) *syscall.SysProcAttr {
	attr.Pdeathsig = syscall.SIGKILL
	return attr
}
