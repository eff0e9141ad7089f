#!/usr/bin/python3
"""What a rule can say about a peer's certificate beyond a file of roots: pins, trust on first use,
hashed directories, revocation lists, stapled OCSP responses, common names, and on the server whom it
admits. The peers are OpenSSL's and GnuTLS's own programs."""

import base64
import hashlib
import os
import re
import socket
import ssl
import stat
import subprocess
import sys
import time
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import certs as c
import tlstest as t

LAUNCHER = os.path.join(t.BUILD, "tlshim")
WEAK = ["-tls1", "-cipher", "ALL:@SECLEVEL=0"]
NAMES = (c.dns("localhost"), c.ip(b"\x7f\0\0\1"))

# Asks for a line reversed; what it gets goes to stdout, else the errno's name.
CLIENT = """
import errno, socket, sys
address = socket.getaddrinfo('localhost', int(sys.argv[1]), socket.AF_INET, socket.SOCK_STREAM)[0][4]
try:
    s = socket.create_connection(address, 20)
    s.sendall(b'hello\\n')
    print(s.recv(100).decode().strip())
except OSError as e:
    print(errno.errorcode.get(e.errno, str(e)))
"""

# Greets each client; with a log the library tells who it is.
SERVER = """
import socket, sys
l = socket.create_server(('127.0.0.1', int(sys.argv[1])), backlog=16)
while True:
    s, _ = l.accept()
    try:
        s.settimeout(20)
        s.recv(100)
        s.sendall(b'welcome\\n')
    except OSError:
        pass
    s.close()
"""


def stamp(seconds):
    return c.generalized(time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + seconds)))


def short_stamp(seconds):
    return c.utc(time.strftime("%y%m%d%H%M%SZ", time.gmtime(time.time() + seconds)))


warnings.filterwarnings("ignore", category=DeprecationWarning)
t.start()
R, OTHER = c.root(), c.root("CN=Other Root", "other")
I = c.ca(R)
L = c.leaf(I, names=NAMES)
KEY = t.policy_file("leaf.key", c.key("leaf").pem)
OTHER_KEY = t.policy_file("other.key", c.key("other").pem)
ROOT = t.policy_file("root.pem", R.pem())
CHAIN = t.policy_file("chain.pem", L.pem() + I.pem())
LOG = t.tmp("log")
counter = [0]


def pin(cert):
    return "sha256//" + base64.b64encode(hashlib.sha256(cert.key.spki).digest()).decode()


def der_file(name, content):
    with open(t.tmp(name), "wb") as f:
        f.write(content)
    return t.tmp(name)


def s_server(chain=CHAIN, key=KEY, *more):
    """OpenSSL's server, which gives each line back reversed."""
    port = t.free_port()
    with open(chain) as f:
        leaf, rest = re.match(r"(.*?-----END CERTIFICATE-----\n)(.*)", f.read(), re.S).groups()
    counter[0] += 1
    one = t.policy_file("s%d.pem" % counter[0], leaf)
    above = ["-cert_chain", t.policy_file("s%d-chain.pem" % counter[0], rest)] if rest else []
    return t.Server(["openssl", "s_server", "-accept", "127.0.0.1:%d" % port, "-cert", one, "-key",
                     key, *above, *WEAK, "-rev", *more], port, t.tmp("s_server.log"))


def ask(server, rule, **environment):
    """(what the client says, the log) of a client under this rule."""
    policy = t.policy_file("client.conf", "[client c]\nconnect = *:%d\n%s\n" % (server.port, rule))
    if os.path.exists(LOG):
        os.remove(LOG)
    done = t.run([LAUNCHER, "-p", policy, "--", t.PYTHON, "-c", CLIENT, str(server.port)],
                 env=t.environment(log=LOG, **environment), timeout=60)
    return done.out.decode().strip() or str(done), t.read_text(LOG)


def accepted(what, server, rule, words=""):
    said, log = ask(server, rule)
    t.ok(said == "olleh" and words in log, "accepted: " + what, "%s\n%s" % (said, log))


