"""One cell of the matrix: our engine (build/tests/tls_peer) and another stack, in a role, with a
suite, in a mode. Data goes both ways on every connection, and both compare what they know of it."""

import itertools

import peers as p
import tlstest as t

_numbers = itertools.count()
ROLES = ("client", "server")  # of ours
FULL, BY_ID, BY_TICKET, CERTIFICATE = MODES = ("full", "id", "ticket", "certificate")
ALPN = "tlshim/1"
# What ours is told in each mode, as client and as server; and the peer, in either role.
OURS = {FULL: (["--no-cache", "--alpn", ALPN], ["--no-cache", "--alpn", ALPN]),
        BY_ID: (["--no-tickets"], []), BY_TICKET: ([], ["--tickets", "--no-cache"]),
        CERTIFICATE: (["--no-cache"], ["--no-cache", "--require"])}
THEIRS = {FULL: ["alpn=" + ALPN], BY_ID: ["resume=id", "connections=2"],
          BY_TICKET: ["resume=ticket", "connections=2"], CERTIFICATE: []}


class Cell:
    def __init__(self, peer, role, suite, mode, files, client_kind="rsa"):
        """client_kind: of the client's certificate, where one is shown."""
        self.peer, self.role, self.suite, self.mode = peer, role, suite, mode
        self.files, self.client_kind = files, client_kind
        self.said = ""  # by the peer, on stderr

    def __str__(self):
        return "%s, our %s, %s, %s" % (self.peer.name, self.role, self.suite.alias, self.mode)

    def run(self):
        """None, or what went wrong."""
        if self.role == "client":
            theirs, ours = self._both(self._theirs, self._ours)
        else:
            ours, theirs = self._both(self._ours, self._theirs)
        return self._judge(ours, theirs)

    def alone(self):
        """What server and client of the other stack say when they do it with each other."""
        server, client = self._both(self._theirs, self._theirs)
        return server[1] + client[1] + server[2] + client[2]

    def _ours(self, role, port):
        argv = [p.OURS, role, str(port), "--suites", self.suite.alias, "--anonymous", "--export",
                "--minimum-dh", "1024", "--trust", self.files.ca, *OURS[self.mode][role == "server"]]
        if self.suite.has_psk:
            argv += ["--psk", "%s=%s" % (p.PSK_IDENTITY, p.PSK_KEY)]
        kind = self._kind(role)
        if kind:
            argv += ["--certificate", self.files.certificate(kind), "--key", self.files.key(kind)]
        if self.mode in (BY_ID, BY_TICKET):
            argv += ["--connections", "2"]
        return argv + (["--data", self.files.data] if role == "client" else [])

    def _theirs(self, role, port):
        asks = ["ask"] if self.mode == CERTIFICATE and role == "server" else []
        return self.peer.command(role, port, self.suite, self.files, self._kind(role), *asks,
                                 *THEIRS[self.mode])

    def _kind(self, role):
        if role == "client":
            return self.client_kind if self.mode == CERTIFICATE else None
        return self.suite.certificate

    def _both(self, server, client):
        """(status, stdout, stderr) of server and client; a server that goes on waiting after its
        client has failed has no status."""
        port, number = t.free_port(), next(_numbers)
        log, out = t.tmp("%d.log" % number), t.tmp("%d.out" % number)
        with t.Server(server("server", port), port, log, stdout_to=out) as s:
            done = t.run(client("client", port), timeout=30)
            t.wait_until(lambda: s.process.poll() is not None, 20 if done.status == 0 else 1)
            status = s.process.poll()
        return ((status, t.read_text(out), s.said()),
                (done.status, done.out.decode(), done.err.decode(errors="replace")))

    def _judge(self, ours, theirs):
        self.said = theirs[2]
        if (ours[0], theirs[0]) != (0, 0):
            return "ours: status %s, %s\ntheirs: status %s, %s" % (ours[0], ours[2], theirs[0],
                                                                   theirs[2])
        mine = [set(line.split()[1:]) for line in ours[2].splitlines() if line.startswith("suite ")]
        other = [dict(word.split("=", 1) for word in line.split(" ", 4))
                 for line in theirs[1].splitlines()]
        resumed = [False, True] if self.mode in (BY_ID, BY_TICKET) else [False]
        wrong = [fact for fact in (
            self._differs("resumed", ["resumed" in m for m in mine], resumed),
            self._differs("suite", [self.suite.name in m for m in mine], [True] * len(resumed)),
            self._differs("ticket", "ticket" in mine[0], self.mode == BY_TICKET),
            self._same("resumed", "resumed", mine, other),
            self._same("ems", "extended-master-secret", mine, other),
            self._same("etm", "encrypt-then-mac", mine, other),
            self._alpn(mine, other), self._subject(other)) if fact]
        return "\n".join(wrong)

    @staticmethod
    def _differs(what, got, want):
        return got != want and "%s: %s, not %s" % (what, got, want)

    def _same(self, theirs, ours, mine, other):
        """Both sides tell the same of each connection; "-" is what theirs does not tell."""
        got = [o[theirs] for o in other]
        want = ["-" if o == "-" else str(int(ours in m)) for o, m in zip(got, mine)]
        return self._differs("%s, by the peer" % theirs, got, want)

    def _alpn(self, mine, other):
        want = ALPN if self.mode == FULL else ""
        return (self._differs("alpn, by the peer", other[0]["alpn"], want) or
                self._differs("alpn", "alpn=" + ALPN in mine[0], bool(want)))

    def _subject(self, other):
        """The certificate that the peer was shown; resumed sessions may know none."""
        kind = self._kind(self.role)
        if self.peer.tells_subject:
            return self._differs("certificate, by the peer", other[0]["peer"],
                                 self.files.common_name(kind) if kind else "")
