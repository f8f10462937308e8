package process

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// endOfTransmission is what a terminal in its normal mode takes for the end of input (^D).
const endOfTransmission = 4

// terminalReader reads a terminal's output; Linux says EIO where others say EOF when the last process has gone.
type terminalReader struct{ tty *os.File }

func (r *terminalReader) Read(b []byte) (int, error) {
	n, err := r.tty.Read(b)
	if errors.Is(err, syscall.EIO) || errors.Is(err, os.ErrClosed) {
		err = io.EOF
	}
	return n, err
}

func (r *terminalReader) Close() error { return nil }

// terminalWriter writes keystrokes; its Close types ^D, as the terminal itself must stay open for the output.
type terminalWriter struct{ tty *os.File }

func (w terminalWriter) Write(b []byte) (int, error) { return w.tty.Write(b) }

func (w terminalWriter) Close() error {
	_, err := w.tty.Write([]byte{endOfTransmission})
	return err
}
