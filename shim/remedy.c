#include "remedy.h"

#include <stdio.h>

#define FAULTY "the peer's TLS is faulty: update it, or show this line to its maker"
#define ALTERED                                                                                    \
    "something on the way alters the data, or the peer's TLS is faulty: try another peer"
#define BOTH(text)                                                                                 \
    {                                                                                              \
        text, text                                                                                 \
    }

/* For a client and for a server. */
static const char *const remedies[TLS_ERROR_COUNT][2] = {
    [TLS_ERROR_RECORD_TYPE] = BOTH(FAULTY),
    [TLS_ERROR_RECORD_VERSION] = BOTH(FAULTY),
    [TLS_ERROR_RECORD_LENGTH] = BOTH(FAULTY),
    [TLS_ERROR_RECORD_EMPTY] = BOTH(FAULTY),
    [TLS_ERROR_RECORD_FLOOD] = BOTH(FAULTY),
    [TLS_ERROR_RECORD_MAC] = BOTH(ALTERED),
    [TLS_ERROR_SSLV2_HELLO] = {FAULTY, "`sslv2-hello = allow` in the rule accepts it"},
    [TLS_ERROR_DATA_LIMIT] = BOTH("`data-limit` in the rule sets it; suites with AES have none"),
    [TLS_ERROR_WARNING_FLOOD] = BOTH(FAULTY),
    [TLS_ERROR_ALERT_BAD] = BOTH(FAULTY),
    [TLS_ERROR_TRUNCATED] = BOTH("data may be missing; `truncation = allow` in the rule accepts it "
                                 "from peers that always do this"),
    [TLS_ERROR_UNEXPECTED] = BOTH(FAULTY),
    [TLS_ERROR_MESSAGE_LENGTH] = BOTH(FAULTY),
    [TLS_ERROR_DECODE] = BOTH(FAULTY),
    [TLS_ERROR_PARAMETER] = BOTH(FAULTY),
    [TLS_ERROR_VERSION] = BOTH("TLS 1.0 is all that tlshim speaks: switch it on at the peer"),
    [TLS_ERROR_NO_COMMON_SUITE] = BOTH("widen `suites` or lower `minimum-strength` in the rule"),
    [TLS_ERROR_NO_COMMON_GROUP] =
        BOTH("name a group that the peer has in `groups`, or lower `minimum-dh` in the rule"),
    [TLS_ERROR_SMALL_GROUP] = BOTH("`minimum-dh` in the rule sets the limit"),
    [TLS_ERROR_EXTENDED_MASTER] = BOTH(FAULTY),
    [TLS_ERROR_NO_PROTOCOL] = BOTH("name a protocol that the peer has in `alpn` of the rule"),
    [TLS_ERROR_COMPRESSION] = BOTH(FAULTY),
    [TLS_ERROR_EXTENSION] = BOTH(FAULTY),
    [TLS_ERROR_RENEGOTIATION_INFO] = BOTH(ALTERED),
    [TLS_ERROR_NO_RENEGOTIATION_INFO] =
        BOTH("`renegotiation-info = optional` in the rule accepts it"),
    [TLS_ERROR_IDENTITY_CHANGED] =
        BOTH("have the peer keep its certificate while a connection lasts"),
    [TLS_ERROR_ENCRYPT_THEN_MAC] = BOTH(FAULTY),
    [TLS_ERROR_RENEGOTIATION] =
        BOTH("`renegotiation = allow` in the rule accepts it from peers with RFC 5746"),
    [TLS_ERROR_FINISHED] = BOTH(ALTERED),
    [TLS_ERROR_KEY_EXCHANGE] = BOTH(FAULTY),
    [TLS_ERROR_SIGNATURE] = BOTH(ALTERED),
    [TLS_ERROR_FALLBACK] = {FAULTY, "the client has tried a newer version before, which must have "
                                    "failed: look why, or have it begin with TLS 1.0"},
    [TLS_ERROR_NO_CERTIFICATE] = {FAULTY, "give the client a certificate that leads to "
                                          "`client-trust`, or set `client-certificate = request`"},
    [TLS_ERROR_ANONYMOUS_REQUEST] = BOTH(FAULTY),
    [TLS_ERROR_RANDOM] = BOTH("let the program call getrandom: a seccomp filter may forbid it"),
    [TLS_ERROR_INTERNAL] = BOTH("this is a fault of tlshim: report it with this line"),
    [TLS_ERROR_NO_CREDENTIAL] =
        BOTH("add a `certificate` and `key` of the kind that the peer can use to the rule"),
    [TLS_ERROR_TIMEOUT] = BOTH("`handshake-timeout` in the rule sets the limit"),
    [TLS_ERROR_CERT_WEAK_HASH] = BOTH("`sha1-certificates = allow` in the rule accepts SHA-1"),
    [TLS_ERROR_CERT_WEAK_KEY] = BOTH("`minimum-certificate` in the rule sets the limit"),
};

