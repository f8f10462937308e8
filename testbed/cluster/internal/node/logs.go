package node

import (
	"context"
	"net/http"
	"time"

	v1 "k8s.io/api/core/v1"
	criapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-client/pkg/logs"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/core/v1/validation"
)

// serveLogs answers as the kubelet does (pkg/kubelet/server/server.go, getContainerLogs), with the kubelet's own log reader.
func (n *Node) serveLogs(w http.ResponseWriter, r *http.Request) {
	options := &v1.PodLogOptions{}
	if err := legacyscheme.ParameterCodec.DecodeParameters(r.URL.Query(), v1.SchemeGroupVersion, options); err != nil {
		http.Error(w, `{"message": "Unable to decode query."}`, http.StatusBadRequest)
		return
	}
	if errs := validation.ValidatePodLogOptions(options); len(errs) > 0 {
		http.Error(w, `{"message": "Invalid request."}`, http.StatusUnprocessableEntity)
		return
	}
	p := n.find(r.PathValue("namespace"), r.PathValue("pod"))
	if p == nil {
		http.Error(w, "pod does not exist", http.StatusNotFound)
		return
	}
	c := p.container(r.PathValue("container"))
	if c == nil {
		http.Error(w, "container not found in pod", http.StatusNotFound)
		return
	}
	c.mu.Lock()
	a := c.current
	if options.Previous {
		a = c.previous
	}
	c.mu.Unlock()
	if a == nil && options.Previous {
		http.Error(w, "previous terminated container \""+c.spec.Name+"\" in pod not found", http.StatusBadRequest)
		return
	}
	if a == nil {
		http.Error(w, "container \""+c.spec.Name+"\" in pod is waiting to start", http.StatusBadRequest)
		return
	}
	out := &flushing{w: w, flush: http.NewResponseController(w)}
	stdout, stderr := out, out
	if options.Stream != nil && *options.Stream == v1.LogStreamStdout {
		stderr = nil
	} else if options.Stream != nil && *options.Stream == v1.LogStreamStderr {
		stdout = nil
	}
	// As with the kubelet, the head goes with the first bytes: who follows a quiet log waits for both.
	if err := readLogs(r.Context(), a, options, stdout, stderr); err != nil && r.Context().Err() == nil {
		klog.V(2).InfoS("Reading a log ended", "container", c.spec.Name, "err", err)
		if !out.written {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}
}

func readLogs(ctx context.Context, a *attempt, options *v1.PodLogOptions, stdout, stderr *flushing) error {
	o := logOptions(options)
	alive := lifeOf{attempt: a}
	switch { // a typed nil would not be nil to the reader
	case stdout == nil:
		return logs.ReadLogs(ctx, a.logPath, a.id, o, alive, nil, stderr)
	case stderr == nil:
		return logs.ReadLogs(ctx, a.logPath, a.id, o, alive, stdout, nil)
	}
	return logs.ReadLogs(ctx, a.logPath, a.id, o, alive, stdout, stderr)
}

func logOptions(from *v1.PodLogOptions) *logs.LogOptions {
	o := &logs.LogOptions{
		TailLines: from.TailLines, LimitBytes: from.LimitBytes, Follow: from.Follow, Timestamp: from.Timestamps,
	}
	switch {
	case from.SinceSeconds != nil:
		o.Since = time.Now().Add(-time.Duration(*from.SinceSeconds) * time.Second)
	case from.SinceTime != nil:
		o.Since = from.SinceTime.Time
	}
	return o
}

// lifeOf tells the log reader whether a container runs, which is all it asks of a container runtime.
type lifeOf struct {
	criapi.RuntimeService
	attempt *attempt
}

func (l lifeOf) ContainerStatus(context.Context, string, bool) (*runtimeapi.ContainerStatusResponse, error) {
	state := runtimeapi.ContainerState_CONTAINER_EXITED
	if l.attempt.running() {
		state = runtimeapi.ContainerState_CONTAINER_RUNNING
	}
	return &runtimeapi.ContainerStatusResponse{Status: &runtimeapi.ContainerStatus{State: state}}, nil
}

// flushing sends each write at once.
type flushing struct {
	w     http.ResponseWriter
	flush *http.ResponseController

	written bool
}

func (f *flushing) Write(b []byte) (int, error) {
	f.written = true
	n, err := f.w.Write(b)
	if err == nil {
		err = f.flush.Flush()
	}
	return n, err
}
