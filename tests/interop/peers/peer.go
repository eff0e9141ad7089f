// Go's crypto/tls as a peer: see peer.h, whose command line this speaks.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
)

var options = map[string]string{}
var isServer bool

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func list() {
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if s.SupportedVersions[0] <= tls.VersionTLS10 {
			fmt.Printf("%04x\n", s.ID)
		}
	}
}

// Which sessions are resumed: the library's client knows tickets only.
func setUpResumption(config *tls.Config) {
	config.SessionTicketsDisabled = options["resume"] != "ticket"
	if options["resume"] != "" {
		config.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	}
}

func configure() *tls.Config {
	suite, err := strconv.ParseUint(options["suite"], 16, 16)
	check(err)
	config := &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10,
		CipherSuites: []uint16{uint16(suite)}, ServerName: "localhost"}
	if options["certificate"] != "" {
		pair, err := tls.LoadX509KeyPair(options["certificate"], options["key"])
		check(err)
		config.Certificates = []tls.Certificate{pair}
	}
	if options["ca"] != "" {
		pem, err := os.ReadFile(options["ca"])
		check(err)
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(pem)
		config.ClientCAs = config.RootCAs
	}
	if _, ask := options["ask"]; ask {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	if options["alpn"] != "" {
		config.NextProtos = []string{options["alpn"]}
	}
	if options["keylog"] != "" {
		config.KeyLogWriter, err = os.Create(options["keylog"])
		check(err)
	}
	setUpResumption(config)
	return config
}

func tell(conn *tls.Conn) {
	state := conn.ConnectionState()
	resumed, subject := "0", ""
	if state.DidResume {
		resumed = "1"
	}
	if len(state.PeerCertificates) > 0 {
		subject = state.PeerCertificates[0].Subject.CommonName
	}
	fmt.Printf("resumed=%s ems=0 etm=0 alpn=%s peer=%s\n", resumed, state.NegotiatedProtocol,
		subject)
}

func ask(conn *tls.Conn, data []byte) {
	for at, piece := 0, 1; at < len(data); piece = 15013 {
		end := at + piece
		if end > len(data) {
			end = len(data)
		}
		_, err := conn.Write(data[at:end])
		check(err)
		at = end
	}
	back := make([]byte, len(data))
	_, err := io.ReadFull(conn, back)
	check(err)
	if !bytes.Equal(back, data) {
		check(fmt.Errorf("what came back differs"))
	}
}

// io.Copy ends without an error at close_notify alone: what ends otherwise is io.ErrUnexpectedEOF.
func converse(conn *tls.Conn, data []byte) {
	check(conn.Handshake())
	if isServer {
		_, err := io.Copy(conn, conn)
		check(err)
	} else {
		ask(conn, data)
	}
	check(conn.CloseWrite())
	if !isServer {
		rest, err := io.ReadAll(conn)
		check(err)
		if len(rest) > 0 {
			check(fmt.Errorf("more came than was sent"))
		}
	}
	tell(conn)
	conn.Close()
}

func main() {
	if os.Args[1] == "suites" {
		list()
		return
	}
	isServer = os.Args[1] == "server"
	for _, argument := range os.Args[3:] {
		name, value, _ := strings.Cut(argument, "=")
		options[name] = value
	}
	address := "127.0.0.1:" + os.Args[2]
	config := configure()
	connections := 1
	if options["connections"] != "" {
		connections, _ = strconv.Atoi(options["connections"])
	}
	var listener net.Listener
	var data []byte
	var err error
	if isServer {
		listener, err = net.Listen("tcp", address)
	} else {
		data, err = os.ReadFile(options["data"])
	}
	check(err)
	for i := 0; i < connections; i++ {
		if isServer {
			plain, err := listener.Accept()
			check(err)
			converse(tls.Server(plain, config), data)
		} else {
			plain, err := net.Dial("tcp", address)
			check(err)
			converse(tls.Client(plain, config), data)
		}
	}
}
