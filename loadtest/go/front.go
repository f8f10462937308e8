package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

const maxCachedTokens = 10_000

// front is the baseline: a reverse proxy without a tunnel that does an impersonating proxy's work.
func front(args []string) error {
	flags := flag.NewFlagSet("front", flag.ExitOnError)
	cert := flags.String("cert", "", "PEM certificate")
	key := flags.String("key", "", "PEM key")
	ca := flags.String("ca", "", "PEM of the upstream's CA")
	upstream := flags.String("upstream", "", "URL of the API server")
	public := flags.String("public-key", "", "PEM of the issuer's RSA key")
	issuer := flags.String("issuer", "", "issuer of tokens")
	audience := flags.String("audience", "", "audience of tokens")
	tokenFile := flags.String("token-file", "", "the proxy's own token")
	_ = flags.Parse(args)

	target, err := url.Parse(*upstream)
	if err != nil {
		return err
	}
	own, err := os.ReadFile(*tokenFile)
	if err != nil {
		return err
	}
	verifier, err := newVerifier(*public, *issuer, *audience)
	if err != nil {
		return err
	}
	roots, err := poolOf(*ca)
	if err != nil {
		return err
	}
	proxy := &httputil.ReverseProxy{
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{},
			MaxIdleConnsPerHost: 256,
			DisableCompression:  true,
		},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(own)))
			r.Out.Header.Set("Impersonate-User", r.In.Header.Get("X-Verified-User"))
			r.Out.Header.Del("X-Verified-User")
			r.Out.Header["Impersonate-Group"] = []string{"developers", "system:authenticated"}
		},
	}
	return serve(*cert, *key, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		user, err := verifier.user(token)
		if !found || err != nil {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		for name := range r.Header {
			if strings.HasPrefix(name, "Impersonate-") {
				http.Error(w, "no", http.StatusForbidden)
				return
			}
		}
		r.Header.Set("X-Verified-User", user)
		proxy.ServeHTTP(w, r)
	}))
}

type known struct {
	user    string
	expires time.Time
}

type verifier struct {
	key              *rsa.PublicKey
	issuer, audience string
	mutex            sync.RWMutex
	cache            map[[32]byte]known
}

func newVerifier(file, issuer, audience string) (*verifier, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM in " + file)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	rsaKey, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("not an RSA key: " + file)
	}
	return &verifier{key: rsaKey, issuer: issuer, audience: audience, cache: map[[32]byte]known{}}, nil
}

// user verifies a token once and remembers it by its hash.
func (v *verifier) user(token string) (string, error) {
	hash := sha256.Sum256([]byte(token))
	v.mutex.RLock()
	entry, ok := v.cache[hash]
	v.mutex.RUnlock()
	if ok && time.Now().Before(entry.expires) {
		return entry.user, nil
	}
	entry, err := v.verify(token)
	if err != nil {
		return "", err
	}
	v.mutex.Lock()
	defer v.mutex.Unlock()
	if len(v.cache) >= maxCachedTokens {
		clear(v.cache)
	}
	v.cache[hash] = entry
	return entry.user, nil
}

func (v *verifier) verify(token string) (known, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return known{}, errors.New("not a JWT")
	}
	var header struct{ Alg string }
	if err := decodePart(parts[0], &header); err != nil || header.Alg != "RS256" {
		return known{}, errors.New("not RS256")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return known{}, err
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(v.key, crypto.SHA256, digest[:], signature); err != nil {
		return known{}, err
	}
	var claims struct {
		Iss, Aud, Sub string
		Exp           int64
	}
	if err := decodePart(parts[1], &claims); err != nil {
		return known{}, err
	}
	expires := time.Unix(claims.Exp, 0)
	if claims.Iss != v.issuer || claims.Aud != v.audience || claims.Sub == "" || time.Now().After(expires) {
		return known{}, errors.New("not for us")
	}
	return known{user: claims.Sub, expires: expires}, nil
}

func decodePart(part string, into any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func poolOf(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("no certificate in " + file)
	}
	return pool, nil
}
