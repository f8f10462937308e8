package node

import (
	"context"
	"slices"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestEnvironmentOfAContainer(t *testing.T) {
	secret := &v1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "s"}, Data: map[string][]byte{"key": []byte("hidden")}}
	e := &environment{client: fake.NewClientset(secret), base: []v1.EnvVar{{Name: "PATH", Value: "/bin"}}, nodeName: "node"}
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Labels: map[string]string{"app": "web"}},
		Status:     v1.PodStatus{PodIP: "127.1.1.1"},
	}
	field := func(path string) *v1.EnvVarSource {
		return &v1.EnvVarSource{FieldRef: &v1.ObjectFieldSelector{APIVersion: "v1", FieldPath: path}}
	}
	key := func(name string, optional bool) *v1.EnvVarSource {
		return &v1.EnvVarSource{SecretKeyRef: &v1.SecretKeySelector{LocalObjectReference: v1.LocalObjectReference{Name: "s"}, Key: name, Optional: &optional}}
	}
	container := &v1.Container{Name: "main", Env: []v1.EnvVar{
		{Name: "PLAIN", Value: "a"}, {Name: "BUILT", Value: "$(PLAIN)-$(UNKNOWN)-$$(PLAIN)"},
		{Name: "IP", ValueFrom: field("status.podIP")}, {Name: "NODE", ValueFrom: field("spec.nodeName")},
		{Name: "LABEL", ValueFrom: field("metadata.labels['app']")},
		{Name: "SECRET", ValueFrom: key("key", false)}, {Name: "NOT_THERE", ValueFrom: key("other", true)},
	}}
	got, expand, err := e.of(context.Background(), pod, container, "/root")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"BUILT=a-$(UNKNOWN)-$(PLAIN)", "HOME=/root", "HOSTNAME=web", "IP=127.1.1.1", "LABEL=web", "NODE=node", "PATH=/bin",
		"PLAIN=a", "SECRET=hidden", "TMPDIR=/root/tmp",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if word := expand("$(IP):80"); word != "127.1.1.1:80" {
		t.Errorf("a word of the command became %q", word)
	}
	container.Env = []v1.EnvVar{{Name: "X", ValueFrom: key("other", false)}}
	if _, _, err := e.of(context.Background(), pod, container, "/root"); err == nil {
		t.Error("a key that is not there was no error")
	}
}
