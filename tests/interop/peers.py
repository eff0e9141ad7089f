"""Other TLS stacks, as programs on the loopback: how each is started as server and as client, and
which of our suites it has. One row of PEERS per stack; matrix.t tries each with each suite."""

import os
import subprocess

import tlstest as t

# Our suites by OpenSSL's name: key exchange, cipher; and the kind of certificate that they need.
COMMON = ["AES128-SHA", "AES256-SHA", "DES-CBC3-SHA"]
CAMELLIA = ["CAMELLIA128-SHA", "CAMELLIA256-SHA"]
WEAK = ["RC4-SHA", "NULL-SHA"]
PSK = ["AES128-CBC-SHA", "AES256-CBC-SHA", "3DES-EDE-CBC-SHA"] + WEAK
EXCHANGES = [("", "rsa", COMMON + CAMELLIA + WEAK + ["RC4-MD5", "DES-CBC-SHA", "NULL-MD5"]),
             ("DHE-RSA", "rsa", COMMON + CAMELLIA + ["DES-CBC-SHA"]),
             ("ECDHE-RSA", "rsa", COMMON + WEAK), ("ECDHE-ECDSA", "ec", COMMON + WEAK),
             ("DHE-DSS", "dsa", COMMON + CAMELLIA + ["DES-CBC-SHA"]),
             ("ADH", None, COMMON + CAMELLIA + ["RC4-MD5", "DES-CBC-SHA"]),
             ("AECDH", None, COMMON + WEAK), ("PSK", None, PSK), ("DHE-PSK", None, PSK),
             ("RSA-PSK", "rsa", PSK), ("ECDHE-PSK", None, PSK)]


class Suite:
    def __init__(self, exchange, cipher, certificate):
        self.exchange, self.cipher, self.certificate = exchange, cipher, certificate
        self.name = exchange + "-" + cipher if exchange else cipher
        self.kind = "3DES" if "3" in cipher[:8] and "DES" in cipher else cipher.split("-")[0]


SUITES = [Suite(e, c, k) for e, k, ciphers in EXCHANGES for c in ciphers]
PSK_IDENTITY, PSK_KEY = "us", "00112233445566778899aabbccddeeff"


class Files:
    """A CA and a leaf of each kind for localhost. certificate(kind), key(kind), ca: paths."""

    def __init__(self, pki):
        self.ca, self._paths = pki.ca, {"rsa": (pki.cert, pki.key)}
        directory = pki.directory
        self.psk_file = directory + "/psk"
        with open(self.psk_file, "w") as f:
            f.write("%s:%s\n" % (PSK_IDENTITY, PSK_KEY))
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
    """name; why(suite): None, or why the stack cannot do it; client_why: the same for its client
    alone; server(suite, port, files): command
    line of a server that answers to "GET / HTTP/1.0"; client(suite, port, files): command line of
    a client that sends its standard input, and writes what comes back; env."""
    env = None

    def why(self, suite):
        return None

    def client_why(self, suite):
        return None


class Openssl(Peer):
    name = "OpenSSL 3"

    def why(self, suite):
        if suite.kind in ("3DES", "DES", "RC4"):
            return "not in Debian's build"

    @staticmethod
    def _cipher(suite):
        psk = ["-psk_identity", PSK_IDENTITY, "-psk", PSK_KEY] if "PSK" in suite.name else []
        return ["-tls1", "-cipher", suite.name + ":@SECLEVEL=0"] + psk

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
                  "AECDH": "ANON-ECDH", "PSK": "PSK", "DHE-PSK": "DHE-PSK", "RSA-PSK": "RSA-PSK",
                  "ECDHE-PSK": "ECDHE-PSK"}
    _CIPHERS = {"AES128": "AES-128-CBC", "AES256": "AES-256-CBC", "3DES": "3DES-CBC", "CAMELLIA128": "CAMELLIA-128-CBC",
                "CAMELLIA256": "CAMELLIA-256-CBC", "RC4": "ARCFOUR-128", "NULL": "NULL"}

    def why(self, suite):
        if suite.kind == "DES":
            return "has no DES"

    def client_why(self, suite):
        if suite.exchange in ("DHE-PSK", "ECDHE-PSK"):
            return "gnutls-cli crashes, with gnutls-serv too"

    def _priority(self, suite):
        return ("NORMAL:-VERS-ALL:+VERS-TLS1.0:-KX-ALL:+%s:-CIPHER-ALL:-MAC-ALL:+%s"
                ":+SIGN-RSA-SHA1:+SIGN-DSA-SHA1:+SIGN-ECDSA-SHA1:%%VERIFY_ALLOW_SIGN_WITH_SHA1"
                ":%%PROFILE_VERY_WEAK"
                % (self._EXCHANGES[suite.exchange], self._CIPHERS[suite.kind] + ":+" +
                   ("MD5" if suite.name.endswith("MD5") else "SHA1")))

    def server(self, suite, port, files):
        return ["gnutls-serv", "-p", str(port), "--http", "-q", "--disable-client-cert",
                "--x509certfile", files.certificate(suite.certificate), "--x509keyfile",
                files.key(suite.certificate), "--priority", self._priority(suite),
                "--pskpasswd", files.psk_file]

    def client(self, suite, port, files):
        return ["gnutls-cli", "-p", str(port), "localhost", "--logfile", os.devnull,
                "--x509cafile", files.ca, "--priority", self._priority(suite)] + (
                    ["--pskusername", PSK_IDENTITY, "--pskkey", PSK_KEY]
                    if "PSK" in suite.name else [])


PEERS = [Openssl(), Gnutls()]