static const char *for_alert(const struct remedy_about *about)
{
    switch (about->alert) {
    case TLS_ALERT_NO_CERTIFICATE:
    case TLS_ALERT_BAD_CERTIFICATE:
    case TLS_ALERT_UNSUPPORTED_CERTIFICATE:
    case TLS_ALERT_CERTIFICATE_REVOKED:
    case TLS_ALERT_CERTIFICATE_EXPIRED:
    case TLS_ALERT_CERTIFICATE_UNKNOWN:
    case TLS_ALERT_UNKNOWN_CA:
    case TLS_ALERT_ACCESS_DENIED:
        return about->client
                   ? "the server wants another client certificate: `certificate` and `key` in the "
                     "rule"
                   : "the client does not accept this server's certificate: give it the CA's, or "
                     "change `certificate` in the rule";
    case TLS_ALERT_PROTOCOL_VERSION:
        return remedies[TLS_ERROR_VERSION][0];
    case TLS_ALERT_UNRECOGNIZED_NAME:
        return "the peer serves no such name: reach it by another";
    default:
        break;
    }
    if (!about->client || about->answered)
        return about->client ? "its own log may say why; servers that want a client certificate "
                               "often end so: `certificate` and `key` in the rule"
                             : "its own log may say why";
    /* Before ServerHello: it is our hello that is not liked. */
    return about->omits_extensions
               ? "the peer may have none of the rule's `suites`, or no TLS 1.0"
               : "the peer may have none of the rule's `suites`, or choke on extensions "
                 "(`extensions = omit` in the rule)";
}

void remedy_text(const struct remedy_about *about, char out[REMEDY_TEXT])
{
    const char *fixed = remedies[about->error][about->client ? 0 : 1];

    switch (about->error) {
    case TLS_ERROR_NOT_TLS:
    case TLS_ERROR_RECORD_PLAINTEXT_HTTP:
        if (about->client)
            snprintf(out, REMEDY_TEXT, "if this peer is to be reached in plaintext, add %s %s",
                     about->plain_rule, about->peer);
        else
            snprintf(out, REMEDY_TEXT,
                     "the client has to use TLS, or this port needs a [plain] rule with listen =");
        return;
    case TLS_ERROR_CLOSED_IN_HANDSHAKE:
        if (about->client)
            snprintf(out, REMEDY_TEXT,
                     "the peer may choke on extensions (`extensions = omit` in the rule), or not "
                     "speak TLS 1.0 at all; if it is to be reached in plaintext, add %s %s",
                     about->plain_rule, about->peer);
        else
            snprintf(out, REMEDY_TEXT,
                     "the client's own log may say why: it may have TLS 1.0 switched off, or not "
                     "trust the certificate");
        return;
    case TLS_ERROR_ALERT_RECEIVED:
        fixed = for_alert(about);
        break;
    default:
        break;
    }
    snprintf(out, REMEDY_TEXT, "%s", fixed != NULL ? fixed : "");
}
