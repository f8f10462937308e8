package node

import (
	"testing"

	v1 "k8s.io/api/core/v1"
)

func TestPhases(t *testing.T) {
	running := v1.ContainerStatus{State: v1.ContainerState{Running: &v1.ContainerStateRunning{}}}
	waiting := v1.ContainerStatus{State: v1.ContainerState{Waiting: &v1.ContainerStateWaiting{}}}
	ended := func(code int32) v1.ContainerStatus {
		return v1.ContainerStatus{State: v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ExitCode: code}}}
	}
	backingOff := waiting
	backingOff.LastTerminationState.Terminated = &v1.ContainerStateTerminated{ExitCode: 1}
	for _, c := range []struct {
		name       string
		policy     v1.RestartPolicy
		init, main []v1.ContainerStatus
		want       v1.PodPhase
	}{
		{"nothing has started", v1.RestartPolicyAlways, nil, []v1.ContainerStatus{waiting}, v1.PodPending},
		{"one of two runs", v1.RestartPolicyAlways, nil, []v1.ContainerStatus{running, waiting}, v1.PodPending},
		{"all run", v1.RestartPolicyAlways, nil, []v1.ContainerStatus{running, running}, v1.PodRunning},
		{"between two runs", v1.RestartPolicyAlways, nil, []v1.ContainerStatus{backingOff}, v1.PodRunning},
		{"ended and to be started again", v1.RestartPolicyAlways, nil, []v1.ContainerStatus{ended(1)}, v1.PodRunning},
		{"one of two has ended", v1.RestartPolicyNever, nil, []v1.ContainerStatus{ended(0), running}, v1.PodRunning},
		{"all ended well", v1.RestartPolicyNever, nil, []v1.ContainerStatus{ended(0), ended(0)}, v1.PodSucceeded},
		{"one ended badly", v1.RestartPolicyNever, nil, []v1.ContainerStatus{ended(0), ended(2)}, v1.PodFailed},
		{"to be tried again", v1.RestartPolicyOnFailure, nil, []v1.ContainerStatus{ended(2)}, v1.PodRunning},
		{"init runs", v1.RestartPolicyNever, []v1.ContainerStatus{running}, []v1.ContainerStatus{waiting}, v1.PodPending},
		{"init failed for good", v1.RestartPolicyNever, []v1.ContainerStatus{ended(1)}, []v1.ContainerStatus{waiting}, v1.PodFailed},
		{"init failed and is tried again", v1.RestartPolicyAlways, []v1.ContainerStatus{ended(1)}, []v1.ContainerStatus{waiting}, v1.PodPending},
	} {
		t.Run(c.name, func(t *testing.T) {
			object := &v1.Pod{Spec: v1.PodSpec{RestartPolicy: c.policy, InitContainers: make([]v1.Container, len(c.init))}}
			got := phaseOf(object, &v1.PodStatus{InitContainerStatuses: c.init, ContainerStatuses: c.main})
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
