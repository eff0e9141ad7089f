#!/usr/bin/python3
"""Keys that openssl(1) has encrypted, in each way that is taken, with the passphrase from a file;
and what is said about those that cannot be used."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

WAYS = [("aes-128-cbc", "hmacWithSHA1"), ("aes-256-cbc", "hmacWithSHA256"),
        ("des3", "hmacWithSHA384"), ("aes-256-cbc", "hmacWithSHA512"),
        ("aes-192-cbc", "hmacWithSHA256"), ("aes-128-cbc", "hmacWithSHA224")]
PASSPHRASE = "correct horse # battery"


def openssl(*args):
    subprocess.run(("openssl",) + args, check=True, stdin=subprocess.DEVNULL, timeout=120,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def write(name, text, mode=0o600):
    path = t.tmp(name)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def judged(key, passphrase, said):
    """said: of the complaint, or None where the rule is good."""
    text = "[server s]\nlisten = *:1\ncertificate = %s\nkey = %s\n" % (CERT[key.split("-")[0]],
                                                                    t.tmp(key + ".pem"))
    if passphrase:
        text += "key-passphrase-file = %s\n" % passphrase
    got = t.run([os.path.join(t.BUILD, "tlshim"), "check", t.policy_file("policy.conf", text)])
    if said is None:
        return None if got.status == 0 else str(got)
    told = got.out + got.err
    return None if got.status != 0 and said.encode() in told else str(got) + told.decode()


t.start(wire=False)
CERT = {}
for kind, how in (("rsa", ("RSA", "-pkeyopt", "rsa_keygen_bits:2048")),
                  ("ec", ("EC", "-pkeyopt", "ec_paramgen_curve:P-256"))):
    CERT[kind] = t.tmp(kind + "-cert.pem")
    openssl("genpkey", "-algorithm", *how, "-out", t.tmp(kind + ".plain"))
    openssl("req", "-x509", "-key", t.tmp(kind + ".plain"), "-subj", "/CN=localhost", "-days", "30",
            "-addext", "subjectAltName=DNS:localhost",
            "-out", CERT[kind])
right = write("right", PASSPHRASE + "\n")
for kind in CERT:
    for cipher, prf in WAYS:
        name = "-".join((kind, cipher, prf))
        openssl("pkcs8", "-topk8", "-in", t.tmp(kind + ".plain"), "-v2", cipher, "-v2prf", prf,
                "-passout", "pass:" + PASSPHRASE, "-out", t.tmp(name + ".pem"))
        os.chmod(t.tmp(name + ".pem"), 0o600)
        taken = cipher in ("aes-128-cbc", "aes-256-cbc", "des3") and prf != "hmacWithSHA224"
        t.subtest(name, judged, name, right, None if taken else "not supported: use PBES2")
openssl("pkcs8", "-topk8", "-in", t.tmp("rsa.plain"), "-v1", "PBE-SHA1-3DES", "-passout",
        "pass:" + PASSPHRASE, "-out", t.tmp("rsa-old.pem"))
os.chmod(t.tmp("rsa-old.pem"), 0o600)
one = "rsa-aes-256-cbc-hmacWithSHA256"
t.subtest("PKCS#12's own way of encryption", judged, "rsa-old", right, "not supported: use PBES2")
t.subtest("no end of line", judged, one, write("bare", PASSPHRASE), None)
t.subtest("more lines", judged, one, write("more", PASSPHRASE + "\nanother\n"), None)
for text in ("", "\n", "correct horse\n", PASSPHRASE + " \n"):
    t.subtest("the passphrase %r" % text, judged, one, write("wrong", text),
              "not the one that the key was encrypted with")
t.subtest("no file is named", judged, one, None, "name the file with its passphrase by key-passphrase")
t.subtest("the file is missing", judged, one, t.tmp("nowhere"), "passphrase file")
t.subtest("others may read the file", judged, one, write("open", PASSPHRASE, 0o644), "chmod 600")
t.finish()
