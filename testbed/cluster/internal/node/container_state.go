package node

import (
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func (c *container) terminated(a *attempt, startedAt metav1.Time, code int, reason, message string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != a {
		c.previous, c.current = c.current, a
	}
	c.state = v1.ContainerState{Terminated: &v1.ContainerStateTerminated{
		ExitCode: int32(code), Reason: reason, Message: message,
		StartedAt: startedAt, FinishedAt: metav1.Now(), ContainerID: containerIDPrefix + a.id,
	}}
}

// wait sets a waiting state and keeps the end of the last run as the last state.
func (c *container) wait(reason, message string) {
	c.mu.Lock()
	if c.state.Terminated != nil {
		c.last = v1.ContainerState{Terminated: c.state.Terminated}
	}
	c.state = v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: reason, Message: message}}
	c.mu.Unlock()
	c.changed()
}

// status is the container's part of the pod's status.
func (c *container) status() v1.ContainerStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	running := c.state.Running != nil
	s := v1.ContainerStatus{
		Name: c.spec.Name, State: *c.state.DeepCopy(), LastTerminationState: *c.last.DeepCopy(),
		Ready: running, Started: &running, RestartCount: c.restarts, Image: c.spec.Image,
	}
	if c.current != nil {
		s.ContainerID = containerIDPrefix + c.current.id
	}
	return s
}
