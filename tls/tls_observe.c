#include "tls_observe.h"
#include "tls_text.h"

void tls_notify(const struct tls_conn *conn, bool sent, uint8_t content_type, uint8_t message,
                const char *text)
{
    struct tls_event event = {.sent = sent, .content_type = content_type, .message = message};

    if (conn->observe == NULL) {
        return;
    }
    struct tls_text t = tls_text_in(event.text, sizeof event.text);
    tls_text_add(&t, text);
    conn->observe(conn->observe_arg, &event);
}
