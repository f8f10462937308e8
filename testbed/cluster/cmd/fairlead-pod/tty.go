package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/fairlead/fairlead/testbed/cluster/internal/process"
)

// sizesFD is where "columns rows" lines come in, if anything is there.
const sizesFD = 3

// runOnTerminal runs a command on a terminal for a test that has none: what comes in is typed, what it shows goes out,
// its exit code is this one's.
func runOnTerminal(args []string) error {
	flags := flag.NewFlagSet("tty", flag.ExitOnError)
	columns := flags.Uint("columns", 80, "columns of the terminal")
	rows := flags.Uint("rows", 24, "rows of the terminal")
	_ = flags.Parse(args)
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	p, err := process.Start(process.Spec{
		Argv: flags.Args(), Env: os.Environ(), Dir: dir, TTY: true, Columns: uint16(*columns), Rows: uint16(*rows),
	})
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(p.Stdin, os.Stdin)
		_ = p.Stdin.Close()
	}()
	go func() {
		sizes := bufio.NewScanner(os.NewFile(sizesFD, "sizes"))
		for sizes.Scan() {
			var c, r uint16
			if n, _ := fmt.Sscan(sizes.Text(), &c, &r); n == 2 {
				p.Resize(c, r)
			}
		}
	}()
	shown := make(chan struct{})
	go func() {
		_, _ = io.Copy(os.Stdout, p.Stdout)
		close(shown)
	}()
	code := p.Wait()
	<-shown
	os.Exit(code)
	return nil
}
