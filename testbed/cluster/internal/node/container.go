package node

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairlead/fairlead/testbed/cluster/internal/process"
)

// The kubelet's back-off between restarts (pkg/kubelet/kubelet.go): 10 s, doubled up to 5 minutes, forgotten after 10 good minutes.
const (
	firstBackoff  = 10 * time.Second
	maxBackoff    = 5 * time.Minute
	backoffForget = 10 * time.Minute
	configRetry   = 5 * time.Second
)

// startErrorCode is what the CRI reports for a command that could not be started.
const startErrorCode = 128

// container is one container of a pod over all its restarts.
type container struct {
	spec    v1.Container
	dir     string
	restart func(exitCode int) bool
	env     *environment
	reaper  *process.Reaper
	changed func()                             // the state is another one
	event   func(kind, reason, message string) // to be told in the pod's events

	mu       sync.Mutex
	state    v1.ContainerState
	last     v1.ContainerState
	restarts int32
	launched bool // run has been called
	stopping bool
	current  *attempt // the running or latest run
	previous *attempt
	quit     chan struct{}
	ended    chan struct{} // closed when it will not run again
}

func newContainer(spec v1.Container, dir string, restarts int32) *container {
	return &container{
		spec: spec, dir: dir, restarts: restarts, quit: make(chan struct{}), ended: make(chan struct{}),
		state: v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: "ContainerCreating"}},
	}
}

// run keeps the container running as its policy wants, until it is over or stopped.
func (c *container) run(ctx context.Context, pod *v1.Pod) {
	c.mu.Lock()
	if c.stopping {
		c.mu.Unlock()
		return
	}
	c.launched = true
	c.mu.Unlock()
	defer close(c.ended)
	backoff := time.Duration(0)
	for {
		began := time.Now()
		code, err := c.once(ctx, pod)
		if errors.Is(err, errConfig) {
			if !c.pause(configRetry) {
				return
			}
			continue
		}
		c.mu.Lock()
		again := !c.stopping && c.restart(code)
		c.mu.Unlock()
		c.changed()
		if !again {
			return
		}
		if time.Since(began) > backoffForget {
			backoff = 0
		}
		if backoff > 0 {
			c.wait("CrashLoopBackOff", "back-off "+backoff.String()+" restarting failed container="+c.spec.Name)
			c.event(v1.EventTypeWarning, "BackOff", "Back-off restarting failed container "+c.spec.Name)
		}
		if !c.pause(backoff) {
			return
		}
		backoff = min(max(backoff*2, firstBackoff), maxBackoff)
		c.mu.Lock()
		c.restarts++
		c.mu.Unlock()
	}
}

var errConfig = errors.New("container configuration")

// once runs the container one time and returns its exit code.
func (c *container) once(ctx context.Context, pod *v1.Pod) (int, error) {
	a, err := newAttempt(c.dir)
	if err != nil {
		c.wait("CreateContainerError", err.Error())
		return 0, errConfig
	}
	spec, err := c.process(ctx, pod, a)
	if err != nil {
		c.wait("CreateContainerConfigError", err.Error())
		c.event(v1.EventTypeWarning, "Failed", "Error: "+err.Error())
		_ = os.RemoveAll(a.root)
		return 0, errConfig
	}
	c.mu.Lock()
	if c.stopping {
		c.mu.Unlock()
		return 0, nil
	}
	startedAt := metav1.Now()
	if err := a.start(spec, c.reaper, func() {}); err != nil {
		c.mu.Unlock()
		c.terminated(a, startedAt, startErrorCode, "StartError", "failed to start container: "+err.Error())
		c.event(v1.EventTypeWarning, "Failed", "Error: "+err.Error())
		return startErrorCode, nil
	}
	if c.state.Terminated != nil {
		c.last = v1.ContainerState{Terminated: c.state.Terminated}
	}
	old := c.previous
	c.previous, c.current = c.current, a
	c.state = v1.ContainerState{Running: &v1.ContainerStateRunning{StartedAt: startedAt}}
	c.mu.Unlock()
	if old != nil { // the kubelet keeps one dead container, too
		_ = os.RemoveAll(old.root)
		_ = os.Remove(old.logPath)
	}
	c.event(v1.EventTypeNormal, "Started", "Container started: "+c.spec.Name)
	c.changed()
	<-a.done
	reason := "Completed"
	if a.exitCode != 0 {
		reason = "Error"
	}
	c.terminated(a, startedAt, a.exitCode, reason, "")
	return a.exitCode, nil
}

// process turns the container's specification into that of a local process; the image does not matter.
func (c *container) process(ctx context.Context, pod *v1.Pod, a *attempt) (process.Spec, error) {
	env, expand, err := c.env.of(ctx, pod, &c.spec, a.root)
	if err != nil {
		return process.Spec{}, err
	}
	var argv []string
	for _, word := range append(append([]string{}, c.spec.Command...), c.spec.Args...) {
		argv = append(argv, expand(word))
	}
	if len(c.spec.Command) == 0 {
		argv = append([]string{"fairlead-pod", "pause"}, argv...)
	}
	dir := filepath.Join(a.root, filepath.Clean("/"+c.spec.WorkingDir))
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return process.Spec{}, err
	}
	return process.Spec{Argv: argv, Env: env, Dir: dir, TTY: c.spec.TTY, Stdin: c.spec.Stdin}, nil
}

// pause waits for a time; false if the container is to stop.
func (c *container) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.quit:
		return false
	}
}

// stop ends the container for good and waits for that.
func (c *container) stop(grace time.Duration) {
	c.mu.Lock()
	first := !c.stopping
	c.stopping = true
	a, launched := c.current, c.launched
	c.mu.Unlock()
	if first {
		close(c.quit)
	}
	if a != nil && a.running() {
		if !first || grace == 0 {
			a.proc.SignalAll(syscall.SIGKILL)
		} else {
			a.stop(grace)
		}
	}
	if launched {
		<-c.ended
	}
}
