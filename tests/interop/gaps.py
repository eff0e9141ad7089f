"""What the other stacks cannot do although their lists have the suite: the matrix's empty cells. No
guesses: each gap says how it shows, and `evidence` makes sure, with us (seen) and, where the stack
has both sides of it, with the stack alone (alone). A gap that has closed is a failure."""

import re

from cells import BY_ID, BY_TICKET, CERTIFICATE


class Gap:
    """seen: pattern in what goes wrong with us. alone: pattern in what the stack's server and client
    say when they talk to each other in the same way."""

    def __init__(self, peer, role, mode, exchange, why, seen, alone=None, kind=None):
        """role: ours, None for both; mode: None for all; exchange: pattern; kind: of the client's
        certificate."""
        self.peer, self.role, self.mode, self.exchange, self.kind = peer, role, mode, exchange, kind
        self.why, self._seen, self._alone = why, seen, alone

    def has(self, cell):
        return (self.peer == cell.peer.name and self.role in (None, cell.role) and
                self.mode in (None, cell.mode) and self.kind in (None, cell.client_kind) and
                re.fullmatch(self.exchange, cell.suite.exchange) is not None)

    def evidence(self, cell):
        """None, or why the cell should not be empty."""
        wrong = cell.run()
        if not wrong or not re.search(self._seen, wrong):
            return "this should go wrong with %r: %s" % (self._seen, wrong)
        if self._alone:
            said = cell.alone()
            if not re.search(self._alone, said):
                return "by itself the stack says, not %r: %s" % (self._alone, said)


UNKNOWN = "not in the list of the stack's library"
NOT_RESUMED = r"resumed: \[False, False\]"
TWICE_IN_FULL = r"^(resumed=0 [^\n]*\n){4}$"
NOT_ASKED = "certificate, by the peer: , not "
GAPS = [
    Gap("GnuTLS 3.7", "client", CERTIFICATE, "RSA_PSK", "its server asks for none with RSA_PSK",
        NOT_ASKED, "^resumed=0 [^\n]*peer=\n"),
    Gap("GnuTLS 3.7", "server", CERTIFICATE, "RSA_PSK", "its client refuses to be asked in RSA_PSK",
        "alert received: unexpected_message"),
    Gap("Mbed TLS 2.28", "client", CERTIFICATE, "RSA_PSK", "its server asks for none with RSA_PSK",
        NOT_ASKED, "^resumed=- [^\n]*peer=\n"),
    Gap("Mbed TLS 2.28", "server", CERTIFICATE, "RSA_PSK",
        "its client refuses to be asked in RSA_PSK", "ServerHelloDone handshake message failed"),
    Gap("BearSSL", None, BY_TICKET, ".*", "has no tickets", "ticket: False, not True"),
    Gap("NSS", "client", BY_ID, "DHE_DSS", "its server resumes no session of a DSA key",
        NOT_RESUMED, TWICE_IN_FULL),
    Gap("NSS", "client", BY_TICKET, "DHE_DSS", "its server resumes no session of a DSA key",
        NOT_RESUMED, TWICE_IN_FULL),
    Gap("Go 1.19", None, BY_ID, ".*", "knows tickets, no session ids", NOT_RESUMED, TWICE_IN_FULL),
    Gap("Java 17", "server", None, "DHE_DSS_EXPORT",
        "its client does not know what the key must be good for", "Unknown authType: DHE_DSS_EXPORT"),
    Gap("Botan 2.19", "client", CERTIFICATE, "RSA", "its server asks for none without a signature",
        NOT_ASKED, "^resumed=0 [^\n]*peer=\n"),
]
# Keys that the stack does not have: its server does not name the kind, so that we show none.
GAPS += [Gap(peer, role, CERTIFICATE, ".*", "has no DSA keys", seen, kind="dsa")
         for peer, role, seen in (
             ("Mbed TLS 2.28", "client", "No client certification received"),
             ("Mbed TLS 2.28", "server", "PK - "),
             ("BearSSL", "client", "error 29"), ("BearSSL", "server", "does not know such keys"),
             ("Go 1.19", "client", "client didn't provide a certificate"),
             ("Go 1.19", "server", "DSA|failed to parse|unknown"))]


def why_empty(cell):
    """A text, and the gap that is behind it, if any; None: the cell is to be tried."""
    if cell.suite.id not in cell.peer.known:
        return UNKNOWN, None
    if cell.mode == CERTIFICATE and not cell.suite.certificate:
        return "RFC 2246 7.4.4: who shows no certificate asks for none", None
    for gap in GAPS:
        if gap.has(cell):
            return gap.why, gap
    return None
