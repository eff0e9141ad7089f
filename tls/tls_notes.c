#include "tls_notes.h"
#include "tls_key_exchange.h"
#include "tls_text.h"

static void note_own_certificate(const struct tls_conn *conn, struct tls_text *t)
{
    const struct tls_credential *credential = tls_own_credential(conn);
    struct x509_certificate leaf;
    const char *why;
    char subject[TLS_NOTE_MAX];

    if (credential == NULL) {
        tls_text_add(t, "none of ours is what the server asks for");
    } else if (x509_parse(&leaf, credential->chain[0].data, credential->chain[0].length, &why) ==
               TLS_ERROR_OK) {
        x509_name_text(leaf.subject, subject, sizeof subject);
        tls_text_add(t, subject);
    }
}

static void note_agreement(const struct tls_conn *conn, struct tls_text *t)
{
    const struct tls_handshake *h = conn->handshake;
    const struct tls_group *group = NULL;

    switch (tls_key_exchange_of(conn)->agreement) {
    case TLS_AGREE_ECDH:
        group = tls_group_by_id(h->curve);
        tls_text_add(t, group != NULL ? group->name : "an elliptic curve");
        break;
    case TLS_AGREE_DH:
        tls_text_add(t, "Diffie-Hellman");
        if (conn->session->role == TLS_CLIENT) {
            struct cg_dh_group theirs = {.p = h->agreement.dh.bytes,
                                         .p_length = h->agreement.dh.p_length};
            tls_text_add(t, " in a group of ");
            tls_text_number(t, (uint32_t)cg_dh_bits(&theirs));
            tls_text_add(t, " bits");
        }
        break;
    case TLS_AGREE_RSA:
        tls_text_add(t, "a secret for the server's RSA key");
        break;
    case TLS_AGREE_RSA_EXPORT:
        tls_text_add(t, "an RSA key for export, of 512 bits");
        break;
    case TLS_AGREE_PSK:
        tls_text_add(t, "a key that both sides know");
        break;
    }
}

static void note_signer(const struct tls_conn *conn, struct tls_text *t)
{
    const struct tls_key_exchange_info *info = tls_key_exchange_of(conn);

    if (info->is_signed) {
        tls_text_add(t, info->certificate_key == X509_KEY_EC    ? ", signed by ECDSA"
                        : info->certificate_key == X509_KEY_DSA ? ", signed by DSA"
                                                                : ", signed by RSA");
    }
}

void tls_note_step(struct tls_conn *conn, const struct tls_step *step)
{
    const struct tls_handshake *h = conn->handshake;
    bool sent = step->kind != TLS_STEP_RECEIVE;

    if (h->note[0] != '\0') {
        return;
    }
    struct tls_text t = tls_text_in(conn->handshake->note, sizeof h->note);
    switch (step->message) {
    case TLS_CERTIFICATE:
        if (sent) {
            note_own_certificate(conn, &t);
        } else {
            tls_text_add(&t, "none");
        }
        break;
    case TLS_SERVER_KEY_EXCHANGE:
        note_agreement(conn, &t);
        note_signer(conn, &t);
        break;
    case TLS_CLIENT_KEY_EXCHANGE:
        note_agreement(conn, &t);
        break;
    case TLS_CERTIFICATE_REQUEST:
        tls_text_add(&t, "the client is asked who it is");
        break;
    case TLS_NEW_SESSION_TICKET:
        tls_text_add(&t, "for a shorter handshake next time");
        break;
    case TLS_CERTIFICATE_VERIFY:
    case TLS_FINISHED:
        tls_text_add(&t, sent ? "" : "verified");
        break;
    case TLS_CHANGE_CIPHER_SPEC:
        tls_text_add(&t, "encrypted from here on");
        break;
    default:
        break;
    }
}
