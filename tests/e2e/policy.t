#!/usr/bin/python3
"""A policy that is missing, wrong, or names files that cannot be used: the program never starts,
neither by the launcher nor with the bare library; the message has file, line, column and remedy.
And what `check` and `explain` say."""

import datetime
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

LAUNCHER = os.path.join(t.BUILD, "tlshim")
LIBRARY = os.path.join(t.BUILD, "libtlshim.so")


def environment(**more):
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("TLSHIM_", "SSL_CERT_")) and k != "LD_PRELOAD"}
    env.update(more)
    return env


def tlshim(*args, **variables):
    return t.run([LAUNCHER, *args], env=environment(**variables))


def write(name, content, mode=0o600):
    path = t.tmp(name)
    with open(path, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())
    os.chmod(path, mode)
    return path


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def client(trust):
    return "[client c]\nconnect = *:1\ntrust = %s\n" % trust


def server(certificate, key):
    return "[server s]\nlisten = *:1\ncertificate = %s\nkey = %s\n" % (certificate, key)


def bad_policies():
    """(what, text or None for no file, line:column, words of the message)"""
    der = t.tmp("cert.der")
    openssl("x509", "-in", pki.cert, "-outform", "DER", "-out", der)
    key_der = t.tmp("key.der")
    openssl("pkey", "-in", pki.key, "-outform", "DER", "-out", key_der)
    os.chmod(key_der, 0o600)
    other_key = t.tmp("other.key")
    openssl("genrsa", "-out", other_key, "2048")
    weak_key, weak_cert = t.tmp("weak.key"), t.tmp("weak.pem")
    openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", weak_key, "-out", weak_cert,
            "-subj", "/CN=weak")
    ec_key, ec_cert = t.tmp("ec.key"), t.tmp("ec.pem")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", ec_key, "-out", ec_cert, "-subj", "/CN=ec")
    locked, locked_old = t.tmp("locked.key"), t.tmp("locked-old.key")
    openssl("pkcs8", "-topk8", "-in", pki.key, "-passout", "pass:x", "-out", locked)
    openssl("rsa", "-in", pki.key, "-aes128", "-passout", "pass:x", "-traditional", "-out",
            locked_old)
    other_ec, ed_key, pss_key = t.tmp("other-ec.key"), t.tmp("ed.key"), t.tmp("pss.key")
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", other_ec)
    ed_cert, pss_cert, other_curve = t.tmp("ed.pem"), t.tmp("pss.pem"), t.tmp("curve.pem")
    openssl("req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", ed_key, "-out", ed_cert,
            "-subj", "/CN=ed")
    openssl("req", "-x509", "-newkey", "rsa-pss", "-nodes", "-keyout", pss_key, "-out", pss_cert,
            "-subj", "/CN=pss")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1", "-nodes",
            "-keyout", t.tmp("curve.key"), "-out", other_curve, "-subj", "/CN=curve")
    encipher_cert = t.tmp("encipher.pem")
    openssl("req", "-x509", "-key", pki.key, "-out", encipher_cert, "-subj", "/CN=encipher",
            "-addext", "keyUsage=keyEncipherment")
    group = t.tmp("modp1536.pem")
    openssl("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:modp_1536", "-out",
            group)
    bad_group = write("group.pem", read(pki.cert).replace(b"CERTIFICATE", b"DH PARAMETERS"))
    dsa_parameters, dsa_cert = t.tmp("dsa.param"), t.tmp("dsa.pem")
    dsa_key, other_dsa = t.tmp("dsa.key"), t.tmp("other-dsa.key")
    openssl("genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:2048",
            "-out", dsa_parameters)
    for path in (dsa_key, other_dsa):
        openssl("genpkey", "-paramfile", dsa_parameters, "-out", path)
    openssl("req", "-x509", "-key", dsa_key, "-out", dsa_cert, "-subj", "/CN=dsa")
    for path in (other_key, weak_key, ec_key, other_ec, other_dsa, locked, locked_old):
        os.chmod(path, 0o600)
    shared = write("shared.key", read(pki.key), 0o640)
    open_key = write("open.key", read(pki.key), 0o644)
    torn = write("torn.pem", read(pki.cert)[:-30])
    body = read(pki.cert).split(b"\n")
    body[3] = b"AAAA" + body[3][4:]
    garbled = write("garbled.pem", b"\n".join(body))
    long_chain = write("long.pem", read(pki.cert) * 20)
    return [
        ("no file", None, "1:1", ["there is no such file", "check the path"]),
        ("a directory", "DIRECTORY", "1:1", ["this is a directory", "name a file"]),
        ("over 1 MiB", "#" * 80 + "\n" + "# x\n" * 300000, "1:1", ["larger than 1024 KiB"]),
        ("an unknown key", client(pki.ca) + "cypher = x\n", "4:1", ['unknown key "cypher"']),
        ("a misspelt key", client(pki.ca) + "suite = ALL\n", "4:1", ['did you mean "suites"?']),
        ("a duplicate key", client(pki.ca) + "trust = x\n", "4:1", ["is set already, in line 3"]),
        ("a bad CIDR", "[deny d]\nconnect = 10.0.0.1/8:*\n", "2:11", ["the network is 10.0.0.0/8"]),
        ("a missing trust file", client("/nothing.pem"), "3:9",
         ["trust: /nothing.pem: there is no such file"]),
        ("a trust file without certificates", client(pki.key), "3:9", ["no CERTIFICATE in it"]),
        ("a trust file in DER", client(der), "3:9", ["looks like DER", "openssl x509 -inform DER"]),
        ("a torn trust file", client(torn), "3:9", ["the END line is missing"]),
        ("a garbled trust file", client(garbled), "3:9", ["malformed"]),
        ("a missing certificate", server("/nothing.pem", pki.key), "3:15",
         ["certificate: /nothing"]),
        ("a certificate file without any", server(pki.key, pki.key), "3:15", ["no CERTIFICATE"]),
        ("an Ed25519 certificate", server(ed_cert, ec_key), "3:15",
         ["Ed25519", "RFC 8422 5.10", "use a certificate with an RSA key"]),
        ("an RSA-PSS certificate", server(pss_cert, ec_key), "3:15",
         ["RSA-PSS only", "ordinary RSA key"]),
        ("a certificate on another curve", server(other_curve, ec_key), "3:15",
         ["not supported", "P-256"]),
        ("a key of the same kind for another certificate", server(ec_cert, other_ec), "4:7",
         ["does not belong to the certificate"]),
        ("a DSA key with the right parameters and the wrong number", server(dsa_cert, other_dsa),
         "4:7", ["does not belong to the certificate"]),
        ("an EC key below the floor", server(ec_cert, ec_key) + "minimum-strength = 192\n"
         "minimum-signature = 0\n", "4:7", ["has 128 bits of strength", "asks for 192"]),
        ("two certificates of one kind", server("%s %s" % (pki.cert, pki.by_address),
                                                "%s %s" % (pki.key, pki.key)),
         "3:%d" % (16 + len(pki.cert)), ["the second one with an RSA key", "one of each kind"]),
        ("a certificate that no suite can use", server(ec_cert, ec_key) + "suites = AES128-SHA\n",
         "3:15", ["no suite of [server s] goes with the key", "allow other suites"]),
        ("a keyUsage that no suite can use", server(encipher_cert, pki.key) +
         "minimum-signature = 0\nsuites = ECDHE-RSA-AES128-SHA\n", "3:15", ["its keyUsage"]),
        ("a client's certificate that may not sign",
         client(pki.ca) + "certificate = %s\nkey = %s\n" % (encipher_cert, pki.key), "4:15",
         ["lacks digitalSignature"]),
        ("a group below the floor", server(pki.cert, pki.key) + "dh-parameters = %s\n" % group,
         "5:17", ["dh-parameters: ", "has 1536 bits, minimum-key-exchange asks for 2048"]),
        ("a file without a group", server(pki.cert, pki.key) + "dh-parameters = %s\n" % pki.cert,
         "5:17", ["no DH PARAMETERS in it"]),
        ("a malformed group", server(pki.cert, pki.key) + "dh-parameters = %s\n" % bad_group,
         "5:17", ["the group is malformed"]),
        ("a missing client-trust file", server(pki.cert, pki.key) +
         "client-certificate = require\nclient-trust = /nothing.pem\n", "6:16",
         ["client-trust: /nothing.pem: there is no such file"]),
        ("a chain that is too long", server(long_chain, pki.key), "3:15",
         ["too long", "keep the leaf"]),
        ("a missing key", server(pki.cert, "/nothing.key"), "4:7", ["key: /nothing.key"]),
        ("a key readable by the group", server(pki.cert, shared), "4:7",
         ["mode 0640", "chmod 600 " + shared[:60]]),
        ("a key readable by all", server(pki.cert, open_key), "4:7", ["mode 0644", "chmod 600"]),
        ("a key file without a key", server(pki.cert, write("c.key", read(pki.cert))), "4:7",
         ["no PRIVATE KEY in it"]),
        ("a key in DER", server(pki.cert, key_der), "4:7", ["looks like DER", "openssl pkey"]),
        ("a key of another certificate", server(pki.cert, other_key), "4:7",
         ["does not belong to the certificate"]),
        ("a key that is too short", server(weak_cert, weak_key), "4:7",
         ["has 1024 bits", "minimum-strength asks for 2048"]),
        ("an encrypted key", server(pki.cert, locked), "4:7", ["encrypted", "openssl pkey"]),
        ("an encrypted key, old form", server(pki.cert, locked_old), "4:7", ["encrypted"]),
        ("a key of another kind", server(pki.cert, ec_key), "4:7",
         ["this is an EC key, and the certificate has an RSA key"]),
        ("a key without certificate", client(pki.ca) + "key = %s\n" % pki.key, "1:1",
         ["has no certificate"]),
        ("an unset variable", client("${TLSHIM_TEST_NOTHING}/x"), "3:9", ["is not set"]),
    ]


