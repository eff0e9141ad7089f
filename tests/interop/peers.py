"""Eight other TLS stacks, each as a program of peers/ (see peers/peer.h for their command line), and
the suites: ours as build/tests/tls_peer lists them, theirs as their libraries do."""

import os
import subprocess

import tlstest as t

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = os.path.join(t.BUILD, "tests", "tls_peer")
PSK_IDENTITY, PSK_KEY = "us", "00112233445566778899aabbccddeeff"
CERTIFICATES = {"DSS": "dsa", "ECDSA": "ec", "RSA": "rsa"}


class Suite:
    """id (hex), name (IANA's), alias (OpenSSL's); exchange: "DHE_RSA"; certificate: the kind that the
    server shows, or None."""

    def __init__(self, id_, name, alias):
        self.id, self.name, self.alias = id_, name, alias
        self.exchange, self.cipher = name[len("TLS_"):].split("_WITH_")
        words = self.exchange.split("_")
        self.certificate = next((k for w, k in CERTIFICATES.items() if w in words), None)
        self.has_psk, self.exported = "PSK" in words, "EXPORT" in words


def our_suites():
    lines = subprocess.run([OURS, "suites"], check=True, capture_output=True, text=True).stdout
    return [Suite(*line.split()) for line in lines.splitlines()]


class Files:
    """A CA and a leaf of each kind ("rsa", "ec", "dsa"; "stranger": of another CA) for localhost, the
    same as PKCS#12, and what the connections carry. certificate(kind), key(kind), store(kind), ca,
    data: paths."""
    KINDS = ("rsa", "ec", "dsa", "stranger")

    def __init__(self, pki, data):
        self.ca, self.directory = pki.ca, pki.directory
        self._paths = {"rsa": (pki.cert, pki.key), "stranger": (pki.by_other_ca, pki.key)}
        self.data = self._path("data")
        with open(self.data, "wb") as f:
            f.write(data)
        self._openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                      self._path("ec.key"))
        self._openssl("genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt",
                      "dsa_paramgen_bits:1024", "-pkeyopt", "dsa_paramgen_q_bits:160", "-out",
                      self._path("dsa.parameters"))
        self._openssl("genpkey", "-paramfile", self._path("dsa.parameters"), "-out",
                      self._path("dsa.key"))
        for kind in ("ec", "dsa"):
            self._leaf(kind)
        for kind in self.KINDS:
            self._openssl("pkcs12", "-export", "-in", self.certificate(kind), "-inkey",
                          self.key(kind), "-certfile", self.ca, "-name", kind, "-passout",
                          "pass:password", "-out", self.store(kind))

    def _path(self, name):
        return os.path.join(self.directory, name)

    @staticmethod
    def _openssl(*args):
        subprocess.run(("openssl",) + args, check=True, capture_output=True)

    def _leaf(self, kind):
        key, certificate = self._path(kind + ".key"), self._path(kind + ".pem")
        self._openssl("req", "-x509", "-new", "-key", key, "-CA", self.ca, "-CAkey",
                      self._path("ca.key"), "-sha256", "-days", "30", "-subj", "/CN=" + kind,
                      "-addext", "basicConstraints=critical,CA:FALSE",
                      "-addext", "keyUsage=critical,digitalSignature",
                      "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", certificate)
        os.chmod(key, 0o600)
        self._paths[kind] = (certificate, key)

    def certificate(self, kind):
        return self._paths[kind][0]

    def key(self, kind):
        return self._paths[kind][1]

    def store(self, kind):
        return self._path(kind + ".p12")

    def common_name(self, kind):
        return "tlshim server" if kind == "rsa" else kind


class Peer:
    """name; packages: what it needs; is_light: whether `make check` has it. prepare(files) builds it,
    and afterwards known is the set of suites that its library has for TLS 1.0."""
    name, packages, is_light = None, (), True
    tells_subject = True  # of the certificate that the other side shows
    says_none = ""  # what a server prints when it demands a certificate and gets none; a pattern
    sources, compiler, libraries = (), ("gcc", "-std=gnu11", "-D_GNU_SOURCE"), ()

    def prepare(self, files):
        self._argv = self._build()
        self.known = self._list()

    def _build(self):
        """Kept in build/, and built anew when a source is newer."""
        folder = os.path.join(t.BUILD, "tests", "peers")
        program = os.path.join(folder, self.sources[0].split(".")[0])
        sources = [os.path.join(HERE, "peers", s) for s in self.sources]
        newest = max(os.stat(s).st_mtime for s in sources + [os.path.join(HERE, "peers/peer.h")])
        os.makedirs(folder, exist_ok=True)
        if not os.path.exists(program) or os.stat(program).st_mtime < newest:
            mine = "%s.%d" % (program, os.getpid())
            self._compile(sources, mine)
            self._put(mine, program)
        return [program]

    def _put(self, mine, program):
        os.rename(mine, program)

    def _compile(self, sources, out):
        run([*self.compiler, "-O1", "-Wall", "-Wextra", "-o", out, *sources, *self.libraries])

    def _list(self):
        return set(run([*self._argv, "suites"]).split())

    def environment(self):
        return None

    def identity(self, kind, files):
        """Words that give a peer its certificate."""
        return ["certificate=" + files.certificate(kind), "key=" + files.key(kind)]

    def spelled(self, suite):
        return ["suite=" + suite.id, "alias=" + suite.alias]

    def command(self, role, port, suite, files, kind=None, *more):
        """role: "server" or "client"; kind: of its certificate."""
        words = [role, str(port), *self.spelled(suite), "ca=" + files.ca, "data=" + files.data]
        if suite.has_psk:
            words.append("psk=%s:%s" % (PSK_IDENTITY, PSK_KEY))
        if kind:
            words += self.identity(kind, files)
        return [*self._argv, *words, *more]


