package pki

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
)

// rsaBits is for service account tokens, which are RS256 as in clusters made by kubeadm.
const rsaBits = 2048

func (m *maker) serviceAccountKey() error {
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return err
	}
	private, err := encodeKey(key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	if err := m.write("service-account.key", private, 0o600); err != nil {
		return err
	}
	return m.write("service-account.pub", public, 0o644)
}
