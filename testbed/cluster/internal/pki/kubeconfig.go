package pki

import (
	"encoding/base64"
	"fmt"
)

// kubeconfig is a file with all it needs inside, so that it can be copied elsewhere.
func kubeconfig(server string, ca []byte, user string, cert, key []byte) []byte {
	encode := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: direct
clusters:
- name: direct
  cluster:
    server: %s
    certificate-authority-data: %s
contexts:
- name: direct
  context:
    cluster: direct
    user: %q
users:
- name: %q
  user:
    client-certificate-data: %s
    client-key-data: %s
`, server, encode(ca), user, user, encode(cert), encode(key))
}
