// Package pki makes the certificates, keys and kubeconfigs of a testbed cluster.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The names that certificates carry and others check.
const (
	KubeletClient = "kube-apiserver-kubelet-client"
	lifetime      = 10 * 365 * 24 * time.Hour
)

type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	pem  []byte
}

type maker struct {
	dir string
	ca  *authority
}

// Make fills a directory with everything that the components of one cluster need to trust each other.
func Make(dir, nodeName, server string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	m := &maker{dir: dir}
	var err error
	if m.ca, err = m.newAuthority("ca", "fairlead-testbed-ca"); err != nil {
		return err
	}
	local := []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	serviceIP := net.IPv4(10, 96, 0, 1)
	kubernetes := []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}
	for _, leaf := range []leaf{
		{file: "apiserver", name: "kube-apiserver", dns: kubernetes, ips: append(local, serviceIP)},
		{file: "etcd", name: "etcd", dns: []string{"localhost"}, ips: local},
		{file: "node-serving", name: "system:node:" + nodeName, org: "system:nodes", dns: []string{"localhost", nodeName}, ips: local},
		{file: "apiserver-kubelet-client", name: KubeletClient, org: "kubeadm:cluster-admins"},
		{file: "apiserver-etcd-client", name: "kube-apiserver-etcd-client"},
	} {
		if _, _, err := m.issue(leaf); err != nil {
			return err
		}
	}
	for _, user := range []leaf{
		{file: "admin", name: "kubernetes-admin", org: "system:masters"},
		{file: "controller-manager", name: "system:kube-controller-manager"},
		{file: "scheduler", name: "system:kube-scheduler"},
		{file: "node", name: "system:node:" + nodeName, org: "system:nodes"},
	} {
		cert, key, err := m.issue(user)
		if err != nil {
			return err
		}
		config := kubeconfig(server, m.ca.pem, user.name, cert, key)
		if err := m.write(user.file+".kubeconfig", config, 0o600); err != nil {
			return err
		}
	}
	return m.serviceAccountKey()
}

type leaf struct {
	file string
	name string
	org  string
	dns  []string
	ips  []net.IP
}

func (m *maker) newAuthority(file, name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template, err := template(name)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	encoded := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := m.writePair(file, encoded, key); err != nil {
		return nil, err
	}
	return &authority{cert: cert, key: key, pem: encoded}, nil
}

// issue makes a certificate for both ends of TLS and returns it and its key in PEM.
func (m *maker) issue(l leaf) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template, err := template(l.name)
	if err != nil {
		return nil, nil, err
	}
	if l.org != "" {
		template.Subject.Organization = []string{l.org}
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if len(l.ips) > 0 {
		template.DNSNames, template.IPAddresses = l.dns, l.ips
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, m.ca.cert, private.Public(), m.ca.key)
	if err != nil {
		return nil, nil, err
	}
	cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := m.writePair(l.file, cert, private); err != nil {
		return nil, nil, err
	}
	key, err = encodeKey(private)
	return cert, key, err
}

func (m *maker) writePair(file string, cert []byte, key crypto.Signer) error {
	encoded, err := encodeKey(key)
	if err != nil {
		return err
	}
	if err := m.write(file+".crt", cert, 0o644); err != nil {
		return err
	}
	return m.write(file+".key", encoded, 0o600)
}

func (m *maker) write(name string, data []byte, mode os.FileMode) error {
	if err := os.WriteFile(filepath.Join(m.dir, name), data, mode); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

func encodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func template(name string) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(lifetime),
	}, nil
}
