/* The words, alerts and classes of tls_error.h, in tables made from its X-macro. */
#include "tls_error.h"

#include <stddef.h>

static const struct {
    uint8_t alert;
    uint8_t class;
    const char *words;
} errors[TLS_ERROR_COUNT] = {
#define X(name, alert, class, words)                                                               \
    [TLS_ERROR_##name] = {TLS_ALERT_##alert, TLS_CLASS_##class, words},
    TLS_ERRORS(X)
#undef X
};

/* A number that is no error can only come from a damaged session: it reads as INTERNAL. */
static size_t row(enum tls_error e)
{
    return (unsigned)e < TLS_ERROR_COUNT ? (size_t)e : TLS_ERROR_INTERNAL;
}

enum tls_alert tls_error_alert(enum tls_error e)
{
    return (enum tls_alert)errors[row(e)].alert;
}

enum tls_error_class tls_error_class(enum tls_error e)
{
    return (enum tls_error_class)errors[row(e)].class;
}

const char *tls_error_words(enum tls_error e)
{
    return errors[row(e)].words;
}

static const struct {
    uint8_t alert;
    const char *name;
} alert_names[] = {
    {TLS_ALERT_CLOSE_NOTIFY, "close_notify"},
    {TLS_ALERT_UNEXPECTED_MESSAGE, "unexpected_message"},
    {TLS_ALERT_BAD_RECORD_MAC, "bad_record_mac"},
    {TLS_ALERT_DECRYPTION_FAILED, "decryption_failed"},
    {TLS_ALERT_RECORD_OVERFLOW, "record_overflow"},
    {TLS_ALERT_DECOMPRESSION_FAILURE, "decompression_failure"},
    {TLS_ALERT_HANDSHAKE_FAILURE, "handshake_failure"},
    {TLS_ALERT_NO_CERTIFICATE, "no_certificate"},
    {TLS_ALERT_BAD_CERTIFICATE, "bad_certificate"},
    {TLS_ALERT_UNSUPPORTED_CERTIFICATE, "unsupported_certificate"},
    {TLS_ALERT_CERTIFICATE_REVOKED, "certificate_revoked"},
    {TLS_ALERT_CERTIFICATE_EXPIRED, "certificate_expired"},
    {TLS_ALERT_CERTIFICATE_UNKNOWN, "certificate_unknown"},
    {TLS_ALERT_ILLEGAL_PARAMETER, "illegal_parameter"},
    {TLS_ALERT_UNKNOWN_CA, "unknown_ca"},
    {TLS_ALERT_ACCESS_DENIED, "access_denied"},
    {TLS_ALERT_DECODE_ERROR, "decode_error"},
    {TLS_ALERT_DECRYPT_ERROR, "decrypt_error"},
    {TLS_ALERT_EXPORT_RESTRICTION, "export_restriction"},
    {TLS_ALERT_PROTOCOL_VERSION, "protocol_version"},
    {TLS_ALERT_INSUFFICIENT_SECURITY, "insufficient_security"},
    {TLS_ALERT_INTERNAL_ERROR, "internal_error"},
    {TLS_ALERT_INAPPROPRIATE_FALLBACK, "inappropriate_fallback"},
    {TLS_ALERT_USER_CANCELED, "user_canceled"},
    {TLS_ALERT_NO_RENEGOTIATION, "no_renegotiation"},
    {TLS_ALERT_UNSUPPORTED_EXTENSION, "unsupported_extension"},
    {TLS_ALERT_UNRECOGNIZED_NAME, "unrecognized_name"},
    {TLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE, "bad_certificate_status_response"},
    {TLS_ALERT_UNKNOWN_PSK_IDENTITY, "unknown_psk_identity"},
    {TLS_ALERT_NO_APPLICATION_PROTOCOL, "no_application_protocol"},
};

const char *tls_alert_name(uint8_t alert)
{
    for (size_t i = 0; i < sizeof alert_names / sizeof alert_names[0]; i++)
        if (alert_names[i].alert == alert)
            return alert_names[i].name;
    return "unknown";
}
