package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"testing"

	"github.com/fairlead/fairlead/testbed/cluster/internal/pki"
)

func TestOnlyTheAPIServerMayCallTheNode(t *testing.T) {
	dir, strangers := t.TempDir(), t.TempDir()
	for _, d := range []string{dir, strangers} {
		if err := pki.Make(d, "node", "https://127.0.0.1:1"); err != nil {
			t.Fatal(err)
		}
	}
	url := serve(t, dir)
	for name, c := range map[string]struct {
		dir, file string
		want      int // 0: no answer at all
	}{
		"no certificate":              {},
		"another CA's API server":     {strangers, "apiserver-kubelet-client", 0},
		"an administrator":            {dir, "admin", http.StatusForbidden},
		"another component":           {dir, "controller-manager", http.StatusForbidden},
		"the API server":              {dir, "apiserver-kubelet-client", http.StatusOK},
		"the API server's own server": {dir, "apiserver", http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			config := &tls.Config{RootCAs: pool(t, dir)}
			if c.file != "" {
				pair, err := tls.LoadX509KeyPair(c.dir+"/"+c.file+".crt", c.dir+"/"+c.file+".key")
				if err != nil {
					t.Fatal(err)
				}
				config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
			}
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
			status := 0
			if res, err := client.Get(url + "/healthz"); err == nil {
				status = res.StatusCode
				_ = res.Body.Close()
			}
			if status != c.want {
				t.Errorf("got %d, want %d", status, c.want)
			}
		})
	}
}

func serve(t *testing.T, dir string) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(dir+"/node-serving.crt", dir+"/node-serving.key")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		cfg := ServerConfig{Certificate: pair, ClientCAs: pool(t, dir), ClientName: pki.KubeletClient}
		if err := (&Node{}).Serve(ctx, listener, cfg); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return "https://" + listener.Addr().String()
}

func pool(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	ca, err := os.ReadFile(dir + "/ca.crt")
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return pool
}
