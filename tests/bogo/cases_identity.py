"""Client certificates (RFC 2246 7.4.4, 7.4.6, 7.4.8), pre-shared keys (RFC 4279, RFC 5489), and the
ciphers that are offered on demand only."""

import peer as p
from runner import Case, do, echo, then

RSA_SIGN, DSS_SIGN, ECDSA_SIGN = b"\1", b"\2", b"\x40"


def request(types=RSA_SIGN + DSS_SIGN + ECDSA_SIGN, names=()):
    return p.vector(1, types) + p.vector(2, b"".join(p.vector(2, name) for name in names))


OWN = ["-cert-file", "$CHAIN", "-key-file", "$KEY"]
OWN_EC = ["-cert-file", "$ECCHAIN", "-key-file", "$ECKEY"]


def shown(n):
    def check(peer):
        if (len(peer.client_chain) > 0) != n:
            raise p.Wrong("a client certificate of %d bytes" % len(peer.client_chain))
    return do(check)


def client():
    for mode, flags in (("Sync", []), ("Async", ["-async"])):
        yield Case("ClientAuth-RSA-Client-" + mode, "client", OWN + flags,
                   {"request": request(), "client_signer": "$RSA"}, then(shown(True), echo()))
        yield Case("ClientAuth-ECDSA-Client-" + mode, "client", OWN_EC + flags,
                   {"request": request(), "client_signer": "$EC"}, then(shown(True), echo()))
        yield Case("ClientAuth-NoCertificate-Client-" + mode, "client", flags,
                   {"request": request()}, then(shown(False), echo()))
    for suite in (0xc013, 0x0033):
        yield Case("ClientAuth-%04x-Client" % suite, "client", OWN,
                   {"request": request(), "client_signer": "$RSA", "suites": [suite]},
                   then(shown(True), echo()))
    yield Case("ClientAuth-TypeMismatch-Client", "client", OWN,
               {"request": request(ECDSA_SIGN)}, then(shown(False), echo()))
    yield Case("ClientAuth-IssuerMismatch-Client", "client", OWN,
               {"request": request(names=[b"\x30\0"])}, then(shown(False), echo()))
    for name, body in (("Empty", b""), ("NoTypes", b"\0\0\0"), ("Trailing", request() + b"x"),
                       ("BadNames", b"\1\1\0\3\0\5x"), ("EmptyName", b"\1\1\0\2\0\0")):
        yield Case("CertificateRequest-" + name, "client", OWN, {"request": body},
                   fails=":DECODE_ERROR:", alert="decode_error")
    yield Case("CertificateRequest-Twice", "client", OWN, {
        "request": request(), "edit": {"CertificateRequest": lambda m: m + m}},
        fails=":UNEXPECTED_MESSAGE:", alert="unexpected_message")
    yield Case("CertificateRequest-ManyNames", "client", OWN,
               {"request": request(names=[b"\x30" + bytes(120)] * 500)},
               then(shown(False), echo()))
    yield Case("ClientAuth-Alert-Client", "client", OWN, {
        "request": request(), "client_signer": "$RSA", "before": {
            "ChangeCipherSpec": lambda peer: peer.send_alert("unknown_ca")}},
        fails=":TLSV1_ALERT_UNKNOWN_CA:")


def server():
    demand = ["-require-any-client-certificate"]
    rsa = {"client_chain": "$RSA", "client_signer": "$RSA"}
    ec = {"client_chain": "$EC", "client_signer": "$EC"}
    for kind, own in (("RSA", rsa), ("ECDSA", ec)):
        for mode, flags in (("Sync", []), ("Async", ["-async"])):
            yield Case("ClientAuth-%s-Server-%s" % (kind, mode), "server", demand + flags, own)
        yield Case("ClientAuth-%s-Server-Trusted" % kind, "server",
                   ["-verify-peer", "-trust-cert", "$ROOT"], own)
        yield Case("ClientAuth-%s-Server-Untrusted" % kind, "server",
                   ["-verify-peer", "-trust-cert", "$OTHER"], own,
                   fails=":CERTIFICATE_VERIFY_FAILED:", alert="unknown_ca")
        yield Case("ClientAuth-%s-InvalidSignature" % kind, "server", demand, dict(
            own, edit={"CertificateVerify": lambda m: m[:-1] + bytes([m[-1] ^ 1])}),
            fails=":BAD_SIGNATURE:", alert="decrypt_error")
        yield Case("ClientAuth-%s-Resume" % kind, "server", demand,
                   lambda number, session, own=own: dict(own, resume=session), connections=2)
        yield Case("ClientAuth-%s-Resume-Ticket" % kind, "server", demand,
                   lambda number, session, own=own: dict(own, resume=session, tickets=True),
                   connections=2)
    yield Case("ClientAuth-ECDHE-Server", "server", demand, dict(
        rsa, suites=[0xc013], extensions=[(10, b"\0\2\0\x17")]))
    yield Case("ClientAuth-WrongKey", "server", demand, {
        "client_chain": "$RSA", "client_signer": "$OTHER"}, fails=":BAD_SIGNATURE:",
        alert="decrypt_error")
    yield Case("RequireAnyClientCertificate", "server", demand, {},
               fails=":PEER_DID_NOT_RETURN_A_CERTIFICATE:", alert="handshake_failure")
    yield Case("ClientAuth-NoCertificate-Server", "server",
               ["-verify-peer", "-expect-no-peer-cert"])
    yield Case("SkipClientCertificate", "server", demand, dict(
        rsa, edit={"Certificate": lambda m: b""}), fails=":UNEXPECTED_MESSAGE:",
        alert="unexpected_message")
    yield Case("Server-SkipCertificateVerify", "server", demand, dict(
        rsa, edit={"CertificateVerify": lambda m: b""}), fails=":UNEXPECTED_RECORD:",
        alert="unexpected_message")
    for name, change, alert in (("Trailing", lambda b: b + b"\0", "decode_error"),
                                ("Short", lambda b: b[:-1], "decode_error"),
                                ("Empty", lambda b: b"\0\0", "decrypt_error")):
        yield Case("CertificateVerify-" + name, "server", demand, dict(rsa, edit={
            "CertificateVerify": lambda m, c=change: m[:1] + p.vector(3, c(m[4:]))}),
            fails=":%s:" % alert, alert=alert)
    yield Case("ClientCertificate-Garbage", "server", demand, {
        "client_chain": [b"GARBAGE"], "client_signer": "$RSA"}, fails=":CANNOT_PARSE_LEAF_CERT:",
        alert="bad_certificate")
    yield Case("ClientCertificate-EmptyEntry", "server", demand, {
        "client_chain": [b""], "client_signer": "$RSA"}, fails=":DECODE_ERROR:",
        alert="decode_error")
    yield Case("UnsolicitedCertificate", "server", [], {"before": {
        "ClientKeyExchange": lambda peer: peer.send_message("Certificate", b"\0\0\0")}},
        fails=":UNEXPECTED_MESSAGE:", alert="unexpected_message")
    yield Case("UnsolicitedCertificateVerify", "server", [], {"before": {
        "ChangeCipherSpec": lambda peer: peer.send_message("CertificateVerify", b"\0\0")}},
        fails=":UNEXPECTED_MESSAGE:", alert="unexpected_message")


