package node

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

const (
	dialTimeout = 5 * time.Second
	// lingerAfterClient bounds how long the pod may go on after the client has ended its half: a vanished client looks the same.
	lingerAfterClient = 10 * time.Minute
)

// forwarder dials ports of a pod: its own loopback address first, then the one that all share.
type forwarder struct{ ip string }

// PortForward implements portforward.PortForwarder. The client's end of input becomes a half-close towards the pod.
func (f forwarder) PortForward(ctx context.Context, _, _ string, port int32, stream io.ReadWriteCloser) error {
	conn, err := f.dial(ctx, port)
	if err != nil {
		return fmt.Errorf("failed to connect to localhost:%d: %w", port, err)
	}
	defer func() { _ = conn.Close() }()
	go func() {
		_, _ = io.Copy(conn, stream)
		_ = conn.CloseWrite()
		_ = conn.SetReadDeadline(time.Now().Add(lingerAfterClient))
	}()
	_, err = io.Copy(stream, conn)
	return err
}

func (f forwarder) dial(ctx context.Context, port int32) (*net.TCPConn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	var last error
	for _, host := range []string{f.ip, hostIP, "::1"} {
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
		if err == nil {
			return conn.(*net.TCPConn), nil
		}
		if last == nil {
			last = err
		}
	}
	return nil, last
}