def refused(what, words, server, rule):
    said, log = ask(server, rule)
    t.ok(said == "EACCES" and words in log, "refused: " + what,
         "wanted: %s\n%s\n%s" % (words, said, log))


plain = s_server()
swapped = s_server(t.policy_file("swapped.pem", c.leaf(I, names=NAMES, label="other").pem() + I.pem()),
                   OTHER_KEY)

# ---- pins ----
TRUST = "trust = %s\n" % ROOT
for what, cert in (("leaf", L), ("intermediate", I), ("root", R)):
    accepted("the %s is pinned" % what, plain, TRUST + "pin = " + pin(cert))
accepted("a backup pin beside", plain, TRUST + "pin = %s %s" % (pin(OTHER), pin(L)))
refused("another key is pinned", "its key is " + pin(L) + ", add that to `pin`", plain, TRUST + "pin = " + pin(OTHER))
accepted("pin-only, nothing of the chain is known", plain, "trust = pin-only\npin = " + pin(L))
refused("pin-only, another key", "its key is not one that is pinned", plain,
        "trust = pin-only\npin = " + pin(OTHER))
refused("pin-only, the root's pin is not the leaf's", "pinned", plain,
        "trust = pin-only\npin = " + pin(R))

# ---- directories ----
hashed = t.tmp("hashed")
os.mkdir(hashed)
with open(os.path.join(hashed, "ca.pem"), "w") as f:
    f.write(R.pem())
said, log = ask(plain, "trust = %s/" % hashed)
t.ok("openssl rehash" in said, "a directory without hashed names tells what to run", said)
subprocess.run(["openssl", "rehash", hashed], check=True, stdout=subprocess.DEVNULL)
accepted("a hashed directory", plain, "trust = %s/" % hashed)

# ---- the system's roots ----
NOWHERE = t.tmp("nowhere")
os.mkdir(NOWHERE)
for what, variables, want in (
        ("SSL_CERT_FILE", {"SSL_CERT_FILE": ROOT, "SSL_CERT_DIR": hashed}, "olleh"),
        ("SSL_CERT_DIR, the file being another",
         {"SSL_CERT_FILE": t.policy_file("o.pem", OTHER.pem()), "SSL_CERT_DIR": NOWHERE + ":" + hashed},
         "olleh"),
        ("neither has the root",
         {"SSL_CERT_FILE": t.policy_file("o.pem", OTHER.pem()), "SSL_CERT_DIR": hashed + "/.."},
         "no roots in it"),
        ("a file whose certificate is malformed",
         {"SSL_CERT_FILE": t.policy_file("m.pem", c.pem("CERTIFICATE", b"\x30\0")),
          "SSL_CERT_DIR": hashed}, "olleh")):
    said, log = ask(plain, "trust = system", **variables)
    t.ok(want in said, "trust = system: " + what, said + log)
done = t.run([LAUNCHER, "-p", t.policy_file("system.conf", "[client c]\nconnect = *:*\ntrust = system\n"
                                            "verify-name = localhost\n"),
              "--", "/usr/bin/env", "-u", "SSL_CERT_DIR", "-u", "SSL_CERT_FILE", t.PYTHON, "-c", """
import os, socket, sys
s = socket.create_connection(('127.0.0.1', int(sys.argv[1])), 20)
s.sendall(b'hello\\n')
print(s.recv(100).decode().strip(), "SSL_CERT_DIR" in os.environ, "SSL_CERT_FILE" in os.environ)
""", str(plain.port)], env=t.environment(SSL_CERT_FILE=t.policy_file("o.pem", OTHER.pem()),
                                        SSL_CERT_DIR=hashed), timeout=60)
t.is_(done.out, b"olleh False False\n",
      "what a program took out of the environment counts for its children, and they do not see it")
chroot = os.geteuid() == 0
done = t.run([LAUNCHER, "-p", t.policy_file("system.conf", "[client c]\nconnect = *:*\ntrust = system\n"
                                            "verify-name = localhost\n"),
              "--", t.PYTHON, "-c", """
import os, socket, sys
import encodings.idna
os.chroot(sys.argv[2])
s = socket.create_connection(('127.0.0.1', int(sys.argv[1])), 20)
s.sendall(b'hello\\n')
print(s.recv(100).decode().strip())
""", str(plain.port), NOWHERE], env=t.environment(SSL_CERT_FILE=ROOT, SSL_CERT_DIR=hashed),
             timeout=60) if chroot else None
