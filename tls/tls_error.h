/* What can go wrong in the engine and in certificates: one enum, mapped once to alerts and words.
 */
#ifndef TLS_ERROR_H
#define TLS_ERROR_H

#include <stdint.h>

/* RFC 2246 7.2 and the extension RFCs. decryption_failed (21) is never sent: whatever is wrong with
 * padding, length or MAC is bad_record_mac. */
enum tls_alert {
    TLS_ALERT_CLOSE_NOTIFY = 0,
    TLS_ALERT_UNEXPECTED_MESSAGE = 10,
    TLS_ALERT_BAD_RECORD_MAC = 20,
    TLS_ALERT_DECRYPTION_FAILED = 21,
    TLS_ALERT_RECORD_OVERFLOW = 22,
    TLS_ALERT_DECOMPRESSION_FAILURE = 30,
    TLS_ALERT_HANDSHAKE_FAILURE = 40,
    TLS_ALERT_NO_CERTIFICATE = 41, /* SSL 3.0 */
    TLS_ALERT_BAD_CERTIFICATE = 42,
    TLS_ALERT_UNSUPPORTED_CERTIFICATE = 43,
    TLS_ALERT_CERTIFICATE_REVOKED = 44,
    TLS_ALERT_CERTIFICATE_EXPIRED = 45,
    TLS_ALERT_CERTIFICATE_UNKNOWN = 46,
    TLS_ALERT_ILLEGAL_PARAMETER = 47,
    TLS_ALERT_UNKNOWN_CA = 48,
    TLS_ALERT_ACCESS_DENIED = 49,
    TLS_ALERT_DECODE_ERROR = 50,
    TLS_ALERT_DECRYPT_ERROR = 51,
    TLS_ALERT_EXPORT_RESTRICTION = 60,
    TLS_ALERT_PROTOCOL_VERSION = 70,
    TLS_ALERT_INSUFFICIENT_SECURITY = 71,
    TLS_ALERT_INTERNAL_ERROR = 80,
    TLS_ALERT_INAPPROPRIATE_FALLBACK = 86,
    TLS_ALERT_USER_CANCELED = 90,
    TLS_ALERT_NO_RENEGOTIATION = 100,
    TLS_ALERT_UNSUPPORTED_EXTENSION = 110,
    TLS_ALERT_UNRECOGNIZED_NAME = 112,
    TLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE = 113,
    TLS_ALERT_UNKNOWN_PSK_IDENTITY = 115,
    TLS_ALERT_NO_APPLICATION_PROTOCOL = 120,
    TLS_ALERT_NONE = 255 /* not on the wire: no alert belongs to this */
};

/* X(name, alert, class, words): class says what the program will see:
 *   TRUST  the peer is not who it should be (EACCES)
 *   PROTO  one of the two does not speak TLS as it should (EPROTO)
 *   PEER   the peer ended it (ECONNRESET)
 *   SELF   something here failed (EIO)
 * words: what happened, in a phrase that fits after "the TLS handshake failed: ". */