def never_starts(what, text, place, words):
    path = t.tmp("bad.conf")
    if os.path.isdir(path):
        os.rmdir(path)
    elif os.path.exists(path):
        os.remove(path)
    if text == "DIRECTORY":
        os.mkdir(path)
    elif text is not None:
        write("bad.conf", text)
    started = t.tmp("started")
    want = "tlshim: %s:%s: " % (path, place)
    ways = [("launcher", [LAUNCHER, "-p", path, "touch", started], environment()),
            ("library", ["touch", started], environment(LD_PRELOAD=LIBRARY, TLSHIM_POLICY=path))]
    for way, argv, env in ways:
        done = t.run(argv, env=env)
        said = done.err.decode()
        lines = said.splitlines()
        good = (done.status == 125 and not done.out and len(lines) == 1 and
                lines[0].startswith(want) and all(w in said for w in words) and
                not os.path.exists(started))
        t.ok(good, "%s, %s: refused with its place and remedy" % (what, way),
             "want %s%s\n%s" % (want, words, done))
        if os.path.exists(started):
            os.remove(started)


def unreadable():
    """Root may read everything, so another user asks; and root's files are not for others."""
    if os.geteuid() != 0:
        t.skip("a key that the user may not read", "needs root to become another user")
        return
    shared = "/tmp/tlshim-policy-test.%d" % os.getpid()
    os.mkdir(shared, 0o755)
    try:
        for path in (LAUNCHER, LIBRARY, pki.cert, pki.key):
            shutil.copy(path, shared)
        key = os.path.join(shared, os.path.basename(pki.key))
        os.chmod(key, 0o600)
        policy = os.path.join(shared, "policy.conf")
        with open(policy, "w") as f:
            f.write(server(os.path.join(shared, os.path.basename(pki.cert)), key))
        done = t.run([os.path.join(shared, "tlshim"), "-p", policy, "true"], env=environment(),
                     user=65534, group=65534, extra_groups=[])
        t.ok(done.status == 125 and
             ("%s:4:7: key: %s: permission denied for user 65534; let that user read" %
              (policy, key)).encode() in done.err, "a key that the user may not read", done)
    finally:
        shutil.rmtree(shared)


