package podtools

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
)

// EchoServer listens on the pod's own address (POD_IP, if the pod has it in its environment), else on localhost.
// It answers an HTTP GET or HEAD with a greeting and the request's head, and sends anything else back as it came;
// when a client ends its half, the rest is still sent before the server ends its own.
func EchoServer(port int, greeting string, log io.Writer) error {
	host := os.Getenv("POD_IP")
	if host == "" {
		host = "127.0.0.1"
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(log, "listening on", listener.Addr())
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintln(log, "connection from", conn.RemoteAddr())
		go serve(conn.(*net.TCPConn), greeting)
	}
}

func serve(conn *net.TCPConn, greeting string) {
	defer func() { _ = conn.Close() }()
	reader := bufio.NewReader(conn)
	if !speaksHTTP(reader) {
		_, _ = io.Copy(conn, reader)
		_ = conn.CloseWrite()
		return
	}
	var head bytes.Buffer
	for {
		line, err := reader.ReadSlice('\n')
		if err != nil || head.Len() > 64*1024 {
			return
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			break
		}
		head.Write(line)
	}
	body := greeting + "\n" + head.String()
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", len(body))
	if !bytes.HasPrefix(head.Bytes(), []byte("HEAD")) {
		_, _ = io.WriteString(conn, body)
	}
}

// speaksHTTP looks no further ahead than it must, as an echo of one byte must not wait for a second.
func speaksHTTP(reader *bufio.Reader) bool {
	for _, method := range []string{"GET ", "HEAD "} {
		for n := 1; n <= len(method); n++ {
			start, err := reader.Peek(n)
			if err != nil || !bytes.Equal(start, []byte(method[:n])) {
				break
			}
			if n == len(method) {
				return true
			}
		}
	}
	return false
}
