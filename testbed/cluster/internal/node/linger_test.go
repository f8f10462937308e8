package node

import (
	"io"
	"net"
	"testing"
	"time"
)

func TestAnEndWithUnreadInputDestroysNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	closed := make(chan struct{})
	go func() {
		conn, err := lingeringListener{listener}.Accept()
		if err != nil {
			return
		}
		_, _ = io.ReadFull(conn, make([]byte, 1)) // more has come, which stays unread
		_, _ = io.WriteString(conn, "last words")
		_ = conn.Close()
		close(closed)
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write(make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	<-closed
	time.Sleep(50 * time.Millisecond) // a reset would have come by now
	if _, err := conn.Write([]byte("more")); err != nil {
		t.Errorf("the peer cannot write: %v", err)
	}
	got, err := io.ReadAll(conn)
	if string(got) != "last words" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
