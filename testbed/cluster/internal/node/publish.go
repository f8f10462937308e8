package node

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	podutil "k8s.io/kubernetes/pkg/util/pod"
)

// publish writes the status to the API server if it is another one than the last.
func (p *pod) publish(ctx context.Context) {
	p.mu.Lock()
	object, old, gone := p.object, p.published, p.gone
	p.mu.Unlock()
	if gone {
		return
	}
	status := p.status()
	_, _, unchanged, err := podutil.PatchPodStatus(ctx, p.node.client, object.Namespace, object.Name, object.UID, old, *status.DeepCopy())
	switch {
	case err != nil && p.isRemoved(ctx): // between its removal and the news of it
	case err != nil && ctx.Err() == nil:
		klog.ErrorS(err, "Writing the pod's status failed, trying again", "pod", klog.KObj(object))
		time.AfterFunc(retryEvery, p.poke)
	case err == nil && !unchanged:
		p.mu.Lock()
		p.published = *status
		p.mu.Unlock()
	}
}

// isRemoved asks the API server whether it has this pod no longer, or another one of the same name.
func (p *pod) isRemoved(ctx context.Context) bool {
	object := p.current()
	now, err := p.node.client.CoreV1().Pods(object.Namespace).Get(ctx, object.Name, metav1.GetOptions{})
	return apierrors.IsNotFound(err) || (err == nil && now.UID != object.UID)
}
