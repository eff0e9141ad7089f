"""Other TLS stacks, as programs on the loopback: how each is started as server and as client, and
which of our suites it has. One row of PEERS per stack; matrix.t tries each with each suite."""

import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))

# Our suites by OpenSSL's name: key exchange, cipher; and the kind of certificate that they need.
COMMON = ["AES128-SHA", "AES256-SHA", "DES-CBC3-SHA"]
CAMELLIA = ["CAMELLIA128-SHA", "CAMELLIA256-SHA"]
WEAK = ["RC4-SHA", "NULL-SHA"]
PSK = ["AES128-CBC-SHA", "AES256-CBC-SHA", "3DES-EDE-CBC-SHA"] + WEAK
EXPORT = ["DES-CBC-SHA", "RC4-MD5"]
EXCHANGES = [("", "rsa", COMMON + CAMELLIA + WEAK + ["RC4-MD5", "DES-CBC-SHA", "NULL-MD5"]),
             ("DHE-RSA", "rsa", COMMON + CAMELLIA + ["DES-CBC-SHA"]),
             ("ECDHE-RSA", "rsa", COMMON + WEAK), ("ECDHE-ECDSA", "ec", COMMON + WEAK),
             ("DHE-DSS", "dsa", COMMON + CAMELLIA + ["DES-CBC-SHA"]),
             ("ADH", None, COMMON + CAMELLIA + ["RC4-MD5", "DES-CBC-SHA"]),
             ("AECDH", None, COMMON + WEAK), ("PSK", None, PSK), ("DHE-PSK", None, PSK),
             ("RSA-PSK", "rsa", PSK), ("ECDHE-PSK", None, PSK),
             ("EXP", "rsa", EXPORT), ("EXP-DHE-RSA", "rsa", EXPORT[:1]),
             ("EXP-DHE-DSS", "dsa", EXPORT[:1]), ("EXP-ADH", None, EXPORT)]


