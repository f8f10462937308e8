package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const ioBytes = 64 * 1024

// target is one URL with everything prepared that a request needs: net/http's client would cost more than the servers.
type target struct {
	address string
	config  *tls.Config
	path    string
	request []byte
	headers string
}

type conn struct {
	target *target
	raw    *tls.Conn
	reader *bufio.Reader
}

func newTarget(rawURL, ca, tokenFile string) (*target, error) {
	parsed, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	roots, err := poolOf(ca)
	if err != nil {
		return nil, err
	}
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		return nil, err
	}
	headers := fmt.Sprintf("Host: %s\r\nAuthorization: Bearer %s\r\nUser-Agent: fairlead-bench\r\nAccept: application/json\r\n",
		parsed.Host, strings.TrimSpace(string(token)))
	return &target{
		address: parsed.Host,
		config: &tls.Config{
			RootCAs: roots, ServerName: parsed.Hostname(), NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12,
		},
		path:    parsed.RequestURI(),
		request: []byte("GET " + parsed.RequestURI() + " HTTP/1.1\r\n" + headers + "\r\n"),
		headers: headers,
	}, nil
}

func (t *target) dial() (*conn, error) {
	raw, err := tls.Dial("tcp", t.address, t.config)
	if err != nil {
		return nil, err
	}
	return &conn{target: t, raw: raw, reader: bufio.NewReaderSize(raw, ioBytes)}, nil
}

func (t *target) dialAll(count int) ([]*conn, error) {
	conns := make([]*conn, 0, count)
	for range count {
		conn, err := t.dial()
		if err != nil {
			return nil, err
		}
		conns = append(conns, conn)
	}
	return conns, nil
}

// get asks once and reads the answer to its end. Anything but a 200 is an error.
func (c *conn) get() (int64, error) {
	if err := c.raw.SetDeadline(time.Now().Add(maxSeconds * time.Second)); err != nil {
		return 0, err
	}
	if _, err := c.raw.Write(c.target.request); err != nil {
		return 0, err
	}
	length, err := c.head()
	if err != nil {
		return 0, err
	}
	if length >= 0 {
		_, err = c.reader.Discard(int(length))
		return length, err
	}
	return c.chunks()
}

// head reads status and headers; -1 for a chunked body.
func (c *conn) head() (int64, error) {
	status, err := c.line()
	if err != nil {
		return 0, err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200")) {
		return 0, errors.New(string(status))
	}
	length := int64(0)
	for {
		line, err := c.line()
		if err != nil || len(line) == 0 {
			return length, err
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			if length, err = strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64); err != nil {
				return 0, err
			}
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			length = -1
		}
	}
}

func (c *conn) line() ([]byte, error) {
	line, err := c.reader.ReadSlice('\n')
	return bytes.TrimRight(line, "\r\n"), err
}

func (c *conn) chunks() (int64, error) {
	total := int64(0)
	for {
		line, err := c.line()
		if err != nil {
			return total, err
		}
		size, err := strconv.ParseInt(string(line), 16, 64)
		if err != nil {
			return total, err
		}
		if _, err := c.reader.Discard(int(size) + 2); err != nil || size == 0 {
			return total, err
		}
		total += size
	}
}

// down reads one long answer, at no more than limit bytes a second if that is set.
func down(target *target, begin, until time.Time, limit float64, res *result) error {
	conn, err := target.dial()
	if err != nil {
		return err
	}
	if _, err := conn.raw.Write(target.request); err != nil {
		return err
	}
	if _, err := conn.head(); err != nil {
		return err
	}
	buffer := make([]byte, ioBytes)
	counted, all := int64(0), int64(0)
	start := time.Now()
	for now := start; now.Before(until); now = time.Now() {
		if err := conn.raw.SetReadDeadline(until.Add(5 * time.Second)); err != nil {
			return err
		}
		n, err := conn.reader.Read(buffer)
		if now.After(begin) {
			counted += int64(n)
		}
		all += int64(n)
		if err != nil {
			return fmt.Errorf("after %d bytes: %w", all, err)
		}
		if limit > 0 {
			time.Sleep(time.Until(start.Add(duration(float64(all) / limit))))
		}
	}
	res.add(nil, 0, counted)
	res.Seconds = time.Since(begin).Seconds()
	return conn.raw.NetConn().Close()
}

// up sends bodies of 64 MiB one after the other and waits for each answer.
func up(target *target, begin, until time.Time, res *result) error {
	conn, err := target.dial()
	if err != nil {
		return err
	}
	const body = 64 << 20
	head := []byte(fmt.Sprintf("POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n", target.path, target.headers, body))
	chunk := make([]byte, ioBytes)
	counted := int64(0)
	for time.Now().Before(until) {
		if _, err := conn.raw.Write(head); err != nil {
			return err
		}
		for sent := 0; sent < body; sent += len(chunk) {
			now := time.Now()
			if now.After(until) {
				res.add(nil, 0, counted)
				res.Seconds = now.Sub(begin).Seconds()
				return conn.raw.NetConn().Close()
			}
			if err := conn.raw.SetDeadline(until.Add(5 * time.Second)); err != nil {
				return err
			}
			if _, err := conn.raw.Write(chunk); err != nil {
				return err
			}
			if now.After(begin) {
				counted += int64(len(chunk))
			}
		}
		length, err := conn.head()
		if err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, conn.reader, length); err != nil {
			return err
		}
	}
	res.add(nil, 0, counted)
	res.Seconds = time.Since(begin).Seconds()
	return nil
}

// stall asks for long answers, reads their heads, and then reads nothing until the time is up.
func stall(target *target, count int, until time.Time) error {
	conns, err := target.dialAll(count)
	if err != nil {
		return err
	}
	for _, conn := range conns {
		// Else the kernel would read some MB for each of them, for seconds.
		if tcp, ok := conn.raw.NetConn().(*net.TCPConn); ok {
			if err := tcp.SetReadBuffer(ioBytes); err != nil {
				return err
			}
		}
	}
	failures := make(chan error, count)
	var group sync.WaitGroup
	for _, conn := range conns {
		group.Go(func() {
			if _, err := conn.raw.Write(target.request); err != nil {
				failures <- err
			} else if _, err := conn.head(); err != nil {
				failures <- err
			}
		})
	}
	group.Wait()
	close(failures)
	if err := <-failures; err != nil {
		return err
	}
	fmt.Println(`{"stalled":true}`)
	time.Sleep(time.Until(until))
	return nil
}
