package process

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func start(t *testing.T, spec Spec) *Process {
	t.Helper()
	if spec.Env == nil {
		spec.Env = []string{"PATH=" + os.Getenv("PATH")}
	}
	spec.Dir = t.TempDir()
	p, err := Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func shell(script string) []string { return []string{"sh", "-c", script} }

func TestExitCodesAreThoseOfAShell(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$": 137, "kill -TERM $$": 143} {
		p := start(t, Spec{Argv: shell(script)})
		if got := p.Wait(); got != want {
			t.Errorf("%q: exit code %d, want %d", script, got, want)
		}
		p.Close()
	}
}

func TestStreamsAreApartAndInputEnds(t *testing.T) {
	p := start(t, Spec{Argv: shell("cat; echo error >&2"), Stdin: true})
	_, _ = io.WriteString(p.Stdin, "text")
	_ = p.Stdin.Close()
	out, _ := io.ReadAll(p.Stdout)
	errOut, _ := io.ReadAll(p.Stderr)
	if string(out) != "text" || string(errOut) != "error\n" || p.Wait() != 0 {
		t.Errorf("got %q and %q", out, errOut)
	}
	p.Close()
}

func TestTerminalHasItsSizeAndItsEndIsAnEnd(t *testing.T) {
	p := start(t, Spec{Argv: shell("stty size; read word; echo got $word"), TTY: true, Columns: 77, Rows: 33})
	_, _ = io.WriteString(p.Stdin, "word\n")
	out, err := io.ReadAll(p.Stdout)
	if err != nil || !strings.Contains(string(out), "33 77") || !strings.Contains(string(out), "got word") {
		t.Errorf("got %q, %v", out, err)
	}
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	p.Close()
}

func TestCommandsComeFromThePathOfTheContainer(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "only-here"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := lookPath("only-here", "/", []string{"PATH=/nowhere:" + dir}); err != nil || got != filepath.Join(dir, "only-here") {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := lookPath("sh", "/", []string{"PATH=" + dir}); err == nil {
		t.Error("sh was found in a PATH that has none")
	}
	if got, _ := lookPath("./tool", "/work", nil); got != "/work/tool" {
		t.Errorf("a relative path became %q", got)
	}
}

func TestReaperKillsWhatIsLeftAtTheEndOfItsInput(t *testing.T) {
	left := start(t, Spec{Argv: shell("sleep 1000 & wait")})
	removed := start(t, Spec{Argv: shell("exec sleep 1000")})
	in, out := io.Pipe()
	done := make(chan struct{})
	go func() { RunReaper(in); close(done) }()
	_, _ = io.WriteString(out, "+"+strconv.Itoa(left.Pid)+"\n+"+strconv.Itoa(removed.Pid)+"\nnonsense\n+1\n-"+strconv.Itoa(removed.Pid)+"\n")
	_ = out.Close()
	<-done
	if code := left.Wait(); code != 137 {
		t.Errorf("the one left ended with %d", code)
	}
	if !GroupAlive(removed.Pid) {
		t.Error("the one removed was killed, too")
	}
	removed.SignalAll(syscall.SIGKILL)
	_ = removed.Wait()
	for deadline := time.Now().Add(5 * time.Second); GroupAlive(left.Pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a child of the one left still runs")
		}
	}
}
