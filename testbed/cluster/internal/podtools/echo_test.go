package podtools

import (
	"io"
	"net"
	"strings"
	"testing"
)

func exchange(t *testing.T, sent string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			serve(conn.(*net.TCPConn), "hello")
		}
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, sent)
	_ = conn.(*net.TCPConn).CloseWrite()
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func TestWhatIsNotHTTPComesBackAsItWas(t *testing.T) {
	for _, text := range []string{"", "x", "GE", "GETTER\n", "HEADER", strings.Repeat("G", 100_000)} {
		if got := exchange(t, text); got != text {
			t.Errorf("%d bytes came back as %d", len(text), len(got))
		}
	}
}

func TestHTTPIsGreeted(t *testing.T) {
	got := exchange(t, "GET /path HTTP/1.1\r\nHost: x\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(got, "\r\n\r\nhello\nGET /path HTTP/1.1\r\nHost: x\r\n") {
		t.Errorf("got %q", got)
	}
	if head := exchange(t, "HEAD / HTTP/1.1\r\n\r\n"); !strings.HasSuffix(head, "\r\n\r\n") {
		t.Errorf("HEAD got a body: %q", head)
	}
}
