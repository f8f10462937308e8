package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// result is what every mode prints: requests, bytes and seconds, and latencies in milliseconds.
type result struct {
	Requests int     `json:"requests"`
	Errors   int     `json:"errors"`
	Error    string  `json:"error,omitempty"`
	Bytes    int64   `json:"bytes"`
	Seconds  float64 `json:"seconds"`
	P50Ms    float64 `json:"p50Ms"`
	P99Ms    float64 `json:"p99Ms"`
	mutex    sync.Mutex
	taken    []time.Duration
}

const (
	maxSeconds     = 120
	maxConnections = 1024
	maxRequests    = 20_000_000
)

// load drives one path in one mode for a bounded time and prints a result.
func load(args []string) error {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	mode := flags.String("mode", "closed", "closed, open, down, up or stall")
	rawURL := flags.String("url", "", "what to ask for")
	ca := flags.String("ca", "", "PEM of the CA")
	tokenFile := flags.String("token-file", "", "bearer token")
	connections := flags.Int("c", 1, "connections")
	seconds := flags.Float64("seconds", 1, "how long")
	warmup := flags.Float64("warmup", 0.2, "seconds before counting")
	rate := flags.Float64("rate", 200, "open loop: requests a second")
	limit := flags.Float64("limit", 0, "down: MB/s at most, 0 for no limit")
	_ = flags.Parse(args)
	if *seconds+*warmup > maxSeconds || *connections > maxConnections || *connections < 1 || *rate <= 0 {
		return fmt.Errorf("out of bounds")
	}
	target, err := newTarget(*rawURL, *ca, *tokenFile)
	if err != nil {
		return err
	}
	res := &result{}
	begin := time.Now().Add(duration(*warmup))
	until := begin.Add(duration(*seconds))
	switch *mode {
	case "closed":
		err = closed(target, *connections, begin, until, res)
	case "open":
		err = open(target, *connections, *rate, begin, until, res)
	case "down":
		err = down(target, begin, until, *limit*1e6, res)
	case "up":
		err = up(target, begin, until, res)
	case "stall":
		err = stall(target, *connections, until)
	default:
		err = fmt.Errorf("unknown mode %q", *mode)
	}
	if err != nil {
		return err
	}
	if res.Seconds == 0 {
		res.Seconds = time.Since(begin).Seconds()
	}
	slices.Sort(res.taken)
	res.P50Ms, res.P99Ms = at(res.taken, 0.50), at(res.taken, 0.99)
	return json.NewEncoder(os.Stdout).Encode(res)
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

func at(sorted []time.Duration, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	index := min(len(sorted)-1, int(float64(len(sorted))*share))
	return float64(sorted[index].Microseconds()) / 1000
}

func (r *result) add(taken []time.Duration, errs int, bytes int64) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.taken = append(r.taken, taken...)
	r.Requests += len(taken)
	r.Errors += errs
	r.Bytes += bytes
}

func (r *result) fail(err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.Errors++
	if r.Error == "" {
		r.Error = err.Error()
	}
}

// closed keeps every connection busy: the next request follows the answer.
func closed(target *target, connections int, begin, until time.Time, res *result) error {
	conns, err := target.dialAll(connections)
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	for _, conn := range conns {
		group.Go(func() {
			taken := make([]time.Duration, 0, 4096)
			var bytes int64
			for range maxRequests {
				start := time.Now()
				if start.After(until) {
					break
				}
				n, err := conn.get()
				if err != nil {
					res.fail(err)
					break
				}
				if start.After(begin) {
					taken = append(taken, time.Since(start))
					bytes += n
				}
			}
			res.add(taken, 0, bytes)
		})
	}
	group.Wait()
	res.Seconds = time.Since(begin).Seconds()
	return nil
}

// open starts requests at a fixed rate; latency counts from when each was due, so waiting is not hidden.
func open(target *target, connections int, rate float64, begin, until time.Time, res *result) error {
	conns, err := target.dialAll(connections)
	if err != nil {
		return err
	}
	idle := make(chan *conn, len(conns))
	for _, conn := range conns {
		idle <- conn
	}
	var group sync.WaitGroup
	step := time.Duration(float64(time.Second) / rate)
	for due := time.Now().Add(step); due.Before(until); due = due.Add(step) {
		time.Sleep(time.Until(due))
		conn := <-idle
		group.Go(func() {
			n, err := conn.get()
			if err != nil {
				res.fail(err)
				if again, dialErr := target.dial(); dialErr == nil {
					conn = again
				}
			} else if due.After(begin) {
				res.add([]time.Duration{time.Since(due)}, 0, n)
			}
			idle <- conn
		})
	}
	group.Wait()
	res.Seconds = until.Sub(begin).Seconds()
	return nil
}
