package node

import (
	"fmt"
	"runtime"
)

// addresses is how many pods can have an address of their own at a time.
const addresses = 254

// nextIP gives each pod a loopback address of its own where all of 127/8 is local, so that pods may use the same ports.
// The node's port, which no other node on this machine has, is in it.
func (n *Node) nextIP() string {
	if runtime.GOOS != "linux" {
		return hostIP
	}
	used := map[string]bool{}
	for _, p := range n.pods {
		used[p.ip] = true
	}
	for range addresses {
		n.ips = n.ips%addresses + 1
		ip := fmt.Sprintf("127.%d.%d.%d", n.cfg.Port>>8, n.cfg.Port&0xff, n.ips)
		if !used[ip] {
			return ip
		}
	}
	return hostIP
}
