"""Other TLS stacks, as programs on the loopback: how each is started as server and as client, and
which of our suites it has. One row of PEERS per stack; matrix.t tries each with each suite."""

import os
import subprocess

import tlstest as t

# Our suites by OpenSSL's name: key exchange, cipher; and the kind of certificate that they need.
CIPHERS = ["AES128-SHA", "AES256-SHA", "DES-CBC3-SHA"]
EXCHANGES = {"": "rsa", "DHE-RSA": "rsa", "ECDHE-RSA": "rsa", "ECDHE-ECDSA": "ec",
             "DHE-DSS": "dsa", "ADH": None, "AECDH": None}


class Suite:
    def __init__(self, exchange, cipher):
        self.exchange, self.cipher = exchange, cipher
        self.name = exchange + "-" + cipher if exchange else cipher
        self.certificate = EXCHANGES[exchange]


SUITES = [Suite(e, c) for e in EXCHANGES for c in CIPHERS]


class Files:
    """A CA and a leaf of each kind for localhost. certificate(kind), key(kind), ca: paths."""

    def __init__(self, pki):
        self.ca, self._paths = pki.ca, {"rsa": (pki.cert, pki.key)}
        directory = pki.directory
        self._run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                  directory + "/ec.key")
        self._run("genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt",
                  "dsa_paramgen_bits:1024", "-pkeyopt", "dsa_paramgen_q_bits:160", "-out",
                  directory + "/dsa.parameters")
        self._run("genpkey", "-paramfile", directory + "/dsa.parameters", "-out",
                  directory + "/dsa.key")
        for kind in ("ec", "dsa"):
            key, cert = "%s/%s.key" % (directory, kind), "%s/%s.pem" % (directory, kind)
            self._run("req", "-x509", "-new", "-key", key, "-CA", pki.ca, "-CAkey",
                      directory + "/ca.key", "-sha256", "-days", "30", "-subj", "/CN=" + kind,
                      "-addext", "basicConstraints=critical,CA:FALSE",
                      "-addext", "keyUsage=critical,digitalSignature",
                      "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", cert)
            os.chmod(key, 0o600)
            self._paths[kind] = (cert, key)

    @staticmethod
    def _run(*args):
        subprocess.run(("openssl",) + args, check=True, capture_output=True)

    def certificate(self, kind):
        return self._paths[kind or "rsa"][0]

    def key(self, kind):
        return self._paths[kind or "rsa"][1]


class Peer:
    """name; why(suite): None, or why the stack cannot do it; server(suite, port, files): command
    line of a server that answers to "GET / HTTP/1.0"; client(suite, port, files): command line of
    a client that sends its standard input, and writes what comes back; env."""
    env = None

    def why(self, suite):
        return None


class Openssl(Peer):
    name = "OpenSSL 3"

    def why(self, suite):
        if suite.cipher == "DES-CBC3-SHA":
            return "Debian's build has no 3DES"

    @staticmethod
    def _cipher(suite):
        return ["-tls1", "-cipher", suite.name + ":@SECLEVEL=0"]

    def server(self, suite, port, files):
        return ["openssl", "s_server", "-accept", "127.0.0.1:%d" % port, "-www", "-cert",
                files.certificate(suite.certificate), "-key", files.key(suite.certificate),
                *self._cipher(suite)]

    def client(self, suite, port, files):
        return ["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-CAfile", files.ca,
                "-servername", "localhost", "-quiet", "-no_ign_eof", *self._cipher(suite)]


class Gnutls(Peer):
    name = "GnuTLS 3.7"
    _EXCHANGES = {"": "RSA", "DHE-RSA": "DHE-RSA", "ECDHE-RSA": "ECDHE-RSA",
                  "ECDHE-ECDSA": "ECDHE-ECDSA", "DHE-DSS": "DHE-DSS", "ADH": "ANON-DH",
                  "AECDH": "ANON-ECDH"}
    _CIPHERS = {"AES128-SHA": "AES-128-CBC:+SHA1", "AES256-SHA": "AES-256-CBC:+SHA1",
                "DES-CBC3-SHA": "3DES-CBC:+SHA1"}

    def _priority(self, suite):
        return ("NORMAL:-VERS-ALL:+VERS-TLS1.0:-KX-ALL:+%s:-CIPHER-ALL:-MAC-ALL:+%s"
                ":+SIGN-RSA-SHA1:+SIGN-DSA-SHA1:+SIGN-ECDSA-SHA1:%%VERIFY_ALLOW_SIGN_WITH_SHA1"
                ":%%PROFILE_VERY_WEAK"
                % (self._EXCHANGES[suite.exchange], self._CIPHERS[suite.cipher]))

    def server(self, suite, port, files):
        return ["gnutls-serv", "-p", str(port), "--http", "-q", "--disable-client-cert",
                "--x509certfile", files.certificate(suite.certificate), "--x509keyfile",
                files.key(suite.certificate), "--priority", self._priority(suite)]

    def client(self, suite, port, files):
        return ["gnutls-cli", "-p", str(port), "localhost", "--logfile", os.devnull,
                "--x509cafile", files.ca, "--priority", self._priority(suite)]


PEERS = [Openssl(), Gnutls()]
