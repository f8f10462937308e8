// Package node is a Kubernetes node whose containers are local processes: no images, no isolation, any user.
package node

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"github.com/fairlead/fairlead/testbed/cluster/internal/process"
)

const (
	// hostIP is the node's only address: nothing here is reachable from another machine.
	hostIP = "127.0.0.1"
	// containerIDPrefix names the runtime in container ids, as containerd:// does.
	containerIDPrefix = "fairlead://"
	retryEvery        = time.Second
)

// Config says what the node is called, where it keeps its files and who may call it.
type Config struct {
	Name      string
	Dir       string
	Tools     string // the directory of the commands for pods, first in their PATH
	StopGrace time.Duration
	Client    kubernetes.Interface
	APIServer string // host:port for KUBERNETES_SERVICE_HOST and _PORT
	Port      int    // of the kubelet's API, already listening
	Reaper    *process.Reaper
}

// Node runs the pods that are bound to it.
type Node struct {
	cfg    Config
	client kubernetes.Interface
	env    *environment
	reaper *process.Reaper
	events record.EventRecorder

	mu   sync.Mutex
	pods map[types.UID]*pod
	ips  int
	live sync.WaitGroup
}

// New makes a node; Run registers and runs it.
func New(cfg Config) (*Node, error) {
	host, port, err := net.SplitHostPort(cfg.APIServer)
	if err != nil {
		return nil, fmt.Errorf("the API server's address %q: %w", cfg.APIServer, err)
	}
	if err := os.RemoveAll(filepath.Join(cfg.Dir, "pods")); err != nil {
		return nil, err
	}
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&typedv1.EventSinkImpl{Interface: cfg.Client.CoreV1().Events("")})
	source := v1.EventSource{Component: "kubelet", Host: cfg.Name}
	base := []v1.EnvVar{
		{Name: "PATH", Value: basePath(cfg.Tools)},
		{Name: "KUBERNETES_SERVICE_HOST", Value: host},
		{Name: "KUBERNETES_SERVICE_PORT", Value: port},
		{Name: "KUBERNETES_SERVICE_PORT_HTTPS", Value: port},
	}
	return &Node{
		cfg: cfg, client: cfg.Client, reaper: cfg.Reaper, pods: map[types.UID]*pod{},
		env:    &environment{client: cfg.Client, base: base, nodeName: cfg.Name},
		events: broadcaster.NewRecorder(scheme.Scheme, source),
	}, nil
}

// Run registers the node, runs its pods until the context ends, then ends them.
func (n *Node) Run(ctx context.Context) error {
	if err := n.register(ctx); err != nil {
		return err
	}
	go n.heartbeat(ctx)
	mine := fields.OneTermEqualSelector("spec.nodeName", n.cfg.Name)
	list := cache.NewListWatchFromClient(n.client.CoreV1().RESTClient(), "pods", metav1.NamespaceAll, mine)
	_, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: list, ObjectType: &v1.Pod{}, Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { n.see(ctx, o.(*v1.Pod)) },
			UpdateFunc: func(_, o any) { n.see(ctx, o.(*v1.Pod)) },
			DeleteFunc: n.lose,
		},
	})
	controller.RunWithContext(ctx)
	n.live.Wait()
	return nil
}

// see takes a pod as the API server has it now.
func (n *Node) see(ctx context.Context, object *v1.Pod) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p, ok := n.pods[object.UID]; ok {
		p.update(object)
		return
	}
	finished := object.Status.Phase == v1.PodSucceeded || object.Status.Phase == v1.PodFailed
	if object.DeletionTimestamp != nil {
		go n.removeFromAPI(ctx, object)
		return
	}
	if finished {
		return
	}
	p := newPod(n, object, n.nextIP())
	n.pods[object.UID] = p
	n.live.Go(func() {
		p.run(ctx)
		n.mu.Lock()
		delete(n.pods, object.UID)
		n.mu.Unlock()
		_ = os.RemoveAll(p.dir)
	})
}

// lose is told of a pod that the API server has no longer.
func (n *Node) lose(o any) {
	if unknown, ok := o.(cache.DeletedFinalStateUnknown); ok {
		o = unknown.Obj
	}
	object, ok := o.(*v1.Pod)
	if !ok {
		return
	}
	n.mu.Lock()
	p := n.pods[object.UID]
	n.mu.Unlock()
	if p != nil {
		p.vanish()
	}
}

// removeFromAPI confirms a deletion: nothing of the pod runs any more. It goes on trying while the API server is away.
func (n *Node) removeFromAPI(ctx context.Context, object *v1.Pod) {
	now := int64(0)
	options := metav1.DeleteOptions{GracePeriodSeconds: &now, Preconditions: metav1.NewUIDPreconditions(string(object.UID))}
	_ = wait.PollUntilContextCancel(ctx, retryEvery, true, func(ctx context.Context) (bool, error) {
		err := n.client.CoreV1().Pods(object.Namespace).Delete(ctx, object.Name, options)
		return err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err), nil
	})
}

// find returns a pod of this node by name; of two, the one that is not on its way out.
func (n *Node) find(namespace, name string) *pod {
	n.mu.Lock()
	defer n.mu.Unlock()
	var found *pod
	for _, p := range n.pods {
		object := p.current()
		if object.Namespace != namespace || object.Name != name {
			continue
		}
		if found == nil || found.current().CreationTimestamp.Before(&object.CreationTimestamp) {
			found = p
		}
	}
	return found
}
