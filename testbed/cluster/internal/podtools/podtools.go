// Package podtools has the programs that pods of the testbed run.
package podtools

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Pause waits to be told to end.
func Pause() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	<-signals
}

// Ticker prints a numbered line each interval.
func Ticker(interval time.Duration, text string, count int, out io.Writer) {
	for i := 1; count == 0 || i <= count; i++ {
		_, _ = fmt.Fprintf(out, "%d %s\n", i, text)
		time.Sleep(interval)
	}
}