def check():
    def checked(name, status, out, *args, **variables):
        done = tlshim("check", *args, **variables)
        t.ok(done.status == status and done.out.decode() == out and not done.err, "check: " + name,
             "want %d %r\n%s" % (status, out, done))

    good = write("good.conf", client(pki.ca) + server(pki.cert, pki.key))
    checked("a good policy", 0, "%s: good, 2 rules; what none matches is denied\n" % good, good)
    checked("the environment's", 0, "%s: good, 2 rules; what none matches is denied\n" % good,
            TLSHIM_POLICY=good)
    bad = write("many.conf", "[client a]\nconect = a:1\ntrust = ca.pem\n[server b]\nlisten = *:0\n")
    want = "".join("%s:%s\n" % (bad, line) for line in (
        '1:1: [client a] matches nothing; add "connect = HOST:PORT"',
        '2:1: unknown key "conect"; did you mean "connect"?',
        "3:9: trust: %s: there is no such file; check the path" % t.tmp("ca.pem")[:120],
        '4:1: [server b] has no certificate; add "certificate = /path/to/chain.pem"',
        '4:1: [server b] has no key; add "key = /path/to/key.pem"',
        '5:10: "*:0": the port is a number from 1 to 65535, a range such as 1-1023, or *',
    ))
    checked("every error at once, in order", 2, want + "%s: 6 errors\n" % bad, bad)
    done = tlshim("check", "/nothing.conf")
    t.ok(done.status == 2 and done.out.startswith(b"/nothing.conf:1:1: "), "check: no file", done)
    done = tlshim("check", "a", "b")
    t.ok(done.status == 125 and b"takes one file" in done.err, "check: usage", done)
    done = tlshim("check", TLSHIM_POLICY_TEXT="[deny x]\nconnect = a\n")
    t.ok(done.status == 2 and done.out.startswith(b"(command line):2:11: "), "check: a text", done)


