"""A small certificate authority, made with openssl: one good certificate and the bad ones."""

import os
import subprocess

_NAMES = "DNS:localhost,DNS:server.test,IP:127.0.0.1,IP:::1"
_LEAF = ["-addext", "basicConstraints=critical,CA:FALSE",
         "-addext", "keyUsage=critical,digitalSignature,keyEncipherment"]


class Pki:
    """Paths: ca, other_ca (trust files); cert, key (good); by_address (good for 127.0.0.1 only),
    wrong_name, expired, self_signed, by_other_ca: certificates with the same key."""

    def __init__(self, directory):
        os.makedirs(directory, exist_ok=True)
        self.directory = directory
        self._config = self._write("openssl.cnf", _CONFIG)
        self._write("index.txt", "")
        self._write("serial", "1000\n")
        self.ca, ca_key = self._ca("ca", "tlshim test CA")
        self.other_ca, other_key = self._ca("other-ca", "another test CA")
        self.key = self._path("server.key")
        self._openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048",
                      "-out", self.key)
        os.chmod(self.key, 0o600)
        issuer = (self.ca, ca_key)
        self.cert = self._leaf("server", _NAMES, issuer)
        self.by_address = self._leaf("by-address", "IP:127.0.0.1", issuer)
        self.wrong_name = self._leaf("wrong-name", "DNS:elsewhere.test", issuer)
        self.expired = self._expired("expired", ca_key)
        self.by_other_ca = self._leaf("by-other-ca", _NAMES, (self.other_ca, other_key))
        self.self_signed = self._leaf("self-signed", _NAMES, None)

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _write(self, name, text):
        with open(self._path(name), "w") as f:
            f.write(text.replace("DIR", self.directory).replace("NAMES", _NAMES))
        return self._path(name)

    def _openssl(self, *args):
        done = subprocess.run(("openssl",) + args, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise RuntimeError("openssl %s: %s" % (" ".join(args), done.stdout.decode()))

    def _ca(self, name, subject):
        cert, key = self._path(name + ".pem"), self._path(name + ".key")
        self._openssl("req", "-config", self._config, "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", "30",
                      "-subj", "/CN=" + subject, "-keyout", key, "-out", cert,
                      "-addext", "basicConstraints=critical,CA:TRUE",
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        return cert, key

    def _leaf(self, name, names, issuer):
        path = self._path(name + ".pem")
        signer = ["-CA", issuer[0], "-CAkey", issuer[1]] if issuer else []
        self._openssl("req", "-config", self._config, "-x509", "-new", "-key", self.key, "-sha256", "-days", "30",
                      "-subj", "/CN=tlshim " + name, "-out", path, *signer, *_LEAF,
                      "-addext", "subjectAltName=" + names)
        return path

    def _expired(self, name, ca_key):
        """`req` cannot set dates in the past; `ca` can, with a directory of its own."""
        request, path = self._path(name + ".csr"), self._path(name + ".pem")
        self._openssl("req", "-config", self._config, "-new", "-key", self.key, "-subj", "/CN=tlshim " + name,
                      "-out", request)
        self._openssl("ca", "-batch", "-notext", "-config", self._config, "-cert", self.ca, "-keyfile", ca_key,
                      "-in", request, "-out", path, "-startdate", "20010101000000Z",
                      "-enddate", "20020101000000Z")
        return path


_CONFIG = """[req]
distinguished_name = any
prompt = no
[ca]
default_ca = small
[small]
database = DIR/index.txt
serial = DIR/serial
new_certs_dir = DIR
default_md = sha256
policy = any
x509_extensions = leaf
[any]
commonName = supplied
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
subjectAltName = NAMES
"""