if chroot:
    t.ok(done.out == b"olleh\n", "the roots that were read count, also after chroot", str(done))
else:
    t.skip("the roots that were read count, also after chroot", "only root may change its root")

# ---- trust on first use ----
home = t.tmp("home")
os.mkdir(home, 0o700)
known = os.path.join(home, "known-peers")
first_use = "trust = first-use\nknown-peers = %s\n" % known
accepted("first use is recorded, with a warning", plain, first_use, "met for the first time")
line = "localhost:%d %s\n" % (plain.port, pin(L))
t.is_(t.read_text(known), line, "the file has the peer and its pin")
t.is_(stat.S_IMODE(os.stat(known).st_mode), 0o600, "and nobody else may read it")
said, log = ask(plain, first_use)
t.ok(said == "olleh" and "first time" not in log, "the second time it is known", log)
t.is_(t.read_text(known), line, "and not recorded again")
with open(known, "w") as f:
    f.write("# comment\n\nlocalhost:%d %s" % (swapped.port, pin(L)))
said, log = ask(swapped, first_use)
t.ok(said == "EACCES" and "remove line 3 of " + known in log and pin(L)[:40] in log and
     pin(OTHER)[:40] in log, "a changed key is refused; both keys and the line are named", log)
accepted("a file whose last line has no end", plain, first_use)
t.is_(t.read_text(known).splitlines()[-1] + "\n", line, "gets a line of its own")
with open(known, "a") as f:
    f.write("localhost:%d\t %s \r\n" % (swapped.port, pin(OTHER)))
accepted("a second key of a peer, added by hand", swapped, first_use)
for what, mode, path, words in (("the file", 0o622, known, "others may write it"),
                                ("its directory", 0o777, home, "others may write its directory")):
    before = stat.S_IMODE(os.stat(path).st_mode)
    os.chmod(path, mode)
    said, log = ask(plain, first_use)
    t.ok(said == "EIO" and words in log, "others may write %s: refused" % what, said + log)
    os.chmod(path, before)
os.rename(known, known + ".real")
os.symlink(known + ".real", known)
said, log = ask(plain, first_use)
t.ok(said == "EIO" and "cannot be opened" in log, "a symbolic link: refused", said + log)
os.remove(known)

# Eight clients at once: one line.
policy = t.policy_file("many.conf", "[client c]\nconnect = *:%d\n%s" % (plain.port, first_use))
many = [t.start_program([LAUNCHER, "-p", policy, "--", t.PYTHON, "-c", CLIENT, str(plain.port)],
                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                        env=t.environment()) for _ in range(8)]
said = [p.communicate(timeout=120)[0].decode().strip() for p in many]
t.is_(said, ["olleh"] * 8, "eight clients at once meet a peer for the first time")
t.is_(t.read_text(known), line, "and record it once")

# ---- revocation lists ----
clean = [c.crl(R, start=short_stamp(-3600), end=short_stamp(86400)),
         c.crl(I, start=short_stamp(-3600), end=short_stamp(86400))]
lists = t.policy_file("lists.pem", "".join(x.pem() for x in clean))
accepted("lists in which nothing stands", plain, TRUST + "crl = " + lists)
bad = c.crl(I, c.entry(L), start=short_stamp(-3600), end=short_stamp(86400))
refused("a list in which the leaf stands", "revoked", plain,
        TRUST + "crl = " + t.policy_file("bad.pem", clean[0].pem() + bad.pem()))
old = c.crl(I, start=short_stamp(-86400), end=short_stamp(-3600))
refused("a list that is out of date", "CRL is out of date since", plain,
        TRUST + "crl = " + t.policy_file("old.pem", clean[0].pem() + old.pem()))