def warnings():
    """Each thing that is warned of, alone in a policy that is good but for it."""
    def warned(name, policy, *lines):
        path = write("warn.conf", policy)
        done = tlshim("check", path)
        out = done.out.decode()
        want = "".join("%s:%s\n" % (path, line.replace("AT", path)) for line in lines)
        good = done.status == (1 if lines else 0) and out.startswith(want + path + ": ") and \
            out.count("\n") == len(lines) + 1
        t.ok(good, "check warns: " + name, "want %r\n%s" % (want, done))

    def certificate(name, *options):
        openssl("req", "-x509", "-key", pki.key, "-out", t.tmp(name), "-subj", "/CN=" + name,
                *(options or ("-days", "90")))
        return t.tmp(name)

    base = client(pki.ca)
    warned("of nothing in a good policy", base + server(pki.cert, pki.key))
    warned("of a hidden pattern", "[plain a]\nconnect = 127.0.0.1:* a.test:1-9\n[deny b]\n"
           "connect = c.test:1 A.test:5\n",
           '4:20: warning: "A.test:5" is never reached: [plain a] (AT:1) takes all of it before; '
           "move this rule above that one, or remove the pattern")
    warned("not of what only other programs take", "[plain a]\nconnect = a.test:1\nprogram = x\n"
           "[deny b]\nconnect = a.test:1\n")
    warned("of plaintext", "[plain a]\nconnect = *:80 10.0.0.0/23:1 10.0.0.0/24:1 127.0.0.0/8:*\n"
           "listen = [2001:db8::/63]:1 [2001:db8::/64]:2\n",
           '2:11: warning: "*:80" leaves more than a subnet in plaintext; narrow it, or give the '
           'rule a "reason = ..."',
           '2:16: warning: "10.0.0.0/23:1" leaves more than a subnet in plaintext; narrow it, or '
           'give the rule a "reason = ..."',
           '3:10: warning: "[2001:db8::/63]:1" leaves more than a subnet in plaintext; narrow it, '
           'or give the rule a "reason = ..."')
    warned("not of plaintext with a reason", "[plain a]\nconnect = *:80\nreason = a mirror\n")
    warned("of unmatched = plain", "[defaults]\nunmatched = plain\n" + base,
           "2:1: warning: whatever no rule matches is left in plaintext; "
           '"unmatched = deny" is safer')
    for allowance in ("truncation = allow", "record-splitting = off", "sha1-certificates = allow",
                      "minimum-cipher = 80", "minimum-key-exchange = 0", "minimum-certificate = 56",
                      "minimum-strength = 80", "preset = legacy"):
        warned("of %s without an end" % allowance, base + allowance + "\n",
               '4:1: warning: "%s" of [client c] has no end; add "legacy-until = YYYY-MM-DD" to '
               "the rule, after which it refuses" % allowance)
        warned("not of %s with an end" % allowance,
               base + allowance + "\nlegacy-until = 2999-12-31\n")
    warned("of an end that has passed", base + "legacy-until = 2001-01-01\n",
           "4:16: warning: the date has passed: what [client c] decides is refused; remove the "
           "rule, or move the date")
    soon = (datetime.datetime.utcnow() + datetime.timedelta(days=7)).strftime("%Y-%m-%d")
    warned("of an end that is near", base + "legacy-until = %s\n" % soon,
           "4:16: warning: [client c] ends in 7 days")
    warned("of a suite below the floor",
           base + "suites = ALL -DES-CBC3-SHA DES-CBC3-SHA\nminimum-cipher = 128\n",
           "4:28: warning: TLS_RSA_WITH_3DES_EDE_CBC_SHA is left out of [client c]: it has 112 "
           "bits, minimum-cipher asks for 128")
    os.symlink(shutil.which("true"), t.tmp("alias"))
    warned("of a program that is a link", base + "program = %s\n" % t.tmp("alias"),
           '4:11: warning: "%s" is a link to %s, and what runs goes by that name: write "%s"' %
           ((t.tmp("alias")[:100],) + (os.path.realpath(shutil.which("true")),) * 2))
    script = write("script", "#!/bin/sh\n", 0o755)
    warned("of a program that is a script", base + "program = %s\n" % script,
           '4:11: warning: "%s" (%s) is a script: what runs is its interpreter, and goes by that '
           "name" % (script[:100], script))
    warned("of an expired certificate", server(pki.expired, pki.key),
           "3:15: warning: certificate CN=tlshim expired expired on 2002-01-01; peers will refuse "
           "it: renew it")
    name = certificate("short.test", "-days", "90", "-addext", "subjectAltName=DNS:short.test")
    warned("not of a certificate with a third of its life left", server(name, pki.key))
    name = certificate("nameless.test")
    warned("of a certificate without names", server(name, pki.key),
           "3:15: warning: the certificate carries no subjectAltName; clients will not find their "
           "server's name in it: make it anew with one")
    name = certificate("usage.test", "-days", "90", "-addext", "subjectAltName=DNS:usage.test",
                       "-addext", "extendedKeyUsage=clientAuth")
    warned("of a server's certificate for clients", server(name, pki.key),
           "3:15: warning: the certificate's extendedKeyUsage does not allow a server; peers will "
           "refuse it")
    leaf = "[client c]\nconnect = server.test:1 other.test:2 *.any.test:3\ntrust = %s\n" % pki.cert
    warned("of names that the trusted certificate does not carry", leaf,
           "2:25: warning: no certificate of this rule's trust carries \"other.test\"")
    warned("of a verify-name that it does not carry", leaf + "verify-name = wrong.test\n",
           "4:15: warning: no certificate of this rule's trust carries \"wrong.test\"")


