package main

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

const maxBulkBytes = 1 << 36

// stub answers as an API server would, with as little work as can be: 1 KiB objects, bulk bodies, a sink.
func stub(args []string) error {
	flags := flag.NewFlagSet("stub", flag.ExitOnError)
	cert := flags.String("cert", "", "PEM certificate")
	key := flags.String("key", "", "PEM key")
	_ = flags.Parse(args)

	frame := `{"kind":"Bench","apiVersion":"v1","pad":"%s"}`
	object := []byte(fmt.Sprintf(frame, strings.Repeat("x", 1024-len(frame)+2)))
	chunk := make([]byte, 64*1024)
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1/bench", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(object)))
		_, _ = w.Write(object)
	})
	mux.HandleFunc("/bulk", func(w http.ResponseWriter, r *http.Request) {
		left, err := strconv.ParseInt(r.URL.Query().Get("bytes"), 10, 64)
		if err != nil || left < 0 || left > maxBulkBytes {
			http.Error(w, "bytes?", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.FormatInt(left, 10))
		for left > 0 {
			n := min(left, int64(len(chunk)))
			if _, err := w.Write(chunk[:n]); err != nil {
				return
			}
			left -= n
		}
	})
	mux.HandleFunc("/sink", func(w http.ResponseWriter, r *http.Request) {
		buffer := make([]byte, 64*1024)
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r.Body, buffer)
		if err != nil {
			return
		}
		fmt.Fprintf(w, `{"bytes":%d}`, n)
	})
	return serve(*cert, *key, mux)
}