directory = t.tmp("crls")
os.mkdir(directory)
der_file("crls/root.crl", clean[0].der)
refused("a directory without the intermediate's list", "no current CRL", plain,
        TRUST + "crl = " + directory)
der_file("crls/12345678.r0", clean[1].der)
accepted("a directory with both, in DER", plain, TRUST + "crl = " + directory)
of_root, of_ca = [t.policy_file(name, crl.pem()) for name, crl in zip(("r.pem", "i.pem"), clean)]
accepted("a list for each CA", plain, TRUST + "crl = %s %s" % (of_root, of_ca))
refused("a list for the root alone", "no current CRL", plain, TRUST + "crl = " + of_root)
accepted("several files of roots", plain,
         "trust = %s %s" % (t.policy_file("o2.pem", OTHER.pem()), ROOT))
refused("several files, none with the root", "no trusted root", plain,
        "trust = %s %s" % (t.policy_file("o3.pem", OTHER.pem()), t.policy_file("o4.pem", OTHER.pem())))
said, log = ask(plain, "trust = %s\ncrl = %s /nowhere.crl" % (ROOT, of_root))
t.ok("crl: /nowhere.crl: there is no such file" in said, "one of several lists is missing", said)
said, log = ask(plain, TRUST + "crl = " + ROOT)
t.ok("no X509 CRL in it" in said, "a file without a list is an error of the policy", said)

# ---- common names ----
named = s_server(t.policy_file("named.pem", c.leaf(I, names=(), text="CN=localhost").pem() + I.pem()))
refused("a common name only", "set `common-name = allow`", named, TRUST)
accepted("a common name, as the rule allows", named, TRUST + "common-name = allow")
refused("the strict profile", "certificate-profile = basic",
        s_server(t.policy_file("odd.pem", c.leaf(
            R, names=NAMES, extensions=[*c.LEAF, c.subject_key_id(b"x")]).pem())),
        TRUST + "certificate-profile = strict")

# ---- stapled responses, from OpenSSL's and GnuTLS's servers ----


def response(leaf=L, issuer=I, status=c.GOOD, start=-3600, end=86400):
    answer = c.ocsp_answer(c.certificate_id(leaf, issuer), status, stamp(start), stamp(end))
    counter[0] += 1
    return der_file("response%d.der" % counter[0], c.ocsp([answer], issuer))


must = c.leaf(I, names=NAMES, extensions=[*c.LEAF, c.extension("1.3.6.1.5.5.7.1.24",
                                                             c.seq(c.integer(5)))])
MUST = t.policy_file("must.pem", must.pem() + I.pem())
stapling = s_server(CHAIN, KEY, "-status_file", response())
accepted("a good response", stapling, TRUST)
accepted("a good response, required", stapling, TRUST + "ocsp = require")
refused("none, required", "demands one", plain, TRUST + "ocsp = require")
accepted("must-staple with a response", s_server(MUST, KEY, "-status_file", response(must)), TRUST)
no_staple = s_server(MUST)
refused("must-staple without", "RFC 7633", no_staple, TRUST)
accepted("must-staple, but ocsp = off", no_staple, TRUST + "ocsp = off")
for what, words, file in (
        ("revoked", "revoked", response(status=c.revoked())),
        ("out of date", "out of date", response(start=-86400, end=-3600)),
        ("about another certificate", "another certificate", response(must)),
        ("of another CA", "another certificate", response(issuer=R))):
    refused("a response that is " + what, words, s_server(CHAIN, KEY, "-status_file", file), TRUST)
port = t.free_port()
gnutls = t.Server(["gnutls-serv", "--echo", "-p", str(port), "--x509certfile", CHAIN, "--x509keyfile",
                   KEY, "--ocsp-response", response(), "--priority",
                   "NORMAL:-VERS-ALL:+VERS-TLS1.0:%COMPAT"], port, t.tmp("gnutls.log"))
said, log = ask(gnutls, TRUST + "ocsp = require")
t.ok(said == "hello", "accepted: a good response of GnuTLS's", said + log)

# ---- ours, to OpenSSL's and GnuTLS's clients ----


