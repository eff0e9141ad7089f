/* Plaintext in: the write half of an established session. */
#include <string.h>

#include "tls_defences.h"
#include "tls_limits.h"
#include "tls_output.h"

/* CBC with a chained IV lets who chooses plaintext guess earlier blocks (BEAST, CVE-2011-3389). One
 * byte in a record of its own makes the IV of the rest unpredictable. */
static bool splits(const struct tls_session *s, const struct tls_config *config)
{
    return tls_defends(TLS_DEFENCE_SPLITTING) && !config->no_record_splitting &&
           cg_cipher_info(s->write.cipher)->block > 1;
}

size_t tls_plaintext_for(const struct tls_session *session, const struct tls_config *config,
                         size_t space)
{
    const struct tls_half *half = &session->write;
    size_t first = splits(session, config) ? 1 : 0;
    size_t used = first > 0 ? tls_record_size(half, first) : 0;

    if (space < tls_record_size(half, 1)) {
        return 0;
    }
    if (space < used + tls_record_size(half, 1)) {
        return first;
    }
    size_t rest = tls_record_content_for(half, space - used), most = tls_fragment_max(session);
    return first + rest < most ? first + rest : most;
}

/* The plaintext is copied, then authenticated and encrypted where it lies: the program may have
 * another thread write to its buffer meanwhile, and still a record must be right in itself. */
static void seal(struct tls_conn *conn, struct tls_sealer *sealer, const uint8_t *plain, size_t n)
{
    memcpy(tls_output_at(conn) + TLS_HEADER, plain, n);
    tls_output_seal(conn, sealer, TLS_CONTENT_APPLICATION_DATA, n);
}

enum tls_result tls_send(struct tls_conn *conn, const void *plain, size_t n, size_t *taken)
{
    struct tls_session *s = conn->session;
    struct tls_sealer sealer;

    *taken = 0;
    tls_flush_mailbox(conn);
    if (s->write.closed || !tls_is_established(s)) {
        return TLS_FAILED;
    }
    if (n == 0) {
        return TLS_DONE;
    }
    if (tls_in_handshake(s)) {
        return TLS_NEED_ROOM;
    }
    size_t fits = tls_plaintext_for(s, conn->config, tls_output_room(conn));
    if (fits == 0) {
        return TLS_NEED_ROOM;
    }
    n = n < fits ? n : fits;
    if (!tls_half_has_budget(&s->write, tls_limit_64(conn->config), TLS_RECORD_MAX)) {
        return tls_fail_writing(conn, TLS_ERROR_DATA_LIMIT);
    }
    size_t first = splits(s, conn->config) ? 1 : 0;
    tls_sealer_init(&sealer, &s->write, s->version);
    if (first > 0) {
        seal(conn, &sealer, plain, first);
    }
    if (n > first) {
        seal(conn, &sealer, (const uint8_t *)plain + first, n - first);
    }
    tls_sealer_wipe(&sealer);
    *taken = n;
    return TLS_DONE;
}
