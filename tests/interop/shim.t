#!/usr/bin/python3
"""Programs that know nothing of TLS, under build/tlshim, with the other stacks as their peers: full,
resumed by id and by ticket, with client certificates; suites that a rule must ask for; and the tools
that come with the stacks. INTEROP=all: with all stacks."""

import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cells as c
import gaps
import peers as p
import tlstest as t

ALL = os.environ.get("INTEROP") == "all"
SIZE = 40000
SUITE = "ECDHE-RSA-AES128-SHA"  # all eight have it


# Suites below the built-in floors, and what a rule must say to have them.
FLOORS = [("RC4_128", ("minimum-cipher", "56")), ("WITH_DES_", ("minimum-cipher", "56")),
          ("NULL", ("minimum-cipher", "0")), ("EXPORT", ("minimum-strength", "40")),
          ("anon", ("minimum-certificate", "0")), ("_DH_anon", ("minimum-dh", "1024")),
          ("_DHE_PSK", ("minimum-dh", "1024")), ("DHE_DSS", ("minimum-certificate", "80"))]
# By themselves, in a full handshake: each kind of key exchange, cipher and MAC.
SINGLE = ["AES128-SHA", "DES-CBC3-SHA", "RC4-SHA", "RC4-MD5", "DES-CBC-SHA", "NULL-SHA",
          "CAMELLIA256-SHA", "DHE-RSA-AES256-SHA", "DHE-DSS-DES-CBC3-SHA", "ECDHE-ECDSA-AES256-SHA",
          "PSK-AES128-CBC-SHA", "DHE-PSK-AES128-CBC-SHA", "RSA-PSK-AES256-CBC-SHA",
          "ECDHE-PSK-AES128-CBC-SHA", "ADH-AES128-SHA", "AECDH-AES128-SHA", "EXP-RC4-MD5",
          "EXP-DES-CBC-SHA", "EXP-DHE-RSA-DES-CBC-SHA", "EXP-DHE-DSS-DES-CBC-SHA",
          "EXP-ADH-RC4-MD5"]


class Covered(c.Cell):
    """Our side is an ordinary program under tlshim. What it saw of TLS the log tells."""

    def _ours(self, role, port):
        policy = t.policy_file("%s-%d.conf" % (role, port), self._policy(role, port))
        self._log = policy + ".log"
        connections = 2 if self.mode in (c.BY_ID, c.BY_TICKET) else 1
        return [os.path.join(t.BUILD, "tlshim"), "-p", policy, "--",
                *plain.command(role, port, self.suite, self.files, None,
                               "connections=%d" % connections)]

    def _policy(self, role, port):
        """What a weak suite needs stands in the rule, which names the suite."""
        kind = self._kind(role)
        rule = ["[%s peer]" % role, "suites = " + self.suite.alias,
                "tickets = %s" % ("on" if self.mode == c.BY_TICKET else "off")]
        if kind:
            rule += ["certificate = " + self.files.certificate(kind),
                     "key = " + self.files.key(kind)]
        if role == "client":
            rule += ["connect = localhost:%d" % port, "trust = " + self.files.ca]
        else:
            rule.append("listen = *:%d" % port)
            if self.mode == c.CERTIFICATE:
                rule += ["client-certificate = require", "client-trust = " + self.files.ca]
        if self.mode == c.FULL:
            rule.append("alpn = " + c.ALPN)
        if self.suite.has_psk:
            rule += ["psk-file = " + psk_file, "psk-identity = " + p.PSK_IDENTITY]
        rule += ["%s = %s" % floor for word, floor in FLOORS if word in self.suite.name]
        return "\n".join(rule) + "\n"

    def _judge(self, ours, theirs):
        if (ours[0], theirs[0]) != (0, 0):
            return "ours: status %s, %s\ntheirs: status %s, %s" % (ours[0], ours[2], theirs[0],
                                                                   theirs[2])
        other = [dict(word.split("=", 1) for word in line.split(" ", 4))
                 for line in theirs[1].splitlines()]
        want = [str(i) for i in range(2 if self.mode in (c.BY_ID, c.BY_TICKET) else 1)]
        got = [o["resumed"] for o in other]
        if got != want and "-" not in got:
            return "resumed, by the peer: %s" % got
        return self._subject(other) or None


def under_tlshim(peer):
    """What the stack cannot, matrix.t shows. How many bytes were moved."""
    moved = 0
    for role in c.ROLES:
        for mode in c.MODES:
            cell = Covered(peer, role, suites[SUITE], mode, files)
            if not gaps.why_empty(cell) and t.subtest("tlshim: %s" % cell, cell.run):
                moved += 2 * SIZE
    return moved


def single_suites(here):
    """Each with one stack, or with all that have it."""
    for number, alias in enumerate(SINGLE):
        able = [peer for peer in here if suites[alias].id in peer.known]
        for peer in able if ALL else able[number % len(able):][:1] if able else []:
            for role in c.ROLES:
                cell = Covered(peer, role, suites[alias], c.FULL, files)
                if not gaps.why_empty(cell):
                    t.subtest("tlshim: %s" % cell, cell.run)


