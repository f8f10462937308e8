// Command fairlead-pod is what pods of the testbed can run without any image: it is in the PATH of each container.
// Two further parts are for the testbed itself: "reap" for the node, "tty" for tests.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/fairlead/fairlead/testbed/cluster/internal/podtools"
	"github.com/fairlead/fairlead/testbed/cluster/internal/process"
)

const usage = `usage: fairlead-pod pause | echo-server [--port N] [--greeting TEXT] | ticker [--interval D] [--text TEXT] [--count N]`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	var err error
	switch os.Args[1] {
	case "pause":
		podtools.Pause()
	case "echo-server":
		port := flags.Int("port", 8080, "port on the pod's address: HTTP for who speaks it, an echo for all others")
		greeting := flags.String("greeting", "hello", "text of the HTTP answers")
		_ = flags.Parse(os.Args[2:])
		err = podtools.EchoServer(*port, *greeting, os.Stdout)
	case "ticker":
		interval := flags.Duration("interval", time.Second, "time between lines")
		text := flags.String("text", "tick", "text of each line")
		count := flags.Int("count", 0, "lines before the end, 0 for no end")
		_ = flags.Parse(os.Args[2:])
		podtools.Ticker(*interval, *text, *count, os.Stdout)
	case "reap":
		signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP) // it ends by the end of its input
		process.RunReaper(os.Stdin)
	case "tty":
		err = runOnTerminal(os.Args[2:])
	default:
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fairlead-pod:", err)
		os.Exit(1)
	}
}
