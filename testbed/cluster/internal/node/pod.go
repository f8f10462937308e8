package node

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// vanishGrace is what containers get whose pod was removed from the API server without asking the node.
const vanishGrace = 2 * time.Second

// pod runs one pod that is bound to this node, from its first container to its removal.
type pod struct {
	node *Node
	dir  string
	ip   string

	mu         sync.Mutex
	object     *v1.Pod // as the API server has it
	containers []*container
	inits      []*container
	ephemeral  []*container
	startTime  metav1.Time
	published  v1.PodStatus
	gone       bool // removed from the API server: nothing more to publish

	wake     chan struct{}
	deletion chan struct{} // closed when the pod is to end
	over     chan struct{} // closed when run has returned
	deleting sync.Once
}

func newPod(n *Node, object *v1.Pod, ip string) *pod {
	p := &pod{
		node: n, dir: filepath.Join(n.cfg.Dir, "pods", string(object.UID)), ip: ip, object: object, startTime: metav1.Now(),
		published: *object.Status.DeepCopy(), wake: make(chan struct{}, 1), deletion: make(chan struct{}), over: make(chan struct{}),
	}
	if object.Status.StartTime != nil {
		p.startTime = *object.Status.StartTime
	}
	for i := range object.Spec.InitContainers {
		p.inits = append(p.inits, p.newContainer(object.Spec.InitContainers[i], policyOfInit(object, i)))
	}
	for _, spec := range object.Spec.Containers {
		p.containers = append(p.containers, p.newContainer(spec, policyOf(object)))
	}
	return p
}

func (p *pod) newContainer(spec v1.Container, restart func(int) bool) *container {
	c := newContainer(spec, filepath.Join(p.dir, spec.Name), restartsSoFar(&p.object.Status, spec.Name))
	c.env, c.reaper, c.changed, c.restart = p.node.env, p.node.reaper, p.poke, restart
	c.event = func(kind, reason, message string) { p.node.events.Event(p.current(), kind, reason, message) }
	return c
}

func (p *pod) current() *v1.Pod {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.object
}

// update takes the pod's newest version from the API server.
func (p *pod) update(object *v1.Pod) {
	p.mu.Lock()
	p.object = object
	p.mu.Unlock()
	if object.DeletionTimestamp != nil {
		p.end()
	}
	p.poke()
}

// vanish is called when the API server has the pod no longer.
func (p *pod) vanish() {
	p.mu.Lock()
	p.gone = true
	p.mu.Unlock()
	p.end()
}

func (p *pod) end() { p.deleting.Do(func() { close(p.deletion) }) }

func (p *pod) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run starts the pod's containers and keeps its status in the API server true until it is deleted.
func (p *pod) run(ctx context.Context) {
	defer close(p.over)
	go p.startContainers(ctx)
	for {
		p.startEphemeral(ctx)
		p.publish(ctx)
		select {
		case <-p.wake:
		case <-p.deletion:
			p.terminate(ctx)
			return
		case <-ctx.Done():
			p.stopAll(p.node.cfg.StopGrace)
			return
		}
	}
}

// startContainers runs the init containers one after the other, then all others at once.
func (p *pod) startContainers(ctx context.Context) {
	object := p.podWithIP()
	for i, c := range p.inits {
		if isSidecar(&object.Spec.InitContainers[i]) {
			go c.run(ctx, object)
			continue
		}
		c.run(ctx, object)
		if s := c.status(); s.State.Terminated == nil || s.State.Terminated.ExitCode != 0 {
			p.poke()
			return
		}
	}
	for _, c := range p.containers {
		go c.run(ctx, object)
	}
}

// startEphemeral starts the debugging containers that were added since the pod runs.
func (p *pod) startEphemeral(ctx context.Context) {
	p.mu.Lock()
	var fresh []*container
	for i := range p.object.Spec.EphemeralContainers {
		spec := v1.Container(p.object.Spec.EphemeralContainers[i].EphemeralContainerCommon)
		if !slices.ContainsFunc(p.ephemeral, func(c *container) bool { return c.spec.Name == spec.Name }) {
			c := p.newContainer(spec, func(int) bool { return false })
			p.ephemeral, fresh = append(p.ephemeral, c), append(fresh, c)
		}
	}
	p.mu.Unlock()
	for _, c := range fresh {
		go c.run(ctx, p.podWithIP())
	}
}

// podWithIP is the pod as its containers see it: they may ask for an address before the status says it.
func (p *pod) podWithIP() *v1.Pod {
	object := p.current().DeepCopy()
	object.Status.PodIP = p.ip
	return object
}

func (p *pod) all() []*container {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Concat(p.inits, p.containers, p.ephemeral)
}

// stopAll ends all containers at once, each with the grace period.
func (p *pod) stopAll(grace time.Duration) {
	var wait sync.WaitGroup
	for _, c := range p.all() {
		wait.Go(func() { c.stop(grace) })
	}
	wait.Wait()
}

// terminate ends the containers, says how they ended and gives the pod back to the API server.
func (p *pod) terminate(ctx context.Context) {
	object := p.current()
	grace := vanishGrace
	if object.DeletionGracePeriodSeconds != nil {
		grace = time.Duration(*object.DeletionGracePeriodSeconds) * time.Second
	}
	p.node.events.Event(object, v1.EventTypeNormal, "Killing", "Stopping the pod's containers")
	p.stopAll(grace)
	p.mu.Lock()
	gone := p.gone
	p.mu.Unlock()
	if !gone {
		p.publish(ctx)
		p.node.removeFromAPI(ctx, object)
	}
}

// container finds a container by name, whatever its kind.
func (p *pod) container(name string) *container {
	for _, c := range p.all() {
		if c.spec.Name == name {
			return c
		}
	}
	return nil
}
