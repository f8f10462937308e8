package node

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/fairlead/fairlead/testbed/cluster/internal/process"
)

// outputGrace is how long a container's output is read on after its main process ended, for what children still hold open.
const outputGrace = 2 * time.Second

// attempt is one run of a container: its process, private directory, log and whom it talks to.
type attempt struct {
	id      string
	root    string // the working directory, home and everything
	logPath string
	env     []string
	proc    *process.Process
	reaper  *process.Reaper
	out     *fanout
	errOut  *fanout
	started time.Time
	done    chan struct{} // closed when the process has ended and all its output is logged

	mu       sync.Mutex
	stdin    io.WriteCloser
	execs    map[*process.Process]struct{}
	left     map[int]struct{} // process groups whose leader, an exec's command, has ended before them
	exitCode int
	finished time.Time
}

// newAttempt makes the directories of a run, below the container's own directory.
func newAttempt(dir string) (*attempt, error) {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return nil, err
	}
	id := hex.EncodeToString(random)
	root := filepath.Join(dir, id[:12])
	if err := os.MkdirAll(filepath.Join(root, "tmp"), 0o750); err != nil {
		return nil, err
	}
	return &attempt{
		id: id, root: root, logPath: filepath.Join(dir, id[:12]+".log"), out: newFanout(), errOut: newFanout(),
		done: make(chan struct{}), execs: map[*process.Process]struct{}{}, left: map[int]struct{}{},
	}, nil
}

// start runs the main process; ended is called when it is over.
func (a *attempt) start(spec process.Spec, reaper *process.Reaper, ended func()) error {
	log, err := createLogFile(a.logPath)
	if err != nil {
		return err
	}
	proc, err := process.Start(spec)
	if err != nil {
		log.close()
		return err
	}
	a.proc, a.stdin, a.reaper, a.env, a.started = proc, proc.Stdin, reaper, spec.Env, time.Now()
	reaper.Add(proc.Pid)
	var copies sync.WaitGroup
	copies.Go(func() { log.copyFrom("stdout", io.TeeReader(proc.Stdout, a.out)) })
	if proc.Stderr != nil {
		copies.Go(func() { log.copyFrom("stderr", io.TeeReader(proc.Stderr, a.errOut)) })
	}
	go func() {
		a.finish(proc.Wait(), &copies)
		log.close()
		close(a.done)
		ended()
	}()
	return nil
}

// finish ends what outlived the main process, as the end of a PID namespace would, and waits for the output.
func (a *attempt) finish(code int, copies *sync.WaitGroup) {
	a.mu.Lock()
	a.exitCode, a.finished = code, time.Now()
	for p := range a.execs {
		p.SignalAll(syscall.SIGKILL)
	}
	for group := range a.left {
		a.reaper.Remove(group)
	}
	a.mu.Unlock()
	a.reaper.Remove(a.proc.Pid)
	drained := make(chan struct{})
	go func() { copies.Wait(); close(drained) }()
	select {
	case <-drained:
	case <-time.After(outputGrace):
	}
	a.proc.Close()
	<-drained
}

// stop asks the main process to end and cuts it after the grace period; it returns when it is over.
func (a *attempt) stop(grace time.Duration) {
	if grace > 0 {
		a.proc.Signal(syscall.SIGTERM)
		select {
		case <-a.done:
			return
		case <-time.After(grace):
		}
	}
	select {
	case <-a.done:
		return
	default:
		a.proc.SignalAll(syscall.SIGKILL)
	}
	<-a.done
}

func (a *attempt) running() bool {
	select {
	case <-a.done:
		return false
	default:
		return a.proc != nil
	}
}

// addExec ties a further process to the life of the container; false when that is over already.
func (a *attempt) addExec(p *process.Process) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.finished.IsZero() {
		return false
	}
	a.execs[p] = struct{}{}
	a.reaper.Add(p.Pid)
	return true
}

// removeExec forgets a further process that has ended; what it left behind lives on as long as the container.
func (a *attempt) removeExec(p *process.Process) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.execs, p)
	a.left[p.Pid] = struct{}{}
	for group := range a.left {
		if !a.finished.IsZero() || !process.GroupAlive(group) {
			delete(a.left, group)
			a.reaper.Remove(group)
		}
	}
}

func (a *attempt) writeStdin(b []byte) error {
	a.mu.Lock()
	stdin := a.stdin
	a.mu.Unlock()
	if stdin == nil {
		return io.ErrClosedPipe
	}
	_, err := stdin.Write(b)
	return err
}

func (a *attempt) closeStdin() {
	a.mu.Lock()
	stdin := a.stdin
	a.stdin = nil
	a.mu.Unlock()
	if stdin != nil {
		_ = stdin.Close()
	}
}