class Suite:
    def __init__(self, exchange, cipher, certificate):
        self.exchange, self.cipher, self.certificate = exchange, cipher, certificate
        self.name = exchange + "-" + cipher if exchange else cipher
        self.exported = exchange.startswith("EXP")
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
    a client that sends its standard input, and writes what comes back; env; prepare(files): what is
    to be done once, an exception when the stack is not here."""
    env = None
    closes = True  # its client, with close_notify, at the end of its input

    def prepare(self, files):
        pass

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


class Go(Peer):
    name = "Go 1.19"
    _NAMES = {"AES128": "AES_128_CBC_SHA", "AES256": "AES_256_CBC_SHA", "3DES": "3DES_EDE_CBC_SHA",
              "RC4": "RC4_128_SHA"}

    def prepare(self, files):
        self._program = os.path.join(os.path.dirname(files.ca), "go-peer")
        self.env = dict(os.environ, GOCACHE=self._program + ".cache", GOFLAGS="-mod=mod", HOME="/")
        subprocess.run(["go", "build", "-o", self._program, os.path.join(HERE, "peer.go")],
                       check=True, capture_output=True, env=self.env)

    def why(self, suite):
        if suite.exchange not in ("", "ECDHE-RSA", "ECDHE-ECDSA"):
            return "has no " + suite.exchange
        if suite.kind not in self._NAMES or suite.name.endswith("MD5"):
            return "has no " + suite.cipher
        if suite.exchange == "ECDHE-ECDSA" and suite.kind == "3DES":
            return "has no ECDSA with 3DES"

    def _suite(self, suite):
        return "TLS_%s_WITH_%s" % (suite.exchange.replace("-", "_") or "RSA",
                                   self._NAMES[suite.kind])

    def server(self, suite, port, files):
        return [self._program, "server", str(port), self._suite(suite),
                files.certificate(suite.certificate), files.key(suite.certificate)]

    def client(self, suite, port, files):
        return [self._program, "client", str(port), self._suite(suite), files.ca]


class Java(Peer):
    name = "Java 17"
    _EXCHANGES = {"": "SSL_RSA", "DHE-RSA": "SSL_DHE_RSA", "DHE-DSS": "SSL_DHE_DSS",
                  "ADH": "SSL_DH_anon", "ECDHE-RSA": "TLS_ECDHE_RSA",
                  "ECDHE-ECDSA": "TLS_ECDHE_ECDSA", "AECDH": "TLS_ECDH_anon",
                  "EXP": "SSL_RSA_EXPORT", "EXP-DHE-RSA": "SSL_DHE_RSA_EXPORT",
                  "EXP-DHE-DSS": "SSL_DHE_DSS_EXPORT", "EXP-ADH": "SSL_DH_anon_EXPORT"}
    _CIPHERS = {"AES128": "AES_128_CBC", "AES256": "AES_256_CBC", "3DES": "3DES_EDE_CBC",
                "RC4": "RC4_128", "DES": "DES_CBC", "NULL": "NULL"}

    def prepare(self, files):
        directory = os.path.dirname(files.ca)
        self._classes = os.path.join(directory, "classes")
        self._security = os.path.join(directory, "java.security")
        with open(self._security, "w") as f:
            f.write("jdk.tls.disabledAlgorithms=MD2\njdk.tls.legacyAlgorithms=MD2\n"
                    "jdk.certpath.disabledAlgorithms=MD2\n")
        subprocess.run(["javac", "-d", self._classes, os.path.join(HERE, "Peer.java")], check=True,
                       capture_output=True)
        for kind in ("rsa", "ec", "dsa"):
            subprocess.run(["openssl", "pkcs12", "-export", "-in", files.certificate(kind), "-inkey",
                            files.key(kind), "-passout", "pass:password", "-out",
                            os.path.join(directory, kind + ".p12")], check=True,
                           capture_output=True)

    def why(self, suite):
        if suite.exchange not in self._EXCHANGES:
            return "has no " + suite.exchange
        if suite.kind not in self._CIPHERS:
            return "has no " + suite.cipher

    def client_why(self, suite):
        if suite.exchange == "EXP-DHE-DSS":
            return "its EndEntityChecker does not know DHE_DSS_EXPORT"

    def _argv(self, suite, *words):
        prefix = self._EXCHANGES[suite.exchange]
        if suite.kind.startswith("AES"):
            prefix = prefix.replace("SSL_", "TLS_")
        cipher = self._CIPHERS[suite.kind]
        if suite.exported:
            cipher = {"DES_CBC": "DES40_CBC", "RC4_128": "RC4_40"}[cipher]
        name = "%s_WITH_%s_%s" % (prefix, cipher, suite.name.split("-")[-1])
        return ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1",
                "-Djava.security.properties=" + self._security, "-cp", self._classes, "Peer",
                words[0], words[1], name, *words[2:]]

    def server(self, suite, port, files):
        return self._argv(suite, "server", str(port), os.path.join(
            os.path.dirname(files.ca), (suite.certificate or "rsa") + ".p12"))

    def client(self, suite, port, files, *more):
        return self._argv(suite, "client", str(port), files.ca, *more)


class Mbedtls(Peer):
    name = "Mbed TLS 2.28"
    _NUMBERS = {"AES128-SHA": 0x2f, "AES256-SHA": 0x35, "DES-CBC3-SHA": 0x0a,
                "CAMELLIA128-SHA": 0x41, "CAMELLIA256-SHA": 0x84, "DHE-RSA-AES128-SHA": 0x33,
                "DHE-RSA-AES256-SHA": 0x39, "DHE-RSA-DES-CBC3-SHA": 0x16,
                "DHE-RSA-CAMELLIA128-SHA": 0x45, "DHE-RSA-CAMELLIA256-SHA": 0x88,
                "ECDHE-RSA-AES128-SHA": 0xc013, "ECDHE-RSA-AES256-SHA": 0xc014,
                "ECDHE-RSA-DES-CBC3-SHA": 0xc012, "ECDHE-ECDSA-AES128-SHA": 0xc009,
                "ECDHE-ECDSA-AES256-SHA": 0xc00a, "ECDHE-ECDSA-DES-CBC3-SHA": 0xc008,
                "PSK-AES128-CBC-SHA": 0x8c, "PSK-AES256-CBC-SHA": 0x8d,
                "PSK-3DES-EDE-CBC-SHA": 0x8b, "DHE-PSK-AES128-CBC-SHA": 0x90,
                "DHE-PSK-AES256-CBC-SHA": 0x91, "DHE-PSK-3DES-EDE-CBC-SHA": 0x8f,
                "RSA-PSK-AES128-CBC-SHA": 0x94, "RSA-PSK-AES256-CBC-SHA": 0x95,
                "RSA-PSK-3DES-EDE-CBC-SHA": 0x93, "ECDHE-PSK-AES128-CBC-SHA": 0xc035,
                "ECDHE-PSK-AES256-CBC-SHA": 0xc036, "ECDHE-PSK-3DES-EDE-CBC-SHA": 0xc034}

    def prepare(self, files):
        self._program = os.path.join(os.path.dirname(files.ca), "mbedtls-peer")
        subprocess.run(["gcc", "-o", self._program, os.path.join(HERE, "mbedtls_peer.c"),
                        "-lmbedtls", "-lmbedx509", "-lmbedcrypto"], check=True,
                       capture_output=True)

    def why(self, suite):
        if suite.name not in self._NUMBERS:
            return "not in Debian's build"

    def server(self, suite, port, files):
        return [self._program, "server", str(port), str(self._NUMBERS[suite.name]),
                files.certificate(suite.certificate), files.key(suite.certificate)]

    def client(self, suite, port, files):
        return [self._program, "client", str(port), str(self._NUMBERS[suite.name]), files.ca]


class Nss(Peer):
    name = "NSS"
    closes = False  # tstclnt waits for the server
    _NUMBERS = {"AES128-SHA": "002F", "AES256-SHA": "0035", "DES-CBC3-SHA": "000A",
                "RC4-SHA": "0005", "RC4-MD5": "0004", "CAMELLIA128-SHA": "0041",
                "CAMELLIA256-SHA": "0084", "DHE-RSA-AES128-SHA": "0033",
                "DHE-RSA-AES256-SHA": "0039", "DHE-RSA-DES-CBC3-SHA": "0016",
                "DHE-RSA-CAMELLIA128-SHA": "0045", "DHE-RSA-CAMELLIA256-SHA": "0088",
                "DHE-DSS-AES128-SHA": "0032", "DHE-DSS-AES256-SHA": "0038",
                "DHE-DSS-DES-CBC3-SHA": "0013", "ECDHE-RSA-AES128-SHA": "C013",
                "ECDHE-RSA-AES256-SHA": "C014", "ECDHE-RSA-DES-CBC3-SHA": "C012",
                "ECDHE-RSA-RC4-SHA": "C011", "ECDHE-ECDSA-AES128-SHA": "C009",
                "ECDHE-ECDSA-AES256-SHA": "C00A", "ECDHE-ECDSA-DES-CBC3-SHA": "C008",
                "ECDHE-ECDSA-RC4-SHA": "C007"}

    def prepare(self, files):
        self._database = "sql:" + os.path.join(os.path.dirname(files.ca), "nss")
        os.makedirs(self._database[4:])
        self._run("certutil", "-N", "--empty-password")
        self._run("certutil", "-A", "-n", "ca", "-t", "C,,", "-i", files.ca)
        for kind in ("rsa", "ec", "dsa"):
            pkcs12 = os.path.join(self._database[4:], kind + ".p12")
            subprocess.run(["openssl", "pkcs12", "-export", "-in", files.certificate(kind), "-inkey",
                            files.key(kind), "-name", kind, "-passout", "pass:password", "-out",
                            pkcs12], check=True, capture_output=True)
            self._run("pk12util", "-i", pkcs12, "-W", "password")

    def _run(self, *argv):
        subprocess.run([*argv, "-d", self._database], check=True, capture_output=True)

    def why(self, suite):
        if suite.name not in self._NUMBERS:
            return "not in its list"
        if suite.certificate == "dsa":
            return "its tools take no DSA keys of 1024 bits"

    def _cipher(self, suite):
        return ["-d", self._database, "-V", "tls1.0:tls1.0", "-c",
                ":" + self._NUMBERS[suite.name]]

    def server(self, suite, port, files):
        certificate = ["-e", "ec"] if suite.certificate == "ec" else ["-n", "rsa"]
        return ["selfserv", "-p", str(port), *certificate, *self._cipher(suite)]

    def client(self, suite, port, files):
        return ["tstclnt", "-h", "localhost", "-p", str(port), "-4", *self._cipher(suite)]


PEERS = [Openssl(), Gnutls(), Mbedtls(), Nss(), Go(), Java()]
