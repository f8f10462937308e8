package node

import (
	"io"
	"sync"
)

// fanout hands one output of a container to all who are attached to it.
// As in containerd, an attached client that does not read holds the container's output back.
type fanout struct {
	mu    sync.Mutex
	sinks map[int]io.Writer
	next  int
}

func newFanout() *fanout { return &fanout{sinks: map[int]io.Writer{}} }

// add attaches a writer; gone is called once if it fails.
func (f *fanout) add(w io.Writer, gone func()) (remove func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := f.next
	f.next++
	f.sinks[id] = &failingOnce{w, gone}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.sinks, id)
	}
}

// Write never fails: a container does not notice that nobody is attached.
func (f *fanout) Write(b []byte) (int, error) {
	f.mu.Lock()
	sinks := make(map[int]io.Writer, len(f.sinks))
	for id, sink := range f.sinks {
		sinks[id] = sink
	}
	f.mu.Unlock()
	for id, sink := range sinks {
		if _, err := sink.Write(b); err != nil {
			f.mu.Lock()
			delete(f.sinks, id)
			f.mu.Unlock()
		}
	}
	return len(b), nil
}

type failingOnce struct {
	io.Writer
	gone func()
}

func (w *failingOnce) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	if err != nil {
		w.gone()
	}
	return n, err
}