def run(argv, **options):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, **options)
    if done.returncode != 0:
        raise OSError("%s: %s" % (" ".join(argv), done.stdout[-2000:]))
    return done.stdout


class Openssl(Peer):
    name, packages = "OpenSSL 3", ("libssl-dev",)
    says_none = "peer did not return a certificate"
    sources, libraries = ("openssl_peer.c", "peer.c"), ("-lssl", "-lcrypto")


class Gnutls(Peer):
    name, packages = "GnuTLS 3.7", ("libgnutls28-dev",)
    says_none = "No certificate was found"
    sources, libraries = ("gnutls_peer.c", "peer.c"), ("-lgnutls",)


class Mbedtls(Peer):
    name, packages = "Mbed TLS 2.28", ("libmbedtls-dev",)
    says_none = "No client certification received"
    sources = ("mbedtls_peer.c", "peer.c")
    libraries = ("-lmbedtls", "-lmbedx509", "-lmbedcrypto")


class Bearssl(Peer):
    name, packages = "BearSSL", ("libbearssl-dev",)
    tells_subject = False
    says_none = "error 29"  # BR_ERR_NO_CLIENT_AUTH
    sources, libraries = ("bearssl_peer.c", "peer.c"), ("-lbearssl",)


class Nss(Peer):
    name, packages = "NSS", ("libnss3-dev", "libnss3-tools")
    says_none = "SSL_ERROR_NO_CERTIFICATE"
    sources = ("nss_peer.c", "peer.c")
    compiler = Peer.compiler + ("-I/usr/include/nss", "-I/usr/include/nspr")
    libraries = ("-lssl3", "-lnss3", "-lnspr4")

    def prepare(self, files):
        super().prepare(files)
        self.database = "sql:" + os.path.join(files.directory, "nss")
        os.makedirs(self.database[len("sql:"):])
        self._tool("certutil", "-N", "--empty-password")
        self._tool("certutil", "-A", "-n", "ca", "-t", "CT,,", "-i", files.ca)
        for kind in files.KINDS:
            self._tool("pk12util", "-i", files.store(kind), "-W", "password")

    def _tool(self, *argv):
        run([*argv, "-d", self.database])

    def identity(self, kind, files):
        return ["nick=" + kind]

    def spelled(self, suite):
        return ["suite=" + suite.id, "nss=" + self.database]


class Go(Peer):
    name, packages, is_light = "Go 1.19", ("golang-go",), False
    says_none = "client didn't provide a certificate"
    sources = ("peer.go",)

    def _compile(self, sources, out):
        cache = os.path.join(os.path.dirname(out), "go-cache")
        run(["go", "build", "-o", out, *sources],
            env=dict(os.environ, GOCACHE=cache, GOFLAGS="-mod=mod", HOME="/"))


class Java(Peer):
    name, packages, is_light = "Java 17", ("default-jdk-headless",), False
    says_none = "Empty client certificate chain"
    sources = ("Peer.java",)

    def prepare(self, files):
        self._security = os.path.join(files.directory, "java.security")
        with open(self._security, "w") as f:
            for list_ in ("tls.disabled", "tls.legacy", "certpath.disabled"):
                f.write("jdk.%sAlgorithms=\n" % list_)
        super().prepare(files)

    def _build(self):
        classes, = super()._build()
        return ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
                "-Djava.security.properties=" + self._security, "-cp", classes, "Peer"]

    def _compile(self, sources, out):
        run(["javac", "-d", out, *sources])

    def _put(self, mine, program):
        """Folders are not renamed over one another, and two tests may do this at once."""
        os.makedirs(program, exist_ok=True)
        for name in os.listdir(mine):
            os.rename(os.path.join(mine, name), os.path.join(program, name))
        os.rmdir(mine)
        os.utime(program)

    def _list(self):
        """By name, in which SSL_ and TLS_ say the same."""
        self._names = {name[len("TLS_"):]: name for name in super()._list()}
        return {s.id for s in our_suites() if s.name[len("TLS_"):] in self._names}

    def identity(self, kind, files):
        return ["store=" + files.store(kind)]

    def spelled(self, suite):
        return ["name=" + self._names[suite.name[len("TLS_"):]]]


class Botan(Peer):
    name, packages, is_light = "Botan 2.19", ("g++", "libbotan-2-dev"), False
    says_none = "Policy requires client send a certificate, but it did not"
    sources, libraries = ("botan_peer.cpp", "peer.c"), ("-lbotan-2",)
    compiler = ("g++", "-I/usr/include/botan-2")

    def _compile(self, sources, out):
        run([*Peer.compiler, "-c", "-o", out + ".o", sources[1]])
        super()._compile([sources[0], out + ".o"], out)
        os.remove(out + ".o")


class Plain(Peer):
    """No TLS at all: what tlshim covers."""
    name, sources = "plain", ("plain_peer.c", "peer.c")


PEERS = [Openssl(), Gnutls(), Mbedtls(), Bearssl(), Nss(), Go(), Java(), Botan()]
