package node

import (
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// status is what the node has to say about the pod; conditions that others own are kept.
func (p *pod) status() *v1.PodStatus {
	object := p.current()
	s := object.Status.DeepCopy()
	s.ObservedGeneration = object.Generation
	s.HostIP, s.HostIPs = hostIP, []v1.HostIP{{IP: hostIP}}
	s.PodIP, s.PodIPs = p.ip, []v1.PodIP{{IP: p.ip}}
	s.StartTime = &p.startTime
	s.InitContainerStatuses = statusesOf(p.inits)
	s.ContainerStatuses = statusesOf(p.containers)
	p.mu.Lock()
	ephemeral := p.ephemeral
	p.mu.Unlock()
	s.EphemeralContainerStatuses = statusesOf(ephemeral)
	initialized := p.initialized(object, s)
	if !initialized {
		waitFor(s.ContainerStatuses, "PodInitializing")
	}
	s.Phase = phaseOf(object, s)
	ready := s.Phase == v1.PodRunning
	for _, c := range s.ContainerStatuses {
		ready = ready && c.Ready
	}
	setCondition(s, object.Generation, v1.PodReadyToStartContainers, true, "")
	setCondition(s, object.Generation, v1.PodInitialized, initialized, "ContainersNotInitialized")
	reason := "ContainersNotReady"
	if s.Phase == v1.PodSucceeded {
		reason = "PodCompleted"
	}
	setCondition(s, object.Generation, v1.PodReady, ready, reason)
	setCondition(s, object.Generation, v1.ContainersReady, ready, reason)
	return s
}

// initialized says whether all init containers have done their work.
func (p *pod) initialized(object *v1.Pod, s *v1.PodStatus) bool {
	for i, c := range s.InitContainerStatuses {
		if isSidecar(&object.Spec.InitContainers[i]) {
			if c.State.Running == nil && c.LastTerminationState.Terminated == nil {
				return false
			}
		} else if c.State.Terminated == nil || c.State.Terminated.ExitCode != 0 {
			return false
		}
	}
	return true
}

// phaseOf follows the kubelet's getPhase (pkg/kubelet/kubelet_pods.go).
func phaseOf(object *v1.Pod, s *v1.PodStatus) v1.PodPhase {
	for i, c := range s.InitContainerStatuses {
		if isSidecar(&object.Spec.InitContainers[i]) {
			continue
		}
		failed := c.State.Terminated != nil && c.State.Terminated.ExitCode != 0
		if failed && object.Spec.RestartPolicy == v1.RestartPolicyNever {
			return v1.PodFailed
		}
		if c.State.Terminated == nil || failed {
			return v1.PodPending
		}
	}
	var running, waiting, failed, ended int
	for _, c := range s.ContainerStatuses {
		switch {
		case c.State.Running != nil:
			running++
		case c.State.Terminated != nil:
			ended++
			if c.State.Terminated.ExitCode != 0 {
				failed++
			}
		case c.LastTerminationState.Terminated != nil: // between two runs
			running++
		default:
			waiting++
		}
	}
	switch {
	case waiting > 0:
		return v1.PodPending
	case running > 0:
		return v1.PodRunning
	case object.DeletionTimestamp == nil && object.Spec.RestartPolicy == v1.RestartPolicyAlways:
		return v1.PodRunning
	case failed > 0 && object.DeletionTimestamp == nil && object.Spec.RestartPolicy == v1.RestartPolicyOnFailure:
		return v1.PodRunning
	case failed > 0:
		return v1.PodFailed
	}
	return v1.PodSucceeded
}

func statusesOf(containers []*container) []v1.ContainerStatus {
	var list []v1.ContainerStatus
	for _, c := range containers {
		list = append(list, c.status())
	}
	return list
}

// waitFor gives containers that have not run the reason why.
func waitFor(statuses []v1.ContainerStatus, reason string) {
	for i := range statuses {
		if waiting := statuses[i].State.Waiting; waiting != nil && statuses[i].ContainerID == "" {
			waiting.Reason = reason
		}
	}
}

func setCondition(s *v1.PodStatus, generation int64, kind v1.PodConditionType, value bool, reasonIfNot string) {
	next := v1.PodCondition{Type: kind, Status: v1.ConditionTrue, ObservedGeneration: generation, LastTransitionTime: metav1.Now()}
	if !value {
		next.Status, next.Reason = v1.ConditionFalse, reasonIfNot
	}
	for i := range s.Conditions {
		if s.Conditions[i].Type != kind {
			continue
		}
		if s.Conditions[i].Status == next.Status {
			next.LastTransitionTime = s.Conditions[i].LastTransitionTime
		}
		s.Conditions[i] = next
		return
	}
	s.Conditions = append(s.Conditions, next)
}

// policyOf says when a container runs again after its end.
func policyOf(object *v1.Pod) func(int) bool {
	switch object.Spec.RestartPolicy {
	case v1.RestartPolicyNever:
		return func(int) bool { return false }
	case v1.RestartPolicyOnFailure:
		return func(code int) bool { return code != 0 }
	}
	return func(int) bool { return true }
}

func policyOfInit(object *v1.Pod, i int) func(int) bool {
	if isSidecar(&object.Spec.InitContainers[i]) {
		return func(int) bool { return true }
	}
	if object.Spec.RestartPolicy == v1.RestartPolicyNever {
		return func(int) bool { return false }
	}
	return func(code int) bool { return code != 0 }
}

func isSidecar(c *v1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == v1.ContainerRestartPolicyAlways
}

// restartsSoFar carries the count over a restart of the node, which starts all containers again.
func restartsSoFar(s *v1.PodStatus, name string) int32 {
	for _, list := range [][]v1.ContainerStatus{s.InitContainerStatuses, s.ContainerStatuses} {
		for _, c := range list {
			if c.Name == name && c.ContainerID != "" {
				return c.RestartCount + 1
			}
		}
	}
	return 0
}
