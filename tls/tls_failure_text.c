/* A failure in words. */
#include "tls_handshake.h"
#include "tls_text.h"

/* The failure texts look at the steps, for which a connection without a configuration is enough:
 * conditions of steps depend on the session and the handshake only. */
static void add_expected(struct tls_text *t, const struct tls_session *session,
                         const struct tls_handshake *handshake)
{
    struct tls_conn conn = {.session = (struct tls_session *)(uintptr_t)session,
                            .handshake = (struct tls_handshake *)(uintptr_t)handshake};
    const struct tls_step *step = tls_current_step(&conn);

    if (step->kind != TLS_STEP_RECEIVE) {
        if (step->message != TLS_NO_MESSAGE) {
            tls_text_add(t, ", while sending ");
            tls_text_message(t, step->message);
        }
        return;
    }
    const char *before = ", waiting for ";
    for (unsigned message = 0; message < TLS_APPLICATION_DATA; message++) {
        if (tls_find_step(&conn, message) != NULL) {
            tls_text_add(t, before);
            tls_text_message(t, message);
            before = " or ";
        }
    }
}

static void add_handshake(struct tls_text *t, const struct tls_session *session,
                          const struct tls_handshake *h, enum tls_error error)
{
    if (h->detail[0] != '\0') {
        tls_text_add(t, ": ");
        tls_text_add(t, h->detail);
    }
    if (h->stray_length > 0) {
        tls_text_add(t, ": it begins with \"");
        tls_text_bytes(t, h->stray, h->stray_length);
        tls_text_add(t, "\"");
    }
    add_expected(t, session, h);
    if (error == TLS_ERROR_UNEXPECTED && h->got != TLS_NO_MESSAGE) {
        tls_text_add(t, ", got ");
        tls_text_message(t, h->got);
    }
}

static void add_alert(struct tls_text *t, const char *what, uint8_t alert)
{
    if (alert != TLS_ALERT_NONE) {
        tls_text_add(t, what);
        tls_text_add(t, tls_alert_name(alert));
        tls_text_add(t, " (");
        tls_text_number(t, alert);
        tls_text_add(t, ")");
    }
}

void tls_failure_text(const struct tls_session *session, const struct tls_handshake *handshake,
                      char *out, size_t size)
{
    enum tls_error error = tls_failure(session);

    if (size == 0) {
        return;
    }
    struct tls_text t = tls_text_in(out, size);
    tls_text_add(&t, tls_error_words(error));
    if (error == TLS_ERROR_OK) {
        return;
    }
    if (!tls_in_handshake(session)) {
        tls_text_add(&t, ", in the established session");
    } else if (handshake != NULL) {
        if (tls_is_established(session)) {
            tls_text_add(&t, ", in a renegotiation");
        }
        add_handshake(&t, session, handshake, error);
    }
    add_alert(&t, "; alert received: ", atomic_load(&session->alert_received));
    add_alert(&t, "; alert sent: ",
              atomic_load(&session->mailbox) >> 8 != 0 ? atomic_load(&session->mailbox) & 0xff
                                                       : atomic_load(&session->alert_sent));
}
