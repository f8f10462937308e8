// Package lifeline ends this process when the one that started it is gone, however that one died.
package lifeline

import (
	"io"
	"os"
	"syscall"
	"time"
)

// Env is set to "stdin" by a starter that holds the other end of this process's standard input open.
const Env = "FAIRLEAD_LIFELINE"

// patience is how long a component may take over an orderly end before it is cut.
const patience = 3 * time.Second

// Watch starts waiting for the end of standard input, if the starter asked for it. A pipe closes
// on every system when its holder dies, even by SIGKILL, which no signal handler there could report.
func Watch() {
	if os.Getenv(Env) != "stdin" {
		return
	}
	_ = os.Unsetenv(Env)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
		time.Sleep(patience)
		os.Exit(1)
	}()
}
