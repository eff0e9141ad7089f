// A TLS 1.0 peer by Go's crypto/tls: peer server PORT SUITE CERT KEY, or peer client PORT SUITE CA.
// The server answers one request per connection; the client sends its standard input.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func suite(name string) []uint16 {
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if s.Name == name {
			return []uint16{s.ID}
		}
	}
	check(fmt.Errorf("no suite %s", name))
	return nil
}

func main() {
	address := "127.0.0.1:" + os.Args[2]
	config := &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10,
		CipherSuites: suite(os.Args[3]), ServerName: "localhost"}
	if os.Args[1] == "server" {
		certificate, err := tls.LoadX509KeyPair(os.Args[4], os.Args[5])
		check(err)
		config.Certificates = []tls.Certificate{certificate}
		listener, err := net.Listen("tcp", address)
		check(err)
		for {
			plain, err := listener.Accept()
			check(err)
			conn := tls.Server(plain, config)
			request := make([]byte, 100)
			n, err := conn.Read(request)
			fmt.Fprintln(os.Stderr, n, err)
			conn.Write([]byte("HTTP/1.0 200 OK\r\n\r\nhello from Go\r\n"))
			conn.Close()
		}
	}
	pem, err := os.ReadFile(os.Args[4])
	check(err)
	config.RootCAs = x509.NewCertPool()
	config.RootCAs.AppendCertsFromPEM(pem)
	conn, err := tls.Dial("tcp", address, config)
	check(err)
	go func() {
		io.Copy(conn, os.Stdin)
		conn.CloseWrite()
	}()
	_, err = io.Copy(os.Stdout, conn)
	check(err)
}
