#include "x509_oid.h"

static const struct x509_bytes oids[X509_OID_COUNT] = {
#define X(name, arcs) [X509_OID_##name] = {(const uint8_t *)(arcs), sizeof(arcs) - 1},
    X509_OIDS(X)
#undef X
};

enum x509_oid x509_oid_find(struct x509_bytes content)
{
    for (int i = X509_OID_UNKNOWN + 1; i < X509_OID_COUNT; i++)
        if (oids[i].length == content.length &&
            memcmp(oids[i].data, content.data, content.length) == 0)
            return (enum x509_oid)i;
    return X509_OID_UNKNOWN;
}

struct x509_bytes x509_oid_bytes(enum x509_oid oid)
{
    return oids[oid];
}
