package node

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	podshelper "k8s.io/kubernetes/pkg/apis/core/pods"
	"k8s.io/kubernetes/pkg/fieldpath"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

// environment works out a container's variables the way the kubelet does (pkg/kubelet/kubelet_pods.go).
type environment struct {
	client   kubernetes.Interface
	base     []v1.EnvVar // what each container gets: PATH and where the API server is
	nodeName string
}

// of returns the variables as "name=value" and a function that replaces $(NAME) in a command.
func (e *environment) of(ctx context.Context, pod *v1.Pod, c *v1.Container, root string) ([]string, func(string) string, error) {
	values := map[string]string{}
	for _, v := range e.base {
		values[v.Name] = v.Value
	}
	values["HOSTNAME"], values["HOME"], values["TMPDIR"] = pod.Name, root, root+"/tmp"
	if c.TTY {
		values["TERM"] = "xterm"
	}
	for _, source := range c.EnvFrom {
		if err := e.fromSource(ctx, pod.Namespace, source, values); err != nil {
			return nil, nil, err
		}
	}
	own := map[string]string{} // $(NAME) sees the container's variables only, in their order
	for _, v := range c.Env {
		value := expansion.Expand(v.Value, expansion.MappingFuncFor(own, values))
		if v.ValueFrom != nil {
			var found bool
			var err error
			if value, found, err = e.fromReference(ctx, pod, c, v.ValueFrom); err != nil {
				return nil, nil, err
			} else if !found {
				continue
			}
		}
		own[v.Name], values[v.Name] = value, value
	}
	list := make([]string, 0, len(values))
	for name, value := range values {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	expand := func(s string) string { return expansion.Expand(s, expansion.MappingFuncFor(values)) }
	return list, expand, nil
}

func (e *environment) fromSource(ctx context.Context, namespace string, source v1.EnvFromSource, into map[string]string) error {
	var data map[string]string
	var err error
	var optional *bool
	switch {
	case source.ConfigMapRef != nil:
		optional = source.ConfigMapRef.Optional
		data, err = e.configMap(ctx, namespace, source.ConfigMapRef.Name)
	case source.SecretRef != nil:
		optional = source.SecretRef.Optional
		data, err = e.secret(ctx, namespace, source.SecretRef.Name)
	}
	if err != nil && !(apierrors.IsNotFound(err) && optional != nil && *optional) {
		return err
	}
	for name, value := range data {
		into[source.Prefix+name] = value
	}
	return nil
}

func (e *environment) fromReference(ctx context.Context, pod *v1.Pod, c *v1.Container, ref *v1.EnvVarSource) (string, bool, error) {
	switch {
	case ref.FieldRef != nil:
		value, err := e.field(pod, ref.FieldRef.APIVersion, ref.FieldRef.FieldPath)
		return value, true, err
	case ref.ConfigMapKeyRef != nil:
		data, err := e.configMap(ctx, pod.Namespace, ref.ConfigMapKeyRef.Name)
		return pick(data, err, ref.ConfigMapKeyRef.Key, ref.ConfigMapKeyRef.Optional)
	case ref.SecretKeyRef != nil:
		data, err := e.secret(ctx, pod.Namespace, ref.SecretKeyRef.Name)
		return pick(data, err, ref.SecretKeyRef.Key, ref.SecretKeyRef.Optional)
	}
	return "", false, fmt.Errorf("container %q: this kind of environment source is not provided by the testbed's node", c.Name)
}

// field resolves the downward API; the fields that the node itself decides come from there.
func (e *environment) field(pod *v1.Pod, apiVersion, path string) (string, error) {
	internal, _, err := podshelper.ConvertDownwardAPIFieldLabel(apiVersion, path, "")
	if err != nil {
		return "", err
	}
	switch internal {
	case "spec.nodeName":
		return e.nodeName, nil
	case "spec.serviceAccountName":
		return pod.Spec.ServiceAccountName, nil
	case "status.hostIP", "status.hostIPs":
		return hostIP, nil
	case "status.podIP", "status.podIPs":
		return pod.Status.PodIP, nil
	}
	return fieldpath.ExtractFieldPathAsString(pod, internal)
}

func (e *environment) configMap(ctx context.Context, namespace, name string) (map[string]string, error) {
	object, err := e.client.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return object.Data, nil
}

func (e *environment) secret(ctx context.Context, namespace, name string) (map[string]string, error) {
	object, err := e.client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	data := make(map[string]string, len(object.Data))
	for key, value := range object.Data {
		data[key] = string(value)
	}
	return data, nil
}

func pick(data map[string]string, err error, key string, optional *bool) (string, bool, error) {
	isOptional := optional != nil && *optional
	if err != nil {
		if isOptional && apierrors.IsNotFound(err) {
			return "", false, nil
		}
		return "", false, err
	}
	value, ok := data[key]
	if !ok && !isOptional {
		return "", false, fmt.Errorf("couldn't find key %v", key)
	}
	return value, ok, nil
}

// basePath is the PATH of a container: the testbed's own tools, then what this machine has.
func basePath(tools string) string {
	rest := os.Getenv("PATH")
	if rest == "" {
		rest = "/usr/local/bin:/usr/bin:/bin"
	}
	return strings.TrimSuffix(tools, "/") + ":" + rest
}