def covered(rule, chain=CHAIN):
    port = t.free_port()
    policy = t.policy_file("server%d.conf" % port, "[server s]\nlisten = *:%d\ncertificate = %s\n"
                           "key = %s\n%s\n" % (port, chain, KEY, rule))
    log = t.tmp("server%d.log" % port)
    server = t.Server([LAUNCHER, "-p", policy, "--", t.PYTHON, "-c", SERVER, str(port)], port,
                      t.tmp("out%d" % port), env=t.environment(log=log))
    server.shim_log = log
    return server


def s_client(server, *more):
    done = t.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % server.port, "-CAfile", ROOT,
                  "-verify_return_error", *WEAK, *more], stdin=b"hello\n", timeout=60)
    return (done.out + done.err).decode(errors="replace")


ours = covered("ocsp-response = " + response())
said = s_client(ours, "-status")
t.ok("OCSP Response Status: successful" in said and "Cert Status: good" in said,
     "OpenSSL's client gets our response", said)
t.ok("OCSP" not in s_client(ours), "and none when it does not ask")
done = t.run(["gnutls-cli", "--x509cafile", ROOT, "-p", str(ours.port), "--priority",
              "NORMAL:-VERS-ALL:+VERS-TLS1.0:%COMPAT", "localhost"], stdin=b"hello\n", timeout=60)
t.ok(b"OCSP status request" in done.out and b"is trusted" in done.out, "GnuTLS's client takes it", done.out.decode())
accepted_by_us, log = ask(ours, TRUST + "ocsp = require")
t.ok(accepted_by_us == "welcome", "our client takes it", accepted_by_us + log)
stale = covered("ocsp-response = " + response(start=-86400, end=-3600))
t.ok("no response sent" in s_client(stale, "-status"), "a stale response is not sent")
t.ok("left out" in t.read_text(stale.shim_log), "and the log says so", t.read_text(stale.shim_log))

# ---- clients' certificates ----
ALICE = c.make("O=Example,CN=alice", c.key("other"), R, [
    *c.LEAF, c.alt_names(c.email("alice@example.com"), c.dns("laptop.example.com"),
                         c.ip(b"\x0a\0\0\1"))])
ALICE_FILE = t.policy_file("alice.pem", ALICE.pem())


def come_in(server):
    """What the server says to alice; "" when it keeps her out."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_verify_locations(ROOT)
    context.load_cert_chain(ALICE_FILE, OTHER_KEY)
    try:
        with socket.create_connection(("127.0.0.1", server.port), 60) as s:
            with context.wrap_socket(s, server_hostname="localhost") as stream:
                stream.sendall(b"hello\n")
                return stream.makefile().readline()
    except OSError:
        return ""


REQUIRE = "client-certificate = require\nclient-trust = %s\n" % ROOT
for rule, good in (
        ("", True),
        ("client-subject = CN=alice, O=Example", True),
        ("client-subject = CN=bob, O=Example | CN=alice, O=Example", True),
        ("client-subject = CN=alice", False),
        ("client-san = alice@example.com", True),
        ("client-san = LAPTOP.example.com", True),
        ("client-san = 10.0.0.1", True),
        ("client-san = 10.0.0.2 bob@example.com example.com", False),
        ("client-subject = CN=bob, O=Example\nclient-san = alice@example.com", True),
        ("crl = " + t.policy_file("c.pem", clean[0].pem()), True),
        ("crl = " + t.policy_file("d.pem", c.crl(R, c.entry(ALICE), start=short_stamp(-3600),
                                                 end=short_stamp(86400)).pem()), False)):
    server = covered(REQUIRE + rule)
    said = come_in(server)
    told = t.wait_until(lambda: "alice" in t.read_text(server.shim_log), 10)
    log = t.read_text(server.shim_log)
    words = ("with CN=alice, O=Example" if good else "revoked" if "crl" in rule
             else "not one of those that the rule admits")
    t.ok(("welcome" in said) == good and told and words in log,
         "%s: %s" % ("let in" if good else "kept out", (rule or "trusted").replace(t.tmp(), "").replace("\n", "; ")),
         said + log)
    server.stop()

# ---- who the client is, for programs ----
INETD = """
import os, socket, sys
l = socket.create_server(('127.0.0.1', int(sys.argv[1])), backlog=16)
while True:
    s, _ = l.accept()
    if os.fork() == 0:
        for fd in 0, 1:
            os.dup2(s.fileno(), fd)
        env = dict(os.environ, SSL_PEER_CERT_SUBJECT='CN=forged', SSL_PEER_CERT_SAN='forged')
        os.execve('/bin/sh', ['sh', '-c', 'read line; env | grep ^SSL_ | sort; echo end'], env)
    s.close()
