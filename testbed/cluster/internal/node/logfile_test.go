package node

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/cri-client/pkg/logs"
)

func TestLogsComeBackByteForByte(t *testing.T) {
	for name, text := range map[string]string{
		"lines":           "one\ntwo\n",
		"no newline":      "one\ntwo",
		"empty lines":     "\n\nx\n\n",
		"a line too long": strings.Repeat("x", 3*maxLogLine+5) + "\nend\n",
		"exactly full":    strings.Repeat("y", maxLogLine) + "\n",
		"not text":        "\x00\xff\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			a := logged(t, text)
			var out bytes.Buffer
			if err := logs.ReadLogs(context.Background(), a.logPath, "", logOptions(&v1.PodLogOptions{}), lifeOf{attempt: a}, &out, &out); err != nil {
				t.Fatal(err)
			}
			if out.String() != text {
				t.Errorf("got %d bytes back of %d", out.Len(), len(text))
			}
		})
	}
}

func TestLogsHaveATail(t *testing.T) {
	a, lines := logged(t, "one\ntwo\nthree\n"), int64(2)
	var out bytes.Buffer
	err := logs.ReadLogs(context.Background(), a.logPath, "", logOptions(&v1.PodLogOptions{TailLines: &lines}), lifeOf{attempt: a}, &out, &out)
	if err != nil || out.String() != "two\nthree\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

func logged(t *testing.T, text string) *attempt {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	log, err := createLogFile(path)
	if err != nil {
		t.Fatal(err)
	}
	log.copyFrom("stdout", strings.NewReader(text))
	log.close()
	done := make(chan struct{})
	close(done)
	return &attempt{logPath: path, done: done}
}
