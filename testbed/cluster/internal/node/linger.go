package node

import (
	"io"
	"net"
	"sync"
	"time"
)

// lingerTime bounds how long a closed connection still takes what its peer has sent.
const lingerTime = 2 * time.Second

// lingeringListener makes connections whose end does not destroy what was sent last.
//
// A TCP connection that is closed with unread input is reset, and then the API server cannot write to it. Its proxy ends
// both directions as soon as one has failed (apimachinery's UpgradeAwareHandler), so what came last, such as the exit
// code of a command that ended before the end of its input arrived, would not get to the client. Containers start slowly
// enough to hide that; local processes do not.
type lingeringListener struct{ net.Listener }

func (l lingeringListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok && err == nil {
		return &lingeringConn{TCPConn: tcp}, nil
	}
	return conn, err
}

type lingeringConn struct {
	*net.TCPConn
	once sync.Once
}

// Close ends the output at once, and the connection when its peer has done the same or the time is over.
func (c *lingeringConn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		err = c.CloseWrite()
		_ = c.SetReadDeadline(time.Now().Add(lingerTime))
		go func() {
			_, _ = io.Copy(io.Discard, c.TCPConn)
			_ = c.TCPConn.Close()
		}()
	})
	return err
}