def json_format():
    path = write("json.conf", client("/nothing \\ \"x\".pem") +
                 "[plain \xc3]\n[plain p]\nconnect = *:80\n")
    done = tlshim("check", "--format", "json", path)
    got = json.loads(done.out.decode())
    t.is_((done.status, got["file"], got["errors"], got["warnings"], got["rules"]),
          (2, path, 2, 1, 2), "check --format json: counts")
    t.is_([(f["severity"], f["file"], f["line"], f["column"]) for f in got["findings"]],
          [("error", path, 3, 9), ("error", path, 4, 8), ("warning", path, 6, 11)],
          "check --format json: places")
    t.ok(got["findings"][0]["message"].startswith('trust: /nothing \\ "x".pem: there is no such'),
         "check --format json: messages", got)
    done = tlshim("check", "--format=json", write("json.conf", client(pki.ca)))
    t.is_((done.status, json.loads(done.out.decode())["findings"]), (0, []),
          "check --format json: nothing found")
    for arguments, words in ((["--format", "xml"], "--format is text or json"),
                             (["--format"], "needs a value"), (["-p", path, path], "one file")):
        done = tlshim("check", *arguments)
        t.ok(done.status == 125 and words.encode() in done.err and not done.out,
             "check, usage: " + " ".join(arguments[:2]), done)


def relative_paths():
    """They start at the policy's directory, wherever the program is started."""
    os.makedirs(t.tmp("conf", "sub"))
    shutil.copy(pki.ca, t.tmp("conf", "sub", "ca.pem"))
    policy = write("conf/policy", client("sub/ca.pem"))
    done = t.run([LAUNCHER, "-p", policy, "true"], cwd="/", env=environment())
    t.ok(done.status == 0, "a relative path starts at the policy's directory", done)
    done = t.run([LAUNCHER, "-p", "policy", "true"], cwd=t.tmp("conf"), env=environment())
    t.ok(done.status == 0, "the same with a relative policy", done)
    done = t.run(["true"], env=environment(LD_PRELOAD=LIBRARY,
                                           TLSHIM_POLICY_TEXT=client("sub/ca.pem")))
    t.ok(done.status == 125 and b"is a relative path; write an absolute one" in done.err,
         "a relative path in a text is refused", done)