# ---- the tools of the stacks ----

GET = b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"


def tool_as_client(argv, env=None):
    """A covered web server, asked by a tool (PORT: the server's)."""
    page = b"<p>" + os.urandom(3000).hex().encode() + b"</p>"
    with t.start_covered(*t.HTTP_SERVERS[0], {"index.html": page}, pki) as server:
        client = t.start_program([w.replace("PORT", str(server.port)) for w in argv], stdin=-1,
                                 stdout=-1, stderr=-1, env=env)
        client.stdin.write(GET)
        client.stdin.flush()
        back = b""
        while page not in back:
            more = os.read(client.stdout.fileno(), 65536)
            if not more:
                break
            back += more
        client.terminate()
        _, err = client.communicate()
        if page not in back:
            return "%r\n%s\n%s" % (back[-500:], err.decode(errors="replace")[-1000:], server.said())


def tool_as_server(argv, words, env=None, asked=("curl", "-sS", "-m", "20", "--http0.9")):
    """curl, covered, asks a tool."""
    port = t.free_port()
    with t.Server([w.replace("PORT", str(port)) for w in argv], port, t.tmp("tool.log"),
                  env=env) as server:
        done = t.run(t.client([*asked, "http://localhost:%d/" % port], pki.ca),
                     env=t.environment())
        if words not in done.out:
            return "%s\n%s" % (done, server.said())


GNUTLS = "NORMAL:-VERS-ALL:+VERS-TLS1.0:%VERIFY_ALLOW_SIGN_WITH_SHA1"
OPENSSL = ["-tls1", "-cipher", "ALL:@SECLEVEL=0"]
NSS_SUITES = ["-V", "tls1.0:tls1.0", "-c", ":C013:C014:002F:0035"]
BOTAN_POLICY = """allow_tls10 = true
ciphers = AES-128 AES-256 3DES
macs = SHA-1
key_exchange_methods = RSA ECDH DH
require_cert_revocation_info = false
"""


def tools():
    """The clients and servers of the packages openssl, gnutls-bin, libnss3-tools and botan. Mbed
    TLS and BearSSL have none in Debian."""
    t.subtest("tlshim: asked by openssl s_client", tool_as_client,
              ["openssl", "s_client", "-connect", "localhost:PORT", "-quiet", "-verify_return_error",
               "-CAfile", pki.ca, *OPENSSL])
    t.subtest("tlshim: curl asks openssl s_server", tool_as_server,
              ["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-www", "-cert", pki.cert, "-key",
               pki.key, *OPENSSL], b"Ciphers supported in s_server binary")
    t.subtest("tlshim: asked by gnutls-cli", tool_as_client,
              ["gnutls-cli", "-p", "PORT", "localhost", "--logfile", os.devnull, "--x509cafile",
               pki.ca, "--priority", GNUTLS])
    t.subtest("tlshim: curl asks gnutls-serv", tool_as_server,
              ["gnutls-serv", "-p", "PORT", "--http", "-q", "--disable-client-cert",
               "--x509certfile", pki.cert, "--x509keyfile", pki.key, "--priority", GNUTLS],
              b"This is <a href=\"http://www.gnu.org/software/gnutls\">GnuTLS</a>")
    nss, = [peer for peer in p.PEERS if peer.name == "NSS"]
    t.subtest("tlshim: asked by tstclnt", tool_as_client,
              ["tstclnt", "-h", "localhost", "-p", "PORT", "-4", "-d", nss.database, *NSS_SUITES])
    t.subtest("tlshim: curl asks selfserv", tool_as_server,
              ["selfserv", "-p", "PORT", "-n", "rsa", "-d", nss.database, *NSS_SUITES],
              b"GET / HTTP/1.1")
    if shutil.which("botan") is None:
        return t.skip("botan's tools", "the package botan is not here: make interop")
    policy = t.policy_file("botan.policy", BOTAN_POLICY)
    t.subtest("tlshim: asked by botan tls_client", tool_as_client,
              ["botan", "tls_client", "localhost", "--port=PORT", "--policy=" + policy, "--tls1.0",
               "--skip-system-cert-store", "--trusted-cas=" + pki.ca])
    t.subtest("tlshim: curl asks botan tls_server", tool_as_server,
              ["botan", "tls_server", pki.cert, pki.key, "--port=PORT", "--policy=" + policy],
              b"GET / HTTP/1.1")


t.start()
pki = t.Pki(t.tmp("pki"))
files = p.Files(pki, os.urandom(SIZE))
suites = {s.alias: s for s in p.our_suites()}
moved, here = 0, []
psk_file = t.policy_file("psk.txt", "%s:%s\n" % (p.PSK_IDENTITY, p.PSK_KEY))
plain = p.Plain()
plain.prepare(files)
for peer in p.PEERS:
    if not (ALL or peer.is_light):
        t.skip(peer.name, "its packages are big: make interop")
        continue
    peer.prepare(files)
    here.append(peer)
    moved += under_tlshim(peer)
single_suites(here)
tools()
t.finish(moved)
