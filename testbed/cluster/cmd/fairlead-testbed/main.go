// Command fairlead-testbed holds every part of the testbed's control plane in one binary; the first argument says which part runs.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"

	"github.com/fairlead/fairlead/testbed/cluster/internal/lifeline"
	"github.com/fairlead/fairlead/testbed/cluster/internal/pki"
)

const usage = `usage: fairlead-testbed PART [flags]
parts: pki, etcd, kube-apiserver, kube-controller-manager, node`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	part, args := os.Args[1], os.Args[2:]
	lifeline.Watch()
	var err error
	switch part {
	case "pki":
		err = makePKI(args)
	case "etcd":
		etcdmain.Main(append([]string{"etcd"}, args...))
	case "kube-apiserver":
		runCommand(apiserver.NewAPIServerCommand(), args)
	case "kube-controller-manager":
		runCommand(controllermanager.NewControllerManagerCommand(), args)
	case "node":
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		err = runNode(ctx, args)
	default:
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "fairlead-testbed %s: %v\n", part, err)
		os.Exit(1)
	}
}

func runCommand(command *cobra.Command, args []string) {
	command.SetArgs(args)
	os.Exit(cli.Run(command))
}

func makePKI(args []string) error {
	flags := flag.NewFlagSet("pki", flag.ExitOnError)
	dir := flags.String("dir", "", "where the files go")
	server := flags.String("server", "", "URL of the API server, for the kubeconfigs")
	node := flags.String("node", "fairlead-node", "name of the node")
	_ = flags.Parse(args)
	return pki.Make(*dir, *node, *server)
}