def includes():
    os.makedirs(t.tmp("conf.d"))
    for name, content in (("b.conf", "[deny b]\nconnect = b.test:1\n"),
                          ("a.conf", "[client a]\nconnect = a.test:1\ntrust = %s\n" % pki.ca),
                          ("c.conf~", "nonsense"), (".hidden.conf", "nonsense")):
        write("conf.d/" + name, content)
    policy = write("main.conf", "include = conf.d/*.conf none.d*/x\n[plain z]\nconnect = *:*\n")
    done = tlshim("check", policy)
    t.ok(done.status == 2 and b":1:25: include: " in done.out and b"last part" in done.out,
         "include: a star in the directory is refused", done)
    write("main.conf", "include = conf.d/*.conf conf.d/none*\n[plain z]\nconnect = *:*\n")
    done = tlshim("explain", "-p", policy, "--all")
    t.ok(done.status == 0 and [line for line in done.out.decode().split("\n") if "[" in line] ==
         ["[defaults]", "[client a]", "[deny b]", "[plain z]"], "include: in lexical order", done)
    done = tlshim("-p", policy, "true")
    t.ok(done.status == 0, "include: a program starts", done)
    write("conf.d/b.conf", "[deny b]\nconnect = b.test\n")
    for way, argv, env in (("launcher", [LAUNCHER, "-p", policy, "true"], environment()),
                           ("library", ["true"], environment(LD_PRELOAD=LIBRARY,
                                                             TLSHIM_POLICY=policy))):
        done = t.run(argv, env=env)
        t.ok(done.status == 125 and done.err.decode().startswith(
            "tlshim: %s:2:11: \"b.test\": the port is missing" % t.tmp("conf.d", "b.conf")),
            "include: an error has the included file's place, " + way, done)
    write("main.conf", "include = conf.d/nothing.conf\n")
    done = tlshim("check", policy)
    t.ok(done.status == 2 and b"main.conf:1:11: include: " in done.out and
         b"there is no such file" in done.out, "include: a file that is not there", done)


def writable_by_others():
    policy = write("loose.conf", client(pki.ca), 0o664)
    done = tlshim("-p", policy, "true")
    if os.geteuid() == 0:
        t.ok(done.status == 125 and b"its group or others may write this policy" in done.err and
             b"chmod go-w" in done.err, "root refuses a policy that its group may write", done)
    else:
        t.ok(done.status == 0, "who is not root takes a policy that its group may write", done)


def users():
    policy = write("user.conf", client(pki.ca) + "user = %d\n" % os.geteuid())
    done = tlshim("explain", "-p", policy, "connect", "a.test:1")
    t.ok(done.status == 0 and b"decided by [client c]" in done.out, "user: mine", done)
    write("user.conf", client(pki.ca) + "user = daemon\n")
    done = tlshim("explain", "-p", policy, "connect", "a.test:1")
    t.ok(done.status == 0 and b"it is for other users" in done.out, "user: another's, by name",
         done)


def system_trust():
    policy = write("system.conf", client("system"))
    hashed = t.tmp("hashed")
    os.mkdir(hashed)
    shutil.copy(pki.ca, os.path.join(hashed, "0123abcd.0"))
    for name, status, variables, words in (
            ("SSL_CERT_FILE", 0, {"SSL_CERT_FILE": pki.ca}, ""),
            ("SSL_CERT_FILE that is not there", 125, {"SSL_CERT_FILE": "/nothing"}, "/nothing"),
            ("SSL_CERT_DIR", 0, {"SSL_CERT_DIR": "/nothing:" + hashed}, ""),
            ("SSL_CERT_DIR without roots", 125, {"SSL_CERT_DIR": t.tmp()}, "no roots in it"),
            ("an empty SSL_CERT_DIR", 125, {"SSL_CERT_DIR": ""}, "unset it")):
        done = tlshim("-p", policy, "true", **variables)
        t.ok(done.status == status and words.encode() in done.err, "trust = system: " + name, done)
    done = tlshim("-p", policy, "true")
    if os.path.exists("/etc/ssl/certs/ca-certificates.crt"):
        t.is_(done.status, 0, "trust = system: Debian's bundle")
    else:
        t.ok(done.status == 125 and b"install the package ca-certificates" in done.err,
             "trust = system: no bundle", done)


