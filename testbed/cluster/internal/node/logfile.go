package node

import (
	"bufio"
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// maxLogLine is where a line is cut into partial ones, as containerd does (pkg/cri/io/logger.go).
const maxLogLine = 16 * 1024

// logFile is a container's log in the CRI's format: "time stream F|P line".
type logFile struct {
	mu   sync.Mutex
	file *os.File
}

func createLogFile(path string) (*logFile, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, err
	}
	return &logFile{file: file}, nil
}

// copyFrom logs a stream until it ends. What has no newline at the end is logged as partial, so that no byte is added.
func (l *logFile) copyFrom(stream string, in io.Reader) {
	reader := bufio.NewReaderSize(in, maxLogLine)
	for {
		line, err := reader.ReadSlice('\n')
		if len(line) > 0 {
			l.write(stream, line)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func (l *logFile) write(stream string, line []byte) {
	tag := "P"
	if line[len(line)-1] == '\n' {
		tag, line = "F", line[:len(line)-1]
	}
	entry := make([]byte, 0, len(line)+64)
	entry = time.Now().UTC().AppendFormat(entry, "2006-01-02T15:04:05.000000000Z07:00")
	entry = append(entry, ' ')
	entry = append(entry, stream...)
	entry = append(entry, ' ')
	entry = append(entry, tag...)
	entry = append(entry, ' ')
	entry = append(entry, line...)
	entry = append(entry, '\n')
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.file.Write(entry)
}

func (l *logFile) close() { _ = l.file.Close() }