#define TLS_ERRORS(X)                                                                              \
    X(OK, NONE, SELF, "no error")                                                                  \
    X(RECORD_TYPE, UNEXPECTED_MESSAGE, PROTO, "the peer sent a record of unknown type")            \
    X(RECORD_VERSION, PROTOCOL_VERSION, PROTO, "the peer sent a record of a wrong version")        \
    X(RECORD_LENGTH, RECORD_OVERFLOW, PROTO, "the peer sent a record that is too long")            \
    X(RECORD_EMPTY, UNEXPECTED_MESSAGE, PROTO,                                                     \
      "the peer sent an empty handshake, alert or ChangeCipherSpec record")                        \
    X(RECORD_FLOOD, UNEXPECTED_MESSAGE, PROTO, "the peer sent too many empty records")             \
    X(RECORD_MAC, BAD_RECORD_MAC, PROTO, "a record failed its integrity check")                    \
    X(RECORD_PLAINTEXT_HTTP, UNEXPECTED_MESSAGE, PROTO, "the peer speaks plaintext HTTP, not TLS") \
    X(NOT_TLS, UNEXPECTED_MESSAGE, PROTO, "the peer does not speak TLS")                           \
    X(SSLV2_HELLO, UNEXPECTED_MESSAGE, PROTO, "the client begins in the format of SSL 2.0")        \
    X(DATA_LIMIT, CLOSE_NOTIFY, SELF, "the data limit of this cipher's key is reached")            \
    X(WARNING_FLOOD, UNEXPECTED_MESSAGE, PROTO, "the peer sent too many warnings")                 \
    X(ALERT_BAD, ILLEGAL_PARAMETER, PROTO, "the peer sent a malformed alert")                      \
    X(ALERT_RECEIVED, NONE, PEER, "the peer refused with a fatal alert")                           \
    X(TRUNCATED, NONE, PEER, "the peer closed without close_notify")                               \
    X(CLOSED_IN_HANDSHAKE, NONE, PEER, "the peer closed during the handshake")                     \
    X(UNEXPECTED, UNEXPECTED_MESSAGE, PROTO, "the peer sent a message out of order")               \
    X(MESSAGE_LENGTH, DECODE_ERROR, PROTO, "the peer sent a handshake message over the limit")     \
    X(DECODE, DECODE_ERROR, PROTO, "the peer sent a malformed message")                            \
    X(PARAMETER, ILLEGAL_PARAMETER, PROTO, "the peer sent a value that it may not send")           \
    X(VERSION, PROTOCOL_VERSION, PROTO, "no protocol version in common")                           \
    X(NO_COMMON_SUITE, HANDSHAKE_FAILURE, PROTO, "no cipher suite in common")                      \
    X(NO_COMMON_GROUP, INSUFFICIENT_SECURITY, PROTO,                                               \
      "no Diffie-Hellman group in common (RFC 7919 4)")                                            \
    X(SMALL_GROUP, HANDSHAKE_FAILURE, PROTO, "the server's Diffie-Hellman group is too small")     \
    X(EXTENDED_MASTER, HANDSHAKE_FAILURE, PROTO,                                                   \
      "the extended master secret of a session is gone in its resumption (RFC 7627 5.3)")          \
    X(NO_PROTOCOL, NO_APPLICATION_PROTOCOL, PROTO, "no application protocol in common")            \
    X(COMPRESSION, ILLEGAL_PARAMETER, PROTO, "the peer does not offer null compression")           \
    X(EXTENSION, UNSUPPORTED_EXTENSION, PROTO, "the peer answers an extension never offered")      \
    X(RENEGOTIATION_INFO, HANDSHAKE_FAILURE, PROTO,                                                \
      "renegotiation_info does not match (RFC 5746)")                                              \
    X(NO_RENEGOTIATION_INFO, HANDSHAKE_FAILURE, PROTO,                                             \
      "the peer does not know RFC 5746, which the rule demands")                                   \
    X(IDENTITY_CHANGED, ILLEGAL_PARAMETER, TRUST,                                                  \
      "the peer shows another identity in a renegotiation")                                        \
    X(ENCRYPT_THEN_MAC, HANDSHAKE_FAILURE, PROTO,                                                  \
      "a renegotiation drops encrypt_then_mac (RFC 7366 3.1)")                                     \
    X(RENEGOTIATION, NO_RENEGOTIATION, PROTO, "the peer insists on renegotiation")                 \
    X(FINISHED, DECRYPT_ERROR, PROTO, "the Finished message does not match the handshake")         \
    X(KEY_EXCHANGE, DECODE_ERROR, PROTO, "the key exchange message is malformed")                  \
    X(SIGNATURE, DECRYPT_ERROR, PROTO, "a handshake signature does not verify")                    \
    X(FALLBACK, INAPPROPRIATE_FALLBACK, PROTO, "the peer fell back to this version needlessly")    \
    X(NO_CERTIFICATE, HANDSHAKE_FAILURE, TRUST, "the peer sent no certificate")                    \
    X(ANONYMOUS_REQUEST, HANDSHAKE_FAILURE, PROTO, "an anonymous server asks for a certificate")   \
    X(RANDOM, INTERNAL_ERROR, SELF, "the kernel gives no randomness")                              \
    X(INTERNAL, INTERNAL_ERROR, SELF, "an internal check failed")                                  \
    X(NO_CREDENTIAL, INTERNAL_ERROR, SELF, "no certificate and key fit what was negotiated")       \
    X(TIMEOUT, USER_CANCELED, PEER, "the handshake took too long")                                 \
    X(CERT_PARSE, BAD_CERTIFICATE, TRUST, "a certificate is malformed")                            \
    X(CERT_EXPIRED, CERTIFICATE_EXPIRED, TRUST, "a certificate has expired")                       \
    X(CERT_NOT_YET, CERTIFICATE_EXPIRED, TRUST, "a certificate is not valid yet")                  \
    X(CERT_UNTRUSTED, UNKNOWN_CA, TRUST, "the chain leads to no trusted root")                     \
    X(CERT_SIGNATURE, BAD_CERTIFICATE, TRUST, "a certificate's signature does not verify")         \
    X(CERT_WEAK_HASH, BAD_CERTIFICATE, TRUST,                                                      \
      "a certificate is signed with a hash below the floor")                                       \
    X(CERT_WEAK_KEY, BAD_CERTIFICATE, TRUST, "a certificate's key is below the floor")             \
    X(CERT_NOT_CA, UNKNOWN_CA, TRUST, "an issuing certificate is not a CA")                        \
    X(CERT_PATH_LENGTH, UNKNOWN_CA, TRUST, "the chain is longer than a CA allows")                 \
    X(CERT_KEY_USAGE, BAD_CERTIFICATE, TRUST, "a certificate's key may not be used for this")      \
    X(CERT_CRITICAL, UNSUPPORTED_CERTIFICATE, TRUST,                                               \
      "a certificate has a critical extension that is not understood")                             \
    X(CERT_UNSUPPORTED, UNSUPPORTED_CERTIFICATE, TRUST,                                            \
      "a certificate has a kind of key or signature that is not supported")                        \
    X(CERT_NAME, BAD_CERTIFICATE, TRUST, "the certificate is not for this name")                   \
    X(CERT_NO_NAME, BAD_CERTIFICATE, TRUST, "there is no name to check the certificate against")   \
    X(CERT_CHAIN_LIMIT, BAD_CERTIFICATE, TRUST, "the chain is longer or costlier than the limit")  \
    X(CERT_NAME_CONSTRAINT, BAD_CERTIFICATE, TRUST,                                                \
      "a certificate has a name that its CA may not give")                                         \
    X(CERT_POLICY, BAD_CERTIFICATE, TRUST,                                                         \
      "the chain does not hold under the policy that it demands")                                  \
    X(CERT_REVOKED, CERTIFICATE_REVOKED, TRUST, "a certificate has been revoked")                  \
    X(CERT_STATUS, CERTIFICATE_UNKNOWN, TRUST,                                                     \
      "it cannot be known whether a certificate is revoked")                                       \
    X(CERT_STAPLE, BAD_CERTIFICATE_STATUS_RESPONSE, TRUST,                                         \
      "the peer's OCSP response does not hold")                                                    \
    X(CERT_PIN, BAD_CERTIFICATE, TRUST, "no key of the chain is one that is pinned")               \
    X(CERT_CHANGED, BAD_CERTIFICATE, TRUST, "the peer's key is another than it was before")        \
    X(CERT_NOT_ADMITTED, ACCESS_DENIED, TRUST,                                                     \
      "the peer's certificate is not one of those that the rule admits")                           \
    X(CERT_RECORD, INTERNAL_ERROR, SELF, "the file of known peers cannot be used")

enum tls_error {
#define X(name, alert, class, words) TLS_ERROR_##name,
    TLS_ERRORS(X)
#undef X
        TLS_ERROR_COUNT
};

enum tls_error_class { TLS_CLASS_SELF, TLS_CLASS_TRUST, TLS_CLASS_PROTO, TLS_CLASS_PEER };

enum tls_alert tls_error_alert(enum tls_error e);
enum tls_error_class tls_error_class(enum tls_error e);
const char *tls_error_words(enum tls_error e);
/* "handshake_failure" and so on, as the RFCs spell them; "unknown" for a number nobody assigned. */
const char *tls_alert_name(uint8_t alert);

#endif
