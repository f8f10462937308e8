// Package scheduler binds pods to the testbed's one node: with one node there is nothing to choose.
package scheduler

import (
	"context"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
)

const (
	pollInterval = 100 * time.Millisecond
	retryEvery   = 500 * time.Millisecond
	bindTimeout  = time.Minute
)

type scheduler struct {
	client kubernetes.Interface
	node   *v1.Node
	events record.EventRecorder
}

// Run binds what waits for a node until the context ends. Of a pod's wishes it knows nodeSelector and scheduling gates.
func Run(ctx context.Context, client kubernetes.Interface, nodeName string) error {
	node, err := waitForNode(ctx, client, nodeName)
	if err != nil {
		return err
	}
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&typedv1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	source := v1.EventSource{Component: v1.DefaultSchedulerName}
	s := &scheduler{client: client, node: node, events: broadcaster.NewRecorder(scheme.Scheme, source)}
	unbound := fields.OneTermEqualSelector("spec.nodeName", "")
	list := cache.NewListWatchFromClient(client.CoreV1().RESTClient(), "pods", metav1.NamespaceAll, unbound)
	_, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: list, ObjectType: &v1.Pod{}, Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { go s.consider(ctx, o.(*v1.Pod)) },
			UpdateFunc: func(_, o any) { go s.consider(ctx, o.(*v1.Pod)) },
		},
	})
	controller.RunWithContext(ctx)
	return nil
}

// waitForNode waits until the node has registered itself.
func waitForNode(ctx context.Context, client kubernetes.Interface, name string) (*v1.Node, error) {
	var node *v1.Node
	err := wait.PollUntilContextCancel(ctx, pollInterval, true, func(ctx context.Context) (bool, error) {
		var err error
		node, err = client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
	return node, err
}

// consider binds a pod if it is for this scheduler, and tries again for a while if the API server is away.
func (s *scheduler) consider(ctx context.Context, pod *v1.Pod) {
	if !s.wants(pod) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, bindTimeout)
	defer cancel()
	err := wait.PollUntilContextCancel(ctx, retryEvery, true, func(ctx context.Context) (bool, error) {
		err := s.bind(ctx, pod)
		if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			klog.V(2).InfoS("Binding a pod failed", "pod", klog.KObj(pod), "err", err)
			return false, nil
		}
		return true, nil
	})
	if err != nil {
		klog.ErrorS(err, "Binding a pod was given up", "pod", klog.KObj(pod))
	}
}

func (s *scheduler) bind(ctx context.Context, pod *v1.Pod) error {
	binding := &v1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Target:     v1.ObjectReference{Kind: "Node", Name: s.node.Name},
	}
	if err := s.client.CoreV1().Pods(pod.Namespace).Bind(ctx, binding, metav1.CreateOptions{}); err != nil {
		return err
	}
	s.events.Eventf(pod, v1.EventTypeNormal, "Scheduled", "Successfully assigned %s/%s to %s", pod.Namespace, pod.Name, s.node.Name)
	return nil
}

// wants says whether the pod is for this scheduler and fits the node; if it does not fit, an event says why.
func (s *scheduler) wants(pod *v1.Pod) bool {
	if pod.Spec.SchedulerName != v1.DefaultSchedulerName || pod.DeletionTimestamp != nil || len(pod.Spec.SchedulingGates) > 0 {
		return false
	}
	for key, value := range pod.Spec.NodeSelector {
		if s.node.Labels[key] != value {
			s.events.Event(pod, v1.EventTypeWarning, "FailedScheduling", "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.")
			return false
		}
	}
	return true
}