def pre_shared():
    flags = ["-psk", "secret", "-psk-identity", "Alice"]
    known = {"psk": (b"Alice", b"secret")}
    groups = [(10, b"\0\2\0\x17")]
    for suite, (_, exchange) in sorted(p.PSK.items()):
        name = "PSK-%s-%04x" % (exchange, suite)
        cipher = ["-cipher", "ALL", "-expect-cipher", str(suite)]
        yield Case(name + "-Server", "server", flags + cipher,
                   dict(known, suites=[suite], extensions=groups))
        for hint in (None, b"", b"hint"):
            extra = {} if hint is None else {"hint": hint}
            yield Case("%s-Client%s" % (name, "" if hint is None else "-Hint%d" % len(hint)),
                       "client", flags + cipher, dict(known, suites=[suite], **extra))
        for what, other in (("Key", (b"Alice", b"other!")), ("Identity", (b"Bob", b"secret"))):
            yield Case("%s-Wrong%s-Server" % (name, what), "server", flags + cipher,
                       dict(suites=[suite], extensions=groups, psk=other),
                       fails=":DECRYPTION_FAILED_OR_BAD_RECORD_MAC:", alert="bad_record_mac")
        yield Case(name + "-EMS-Server", "server", flags + cipher,
                   dict(known, suites=[suite], extensions=groups, ems=True, etm=True))
        yield Case(name + "-Resume-Server", "server", flags + cipher,
                   lambda number, session, s=suite: dict(known, suites=[s], extensions=groups,
                                                         resume=session), connections=2)
        yield Case(name + "-NoKey-Server", "server", [], dict(suites=[suite], extensions=groups),
                   fails=":NO_SHARED_CIPHER:", alert="handshake_failure")
        yield Case(name + "-Empty-Server", "server", flags + cipher, dict(
            known, suites=[suite], extensions=groups, edit={
                "ClientKeyExchange": lambda m: m[:1] + p.vector(3, b"")}),
            fails=":DECODE_ERROR:", alert="decode_error")


def on_demand():
    for suite, (cipher, exchange) in sorted(p.WEAK.items()):
        name = "%s-%s-%s" % (exchange, cipher[0].decode(), cipher[3])
        null = "NULL" in name
        for shim in ("client", "server"):
            options = {"suites": [suite]}
            if shim == "server":
                options["extensions"] = [(10, b"\0\2\0\x17")]
            names = {0x0001: "TLS_RSA_WITH_NULL_MD5", 0x0002: "TLS_RSA_WITH_NULL_SHA"}
            flags = ["-cipher", names[suite] if null else "ALL", "-expect-cipher", str(suite)]
            title = "OnDemand-%s-%s" % (name, shim.capitalize())
            yield Case(title, shim, flags, options, then(echo(), echo(16384), echo(1)))
            yield Case(title + "-ETM", shim, flags, dict(options, etm=True, ems=True),
                       then(echo(), echo(1000)))
            if cipher[2] == 0:
                yield Case(title + "-BadMAC", shim, flags, options, then(echo(), do(
                    lambda peer: peer.send_record(p.DATA, b"x", damage="mac")),
                    do(lambda peer: peer.read(1))),
                    fails=":DECRYPTION_FAILED_OR_BAD_RECORD_MAC:", alert="bad_record_mac")
                yield Case(title + "-ShortRecord", shim, flags, options, then(echo(), do(
                    lambda peer: peer.raw(b"\x17\3\1\0\5hello")), do(lambda peer: peer.read(1))),
                    fails=":DECRYPTION_FAILED_OR_BAD_RECORD_MAC:", alert="bad_record_mac")
            if null or cipher[0] == b"RC4":
                yield Case(title + "-NotByDefault", shim, [], dict(options, choose=suite) if shim ==
                           "server" else {"suites": [0x002f], "choose": suite},
                           fails=":NO_SHARED_CIPHER:" if shim == "server" else
                           ":WRONG_CIPHER_RETURNED:", alert="handshake_failure" if shim == "server"
                           else "illegal_parameter")


def cases():
    yield from client()
    yield from server()
    yield from pre_shared()
    yield from on_demand()
