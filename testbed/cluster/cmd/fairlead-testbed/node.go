package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/fairlead/fairlead/testbed/cluster/internal/node"
	"github.com/fairlead/fairlead/testbed/cluster/internal/pki"
	"github.com/fairlead/fairlead/testbed/cluster/internal/process"
	"github.com/fairlead/fairlead/testbed/cluster/internal/scheduler"
)

// stopGrace is what containers get when the node stops while the cluster does, too.
const stopGrace = time.Second

// runNode runs the node and the scheduler, each with its own identity at the API server.
func runNode(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("node", flag.ExitOnError)
	name := flags.String("name", "fairlead-node", "name of the node")
	dir := flags.String("dir", "", "directory for the files of pods")
	certs := flags.String("pki", "", "directory that the part pki has filled")
	tools := flags.String("tools", "", "directory of the commands for pods")
	_ = flags.Parse(args)
	client, server, err := clientFrom(*certs + "/node.kubeconfig")
	if err != nil {
		return err
	}
	schedulerClient, _, err := clientFrom(*certs + "/scheduler.kubeconfig")
	if err != nil {
		return err
	}
	serving, err := servingConfig(*certs)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	reaper, err := process.StartReaper(filepath.Join(*tools, "fairlead-pod"), "reap")
	if err != nil {
		return err
	}
	defer reaper.Close()
	n, err := node.New(node.Config{
		Name: *name, Dir: *dir, Tools: *tools, StopGrace: stopGrace, Client: client, APIServer: server,
		Port: listener.Addr().(*net.TCPAddr).Port, Reaper: reaper,
	})
	if err != nil {
		return err
	}
	return runAll(ctx,
		func(ctx context.Context) error { return n.Serve(ctx, listener, serving) },
		n.Run,
		func(ctx context.Context) error { return scheduler.Run(ctx, schedulerClient, *name) },
	)
}

// runAll runs all parts until the first one fails or the context ends, then waits for the rest.
func runAll(ctx context.Context, parts ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan error, len(parts))
	for _, part := range parts {
		go func() {
			err := part(ctx)
			cancel()
			results <- err
		}()
	}
	var all error
	for range parts {
		all = errors.Join(all, <-results)
	}
	return all
}

func clientFrom(kubeconfig string) (kubernetes.Interface, string, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, "", err
	}
	config.QPS, config.Burst = 200, 400
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.UserAgent = "fairlead-testbed-node"
	server, err := url.Parse(config.Host)
	if err != nil {
		return nil, "", err
	}
	client, err := kubernetes.NewForConfig(config)
	return client, server.Host, err
}

func servingConfig(certs string) (node.ServerConfig, error) {
	certificate, err := tls.LoadX509KeyPair(certs+"/node-serving.crt", certs+"/node-serving.key")
	if err != nil {
		return node.ServerConfig{}, err
	}
	ca, err := os.ReadFile(certs + "/ca.crt")
	if err != nil {
		return node.ServerConfig{}, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return node.ServerConfig{}, fmt.Errorf("no certificate in %s/ca.crt", certs)
	}
	return node.ServerConfig{Certificate: certificate, ClientCAs: pool, ClientName: pki.KubeletClient}, nil
}
