#include "common_ladder.h"

#include <stdio.h>
#include <string.h>

#include "../policy/policy_text.h"
#include "../tls/tls_handshake.h"
#include "../tls/tls_record.h"
#include "../tls/tls_text.h"

#define ARROW_RIGHT "----->"
#define ARROW_LEFT  "<-----"
enum { NAME = 18, ARROW = sizeof ARROW_RIGHT - 1 };

const char ladder_head[] = "Client                      Server";

static void message_name(const struct tls_event *event, char *out, size_t size)
{
    struct tls_text t = tls_text_in(out, size);
    if (event->content_type == TLS_CONTENT_ALERT) {
        tls_text_add(&t, "Alert");
    } else if (event->content_type == TLS_CONTENT_CHANGE_CIPHER_SPEC) {
        tls_text_add(&t, "[ChangeCipherSpec]");
    } else {
        tls_text_message(&t, event->message);
    }
}

const char *ladder_line(enum tls_role role, const struct tls_event *event, char out[LADDER_LINE])
{
    bool by_client = event->sent == (role == TLS_CLIENT);
    char name[64];
    message_name(event, name, sizeof name);
    size_t used =
        by_client ? (size_t)snprintf(out, LADDER_LINE, "%-*s %s", NAME, name, ARROW_RIGHT)
                  : (size_t)snprintf(out, LADDER_LINE, "%-*s %s  %s", NAME, "", ARROW_LEFT, name);
    const char *text = event->text;
    if (text[0])
        used += (size_t)snprintf(out + used, LADDER_LINE - used, "%*s",
                                 (int)(2 * NAME + ARROW + 4 - used), "");
    for (size_t n = strlen(text), taken; n > 0; text += taken, n -= taken) {
        char shown[POLICY_SHOWN_MAX];
        taken = policy_show(text, n, shown);
        if (strlen(shown) >= LADDER_LINE - used)
            break;
        used += (size_t)snprintf(out + used, LADDER_LINE - used, "%s", shown);
    }
    return out;
}
