package process

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
)

// Reaper is a helper process that knows the process groups of all containers and kills them when the node is gone.
type Reaper struct {
	mu    sync.Mutex
	pipe  io.WriteCloser
	cmd   *exec.Cmd
	alive map[int]struct{}
}

// StartReaper starts the helper: a binary with arguments that lead to RunReaper.
func StartReaper(path string, args ...string) (*Reaper, error) {
	cmd := exec.Command(path, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the reaper: %w", err)
	}
	return &Reaper{pipe: pipe, cmd: cmd, alive: map[int]struct{}{}}, nil
}

// Add tells of a process group.
func (r *Reaper) Add(group int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.alive[group] = struct{}{}
	_, _ = fmt.Fprintf(r.pipe, "+%d\n", group)
}

// Remove kills what is left of a process group whose leader has ended, and forgets it.
func (r *Reaper) Remove(group int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.alive[group]; !ok {
		return
	}
	if GroupAlive(group) {
		_ = syscall.Kill(-group, syscall.SIGKILL)
	}
	delete(r.alive, group)
	_, _ = fmt.Fprintf(r.pipe, "-%d\n", group)
}

// Close kills all that is left and waits for the helper's end.
func (r *Reaper) Close() {
	r.mu.Lock()
	for group := range r.alive {
		_ = syscall.Kill(-group, syscall.SIGKILL)
	}
	r.mu.Unlock()
	_ = r.pipe.Close()
	_ = r.cmd.Wait()
}

// RunReaper is the helper's main function: it reads "+group" and "-group" lines, and at their end kills the rest.
func RunReaper(in io.Reader) {
	groups := map[int]struct{}{}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := lines.Text()
		if len(line) < 2 {
			continue
		}
		group, err := strconv.Atoi(line[1:])
		if err != nil || group < 2 {
			continue
		}
		if line[0] == '+' {
			groups[group] = struct{}{}
		} else {
			delete(groups, group)
		}
	}
	for group := range groups {
		_ = syscall.Kill(-group, syscall.SIGKILL)
	}
}
