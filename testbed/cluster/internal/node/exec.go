package node

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"

	"github.com/fairlead/fairlead/testbed/cluster/internal/process"
)

// executor runs further commands in a container: with its environment, in its directory, for as long as it lives.
type executor struct {
	container *container
	attempt   *attempt
}

// ExecInContainer implements remotecommand.Executor. Like containerd, it leaves a command without a terminal
// running when its client goes away; writing to the client's closed streams then ends most.
func (e executor) ExecInContainer(ctx context.Context, _, _, _ string, cmd []string, in io.Reader, out, errOut io.WriteCloser,
	tty bool, resize <-chan remotecommand.TerminalSize, _ time.Duration) error {
	env := e.attempt.env
	if tty && !e.container.spec.TTY {
		env = append(append([]string{}, env...), "TERM=xterm")
	}
	dir := filepath.Join(e.attempt.root, filepath.Clean("/"+e.container.spec.WorkingDir))
	if _, err := os.Stat(dir); err != nil {
		return err
	}
	p, err := process.Start(process.Spec{Argv: cmd, Env: env, Dir: dir, TTY: tty, Stdin: in != nil})
	if err != nil {
		return err
	}
	if !e.attempt.addExec(p) {
		p.SignalAll(syscall.SIGKILL)
		_ = p.Wait()
		p.Close()
		return errors.New("container is not running")
	}
	go followSize(ctx, resize, p)
	if in != nil {
		go func() {
			_, _ = io.Copy(p.Stdin, in)
			_ = p.Stdin.Close()
		}()
	}
	var copies sync.WaitGroup
	copies.Go(func() { drain(out, p.Stdout) })
	if p.Stderr != nil {
		copies.Go(func() { drain(errOut, p.Stderr) })
	}
	code := p.Wait()
	e.attempt.removeExec(p)
	copies.Wait()
	p.Close()
	if code != 0 {
		return utilexec.CodeExitError{Err: errors.New("command terminated"), Code: code}
	}
	return nil
}

// drain copies an output to a client that may not want it, or may go away: then its end of the pipe is closed.
func drain(to io.Writer, from io.ReadCloser) {
	if to == nil {
		to = io.Discard
	}
	if _, err := io.Copy(to, from); err != nil {
		_ = from.Close()
	}
}

// followSize gives a terminal the client's size, again and again.
func followSize(ctx context.Context, resize <-chan remotecommand.TerminalSize, p *process.Process) {
	for {
		select {
		case size, ok := <-resize:
			if !ok {
				return
			}
			if size.Width > 0 && size.Height > 0 {
				p.Resize(size.Width, size.Height)
			}
		case <-ctx.Done():
			return
		}
	}
}

// attacher connects a client to the main process of a container.
type attacher struct {
	container *container
	attempt   *attempt
}

// AttachContainer implements remotecommand.Attacher; it lasts until the container ends or the client goes.
func (t attacher) AttachContainer(ctx context.Context, _, _, _ string, in io.Reader, out, errOut io.WriteCloser,
	tty bool, resize <-chan remotecommand.TerminalSize) error {
	_ = tty
	gone := make(chan struct{})
	var once sync.Once
	leave := func() { once.Do(func() { close(gone) }) }
	if out != nil {
		defer t.attempt.out.add(out, leave)()
	}
	if errOut != nil {
		defer t.attempt.errOut.add(errOut, leave)()
	}
	go followSize(ctx, resize, t.attempt.proc)
	if in != nil {
		go t.feed(in)
	}
	select {
	case <-t.attempt.done:
	case <-gone:
	case <-ctx.Done():
	}
	return nil
}

// feed passes the client's input on; a container with stdinOnce sees its end, others wait for the next client.
func (t attacher) feed(in io.Reader) {
	buffer := make([]byte, 32*1024)
	for {
		n, err := in.Read(buffer)
		if n > 0 && t.attempt.writeStdin(buffer[:n]) != nil {
			return
		}
		if err != nil {
			break
		}
	}
	if t.container.spec.StdinOnce {
		t.attempt.closeStdin()
	}
}
