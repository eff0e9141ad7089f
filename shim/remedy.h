/* What a person can do when a connection has failed: the half of a log line that the engine, which
 * knows no policy, cannot say. */
#ifndef SHIM_REMEDY_H
#define SHIM_REMEDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../tls/tls_error.h"

enum { REMEDY_TEXT = 320 };

struct remedy_about {
    enum tls_error error;
    uint8_t alert;         /* received; TLS_ALERT_NONE: none */
    bool client;           /* our side */
    bool answered;         /* a suite has been agreed on */
    bool omits_extensions; /* the rule says so already */
    const char
        *plain_rule;  /* how a peer is exempted: "--except", "a [plain] rule with connect =" */
    const char *peer; /* ADDRESS:PORT */
};

/* Writes the remedy, ended by NUL; "" for the errors of certificates (TLS_ERROR_CERT_...), whose
 * own words have it, and for TLS_ERROR_OK. */
void remedy_text(const struct remedy_about *about, char out[REMEDY_TEXT]);

#endif
