package node

import (
	"context"
	"fmt"
	"runtime"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"k8s.io/component-base/version"
	"k8s.io/klog/v2"
)

// The kubelet's defaults: a lease of 40 s, renewed four times in it; the status less often, as the lease tells of life.
const (
	leaseSeconds   = 40
	leaseNamespace = "kube-node-lease"
	renewEvery     = 10 * time.Second
	statusEvery    = 5 * time.Minute
	maxPods        = 250
)

// register makes the Node object, or takes over the one that an earlier run left.
func (n *Node) register(ctx context.Context) error {
	nodes := n.client.CoreV1().Nodes()
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: n.cfg.Name, Labels: map[string]string{
		v1.LabelHostname: n.cfg.Name, v1.LabelOSStable: runtime.GOOS, v1.LabelArchStable: runtime.GOARCH,
	}}}
	n.describe(node)
	if _, err := nodes.Create(ctx, node, metav1.CreateOptions{}); err == nil {
		return nil
	} else if !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("registering the node: %w", err)
	}
	return n.writeStatus(ctx)
}

func (n *Node) writeStatus(ctx context.Context) error {
	nodes := n.client.CoreV1().Nodes()
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		node, err := nodes.Get(ctx, n.cfg.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		n.describe(node)
		_, err = nodes.UpdateStatus(ctx, node, metav1.UpdateOptions{})
		return err
	})
}

// describe fills in the status.
func (n *Node) describe(node *v1.Node) {
	capacity := v1.ResourceList{
		v1.ResourceCPU:    *resource.NewQuantity(int64(runtime.NumCPU()), resource.DecimalSI),
		v1.ResourceMemory: resource.MustParse("8Gi"),
		v1.ResourcePods:   *resource.NewQuantity(maxPods, resource.DecimalSI),
	}
	ready := v1.NodeCondition{
		Type: v1.NodeReady, Status: v1.ConditionTrue, Reason: "KubeletReady", Message: "the testbed's node runs pods as local processes",
		LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now(),
	}
	for _, old := range node.Status.Conditions {
		if old.Type == v1.NodeReady && old.Status == v1.ConditionTrue {
			ready.LastTransitionTime = old.LastTransitionTime
		}
	}
	node.Status.Capacity, node.Status.Allocatable = capacity, capacity
	node.Status.Conditions = []v1.NodeCondition{ready}
	node.Status.Addresses = []v1.NodeAddress{{Type: v1.NodeInternalIP, Address: hostIP}, {Type: v1.NodeHostName, Address: n.cfg.Name}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(n.cfg.Port)
	node.Status.NodeInfo = v1.NodeSystemInfo{
		OperatingSystem: runtime.GOOS, Architecture: runtime.GOARCH, KubeletVersion: version.Get().GitVersion,
		ContainerRuntimeVersion: "fairlead://1.0.0", OSImage: "Fairlead testbed", KernelVersion: "none",
	}
}

// heartbeat renews the lease and the status until the context ends.
func (n *Node) heartbeat(ctx context.Context) {
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	written := time.Now()
	for {
		if err := n.renewLease(ctx); err != nil && ctx.Err() == nil {
			klog.ErrorS(err, "Renewing the node's lease failed, trying again")
		}
		if time.Since(written) > statusEvery {
			if err := n.writeStatus(ctx); err != nil && ctx.Err() == nil {
				klog.ErrorS(err, "Writing the node's status failed, trying again")
			} else {
				written = time.Now()
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (n *Node) renewLease(ctx context.Context) error {
	leases := n.client.CoordinationV1().Leases(leaseNamespace)
	seconds, now := int32(leaseSeconds), metav1.NowMicro()
	spec := coordinationv1.LeaseSpec{HolderIdentity: &n.cfg.Name, LeaseDurationSeconds: &seconds, RenewTime: &now}
	lease, err := leases.Get(ctx, n.cfg.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = leases.Create(ctx, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: n.cfg.Name}, Spec: spec}, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	lease.Spec = spec
	_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	return err
}