def explain():
    policy = write("explain.conf", """[defaults]
handshake-timeout = 9
[plain local]
connect = 127.0.0.0/8:*
[deny tools]
connect = *:*
program = nc /opt/x
[client web]
connect = *.web.test:443 [2001:db8::/32]:443
trust = %s
suites = AES256-SHA
[server mail]
listen = 10.0.0.0/8:993
certificate = %s
key = %s
""" % (pki.ca, pki.cert, pki.key))
    for question, words in (
            ("connect 127.0.0.1:80", ["left plain", "decided by [plain local] (%s:3)" % policy]),
            ("connect [::ffff:127.0.0.1]:80", ["[plain local]"]),
            ("connect a.web.test:443", ["TLS, as client",
                                        "not [plain local] (%s:3): it has no" % policy,
                                        "[deny tools] (%s:5): it is for other programs" % policy,
                                        "decided by [client web] (%s:8)" % policy, pki.ca,
                                        "# line 10", "# [defaults], line 2", "# built in",
                                        "1. TLS_RSA_WITH_AES_256_CBC_SHA ",
                                        "say which one with --address", "with --program"]),
            ("connect [2001:db8::9]:443", ["[client web]"]),
            ("connect a.web.test:443 --address 127.0.0.1", ["[plain local]"]),
            ("connect --program /usr/bin/nc a.web.test:443", ["denied", "[deny tools]"]),
            ("--program=/opt/x connect a.web.test:443", ["denied", "[deny tools]"]),
            ("connect web.test:443 --program=/bin/nc2", ["denied", "no rule matches"]),
            ("listen 10.1.2.3:993", ["TLS, as server", "[server mail]", pki.key]),
            ("listen *:993", ["denied", "no rule matches, and unmatched = deny",
                              "[client web] (%s:8): it is for the other direction" % policy])):
        done = tlshim("explain", "-p", policy, *question.split())
        out = done.out.decode()
        t.ok(done.status == 0 and all(w in out for w in words) and not done.err,
             "explain " + question, "want %s\n%s" % (words, done))
    done = tlshim("explain", "--format", "json", "-p", policy, "connect", "a.web.test:443")
    told = json.loads(done.out)
    rule, settings = told["rule"], {s["key"]: s for s in told["rule"]["settings"]}
    t.is_((told["verdict"], rule["kind"], rule["name"], rule["file"], rule["line"],
           [r["why_not"] for r in told["earlier"]], settings["suites"]["source"], rule["suites"]),
          ("TLS, as client", "client", "web", policy, 8,
           ["has no pattern with this host and port", "is for other programs"], "line 11",
           [{"name": "TLS_RSA_WITH_AES_256_CBC_SHA", "cipher": "256", "exchange": ">=112",
             "certificate": ">=112", "signature": "none"}]), "explain in JSON: the rule")
    told = json.loads(tlshim("explain", "--format=json", "-p", policy, "listen", "*:993").out)
    t.is_((told["verdict"], told["rule"], len(told["earlier"]), len(told["caveats"])),
          ("denied", None, 4, 2), "explain in JSON: no rule")
    done = tlshim("explain", "--all", "-p", policy)
    again = write("again.conf", done.out)
    t.ok(done.status == 0 and tlshim("explain", "-p", again, "--all").out == done.out and
         b"\n[client web]\nconnect = *.web.test:443 [2001:db8::/32]:443\n" in done.out,
         "explain --all prints a policy that means the same", done)
    for question, words in (("", "explain connect HOST:PORT"), ("connect a", "the port is missing"),
                            ("connect a:0", "the port is a number"),
                            ("listen a.b:1", "the host is"),
                            ("connect a:1 b:2", "what is \"b:2\"?"),
                            ("connect a:1 --address b", "is no IP address"),
                            ("connect a:1 --adress b", "did you mean --address?")):
        done = tlshim("explain", *question.split(), "-p", policy)
        t.ok(done.status == 125 and words.encode() in done.err, "explain, usage: " + question, done)


t.start(wire=False)
pki = t.Pki(t.tmp("pki"))
for row in bad_policies():
    never_starts(*row)
unreadable()
check()
warnings()
json_format()
relative_paths()
includes()
writable_by_others()
users()
system_trust()
explain()
t.finish()