"""


def export(rule, certificate=True):
    port = t.free_port()
    policy = t.policy_file("inetd%d.conf" % port, "[server s]\nlisten = *:%d\ncertificate = %s\n"
                           "key = %s\n%s\n" % (port, CHAIN, KEY, rule))
    log = t.tmp("inetd%d.log" % port)
    env = {k: v for k, v in t.environment(log=log).items() if not k.startswith("SSL_")}
    with t.Server([LAUNCHER, "-p", policy, "--", t.PYTHON, "-c", INETD, str(port)], port,
                  t.tmp("inetd.out"), env=env) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.load_verify_locations(ROOT)
        if certificate:
            context.load_cert_chain(ALICE_FILE, OTHER_KEY)
        with socket.create_connection(("127.0.0.1", server.port), 60) as s:
            with context.wrap_socket(s, server_hostname="localhost") as stream:
                stream.sendall(b"hello\n")
                return stream.makefile().read().splitlines()


told = export(REQUIRE + "client-environment = on")
number = c.read(c.serial_of(ALICE))[1].hex()
t.is_([line for line in told if not line.startswith("SSL_CIPHER=")],
      ["SSL_PEER_CERT_HASH=SHA256:" + hashlib.sha256(ALICE.der).hexdigest(),
       "SSL_PEER_CERT_ISSUER=CN=Test Root",
       "SSL_PEER_CERT_SAN=alice@example.com laptop.example.com 10.0.0.1",
       "SSL_PEER_CERT_SERIAL=" + number, "SSL_PEER_CERT_SUBJECT=CN=alice, O=Example",
       "SSL_PROTOCOL=TLSv1", "end"], "a program that is executed is told who the client is")
told = export(REQUIRE.replace("require", "request") + "client-environment = on", False)
t.is_([line for line in told if not line.startswith("SSL_CIPHER=")], ["SSL_PROTOCOL=TLSv1", "end"],
      "and that it has shown nothing, whatever the environment said")

# ---- files are read anew when they change ----
file, crl_file = t.tmp("staple.der"), t.policy_file("live.pem", clean[0].pem())


def replace(path, content):
    """As people should: whole, and at once."""
    with open(path + ".new", "wb") as f:
        f.write(content)
    os.rename(path + ".new", path)


def bytes_of(path):
    with open(path, "rb") as f:
        return f.read()


replace(file, bytes_of(response(start=-86400, end=-3600)))
server = covered(REQUIRE + "crl = %s\nocsp-response = %s" % (crl_file, file))
t.ok(come_in(server) == "welcome\n", "before: alice comes in")
t.ok("no response sent" in s_client(server, "-status"), "before: the response is stale, none is sent")
replace(file, bytes_of(response()))
t.ok(t.wait_until(lambda: "Cert Status: good" in s_client(server, "-status"), 20),
     "a new response is stapled, without a restart")
replace(crl_file, c.crl(R, c.entry(ALICE), start=short_stamp(-3600), end=short_stamp(86400)).pem()
        .encode())
t.ok(t.wait_until(lambda: come_in(server) == "", 20), "a new list keeps alice out")
replace(crl_file, b"nonsense")
t.ok(t.wait_until(lambda: come_in(server) == "" and "stay in force" in t.read_text(server.shim_log),
                  20), "a list that is none leaves the old one in force, and the log says so")
replace(crl_file, clean[0].pem().encode())
t.ok(t.wait_until(lambda: come_in(server) == "welcome\n", 20), "a clean one lets her in again")
t.finish()
