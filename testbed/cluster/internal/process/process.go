// Package process starts and ends the local processes that stand for containers.
package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/creack/pty"
)

// Spec says what to run. Every process leads a session of its own, so that one signal reaches all it started.
type Spec struct {
	Argv  []string
	Env   []string
	Dir   string
	TTY   bool
	Stdin bool // without a TTY: keep a pipe to standard input open, else it is empty

	Columns, Rows uint16 // the terminal's first size; 0 for the system's default
}

// Process is a started command with the parent's ends of its streams.
type Process struct {
	Pid    int
	Stdin  io.WriteCloser // nil when not asked for
	Stdout io.ReadCloser  // the terminal when there is one
	Stderr io.ReadCloser  // nil with a terminal
	cmd    *exec.Cmd
	tty    *os.File
}

// Start starts the command; the caller reads Stdout and Stderr to their ends and calls Wait once.
func Start(spec Spec) (*Process, error) {
	if len(spec.Argv) == 0 {
		return nil, errors.New("no command specified")
	}
	path, err := lookPath(spec.Argv[0], spec.Dir, spec.Env)
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{Path: path, Args: spec.Argv, Env: spec.Env, Dir: spec.Dir}
	if spec.TTY {
		return startTTY(cmd, spec)
	}
	return startPipes(cmd, spec.Stdin)
}

func startTTY(cmd *exec.Cmd, spec Spec) (*Process, error) {
	var size *pty.Winsize
	if spec.Columns > 0 && spec.Rows > 0 {
		size = &pty.Winsize{Cols: spec.Columns, Rows: spec.Rows}
	}
	cmd.SysProcAttr = withParentDeath(&syscall.SysProcAttr{Setsid: true, Setctty: true})
	tty, err := pty.StartWithAttrs(cmd, size, cmd.SysProcAttr)
	if err != nil {
		return nil, err
	}
	out := &terminalReader{tty}
	return &Process{Pid: cmd.Process.Pid, Stdin: terminalWriter{tty}, Stdout: out, cmd: cmd, tty: tty}, nil
}

func startPipes(cmd *exec.Cmd, stdin bool) (*Process, error) {
	cmd.SysProcAttr = withParentDeath(&syscall.SysProcAttr{Setsid: true})
	p := &Process{cmd: cmd}
	var childEnds, ownEnds []*os.File
	closeAll := func(files []*os.File) {
		for _, f := range files {
			_ = f.Close()
		}
	}
	if stdin {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		cmd.Stdin, p.Stdin = r, w
		childEnds, ownEnds = append(childEnds, r), append(ownEnds, w)
	}
	for _, out := range []struct {
		child *io.Writer
		own   *io.ReadCloser
	}{{&cmd.Stdout, &p.Stdout}, {&cmd.Stderr, &p.Stderr}} {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(append(childEnds, ownEnds...))
			return nil, err
		}
		*out.child, *out.own = w, r
		childEnds, ownEnds = append(childEnds, w), append(ownEnds, r)
	}
	err := cmd.Start()
	closeAll(childEnds)
	if err != nil {
		closeAll(ownEnds)
		return nil, err
	}
	p.Pid = cmd.Process.Pid
	return p, nil
}

// Wait returns the exit code as a shell counts it: 128 and the signal's number for a process ended by a signal.
func (p *Process) Wait() int {
	_ = p.cmd.Wait() // says no more than the state does
	return exitCode(p.cmd.ProcessState)
}

// Signal signals the process alone.
func (p *Process) Signal(sig syscall.Signal) { _ = syscall.Kill(p.Pid, sig) }

// SignalAll signals the process and what it started, as far as that stayed in its process group.
func (p *Process) SignalAll(sig syscall.Signal) { _ = syscall.Kill(-p.Pid, sig) }

// GroupAlive says whether a process group has members.
func GroupAlive(group int) bool { return !errors.Is(syscall.Kill(-group, 0), syscall.ESRCH) }

// Resize sets the terminal's size in columns and rows; without a terminal it does nothing.
func (p *Process) Resize(columns, rows uint16) {
	if p.tty != nil {
		_ = pty.Setsize(p.tty, &pty.Winsize{Cols: columns, Rows: rows})
	}
}

// Close gives the parent's ends back; a terminal's session gets its hang-up by it.
func (p *Process) Close() {
	if p.tty != nil {
		_ = p.tty.Close()
		return
	}
	for _, c := range []io.Closer{p.Stdin, p.Stdout, p.Stderr} {
		if c != nil {
			_ = c.Close()
		}
	}
}

func exitCode(state *os.ProcessState) int {
	if state == nil {
		return 255
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// lookPath finds a command as execvp does with the PATH of the container, not with this process's own.
func lookPath(name, dir string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		return name, nil
	}
	for _, variable := range env {
		list, ok := strings.CutPrefix(variable, "PATH=")
		if !ok {
			continue
		}
		for _, entry := range filepath.SplitList(list) {
			path := filepath.Join(entry, name)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("exec: %q: executable file not found in $PATH", name)
}
