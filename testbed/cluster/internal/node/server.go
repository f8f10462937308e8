package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

// The kubelet's defaults (pkg/kubelet/apis/config, cri-streaming's DefaultConfig).
const (
	streamIdle     = 4 * time.Hour
	streamCreation = remotecommand.DefaultStreamCreationTimeout
	headerTimeout  = 10 * time.Second
)

// ServerConfig says how the node's API proves itself and whom it serves.
type ServerConfig struct {
	Certificate tls.Certificate
	ClientCAs   *x509.CertPool
	ClientName  string // the one common name that may call: the API server's
}

// Serve serves the kubelet's API until the context ends. Only a client certificate of the API server opens it:
// TLS itself refuses a connection without one, and a certificate of another name gets 403.
func (n *Node) Serve(ctx context.Context, listener net.Listener, cfg ServerConfig) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	mux.HandleFunc("GET /pods", n.servePods)
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", n.serveLogs)
	for _, path := range []string{"/exec/{namespace}/{pod}/{container}", "/exec/{namespace}/{pod}/{uid}/{container}"} {
		mux.HandleFunc(path, n.serveExec)
	}
	for _, path := range []string{"/attach/{namespace}/{pod}/{container}", "/attach/{namespace}/{pod}/{uid}/{container}"} {
		mux.HandleFunc(path, n.serveAttach)
	}
	for _, path := range []string{"/portForward/{namespace}/{pod}", "/portForward/{namespace}/{pod}/{uid}"} {
		mux.HandleFunc(path, n.servePortForward)
	}
	server := &http.Server{
		Handler: onlyFor(cfg.ClientName, mux), ReadHeaderTimeout: headerTimeout,
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{cfg.Certificate}, ClientCAs: cfg.ClientCAs,
			ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
			NextProtos: []string{"http/1.1"}, // upgrades need it
		},
	}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ServeTLS(lingeringListener{listener}, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func onlyFor(name string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name == "" || r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || r.TLS.VerifiedChains[0][0].Subject.CommonName != name {
			http.Error(w, "only the API server may call the node", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (n *Node) servePods(w http.ResponseWriter, _ *http.Request) {
	n.mu.Lock()
	list := v1.PodList{Items: make([]v1.Pod, 0, len(n.pods))}
	for _, p := range n.pods {
		list.Items = append(list.Items, *p.current())
	}
	n.mu.Unlock()
	list.Kind, list.APIVersion = "PodList", "v1"
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(&list)
}

// running finds the container of a request and its current run; it answers itself when there is none.
func (n *Node) running(w http.ResponseWriter, r *http.Request) (*container, *attempt) {
	p := n.find(r.PathValue("namespace"), r.PathValue("pod"))
	if uid := r.PathValue("uid"); p == nil || (uid != "" && types.UID(uid) != p.current().UID) {
		http.Error(w, "pod does not exist", http.StatusNotFound)
		return nil, nil
	}
	c := p.container(r.PathValue("container"))
	if c == nil {
		http.Error(w, "container not found in pod", http.StatusNotFound)
		return nil, nil
	}
	c.mu.Lock()
	a := c.current
	c.mu.Unlock()
	if a == nil || !a.running() {
		http.Error(w, "container not found (\""+c.spec.Name+"\" is not running)", http.StatusInternalServerError)
		return nil, nil
	}
	return c, a
}

func (n *Node) serveExec(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c, a := n.running(w, r)
	if a == nil {
		return
	}
	command := r.URL.Query()["command"]
	remotecommand.ServeExec(w, r, executor{c, a}, r.PathValue("pod"), "", c.spec.Name, command, options,
		streamIdle, streamCreation, remotecommand.SupportedStreamingProtocols)
}

func (n *Node) serveAttach(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c, a := n.running(w, r)
	if a == nil {
		return
	}
	remotecommand.ServeAttach(w, r, attacher{c, a}, r.PathValue("pod"), "", c.spec.Name, options,
		streamIdle, streamCreation, remotecommand.SupportedStreamingProtocols)
}

func (n *Node) servePortForward(w http.ResponseWriter, r *http.Request) {
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p := n.find(r.PathValue("namespace"), r.PathValue("pod"))
	if uid := r.PathValue("uid"); p == nil || (uid != "" && types.UID(uid) != p.current().UID) {
		http.Error(w, "pod does not exist", http.StatusNotFound)
		return
	}
	portforward.ServePortForward(w, r, forwarder{ip: p.ip}, r.PathValue("pod"), "", options,
		streamIdle, streamCreation, portforward.SupportedProtocols)
}
