/* The one reader of DER (X.690): a cursor over bytes that the caller owns.
 *
 * Strict everywhere: lengths are definite and minimal, tags are of the one-byte form (nothing in
 * PKIX uses numbers above 30), an element never reaches past what surrounds it, and every type is
 * read by a function that holds that type's own rules. A false result means that the bytes are not
 * what was asked for; the cursor has then not moved. */
#ifndef X509_DER_H
#define X509_DER_H

#include "bytes.h"

enum { /* identifier octets: class, constructed bit and number in one */
       DER_BOOLEAN = 0x01,
       DER_INTEGER = 0x02,
       DER_BIT_STRING = 0x03,
       DER_OCTET_STRING = 0x04,
       DER_NULL = 0x05,
       DER_OID = 0x06,
       DER_ENUMERATED = 0x0a,
       DER_UTF8_STRING = 0x0c,
       DER_PRINTABLE_STRING = 0x13,
       DER_T61_STRING = 0x14,
       DER_IA5_STRING = 0x16,
       DER_UTC_TIME = 0x17,
       DER_GENERALIZED_TIME = 0x18,
       DER_VISIBLE_STRING = 0x1a,
       DER_UNIVERSAL_STRING = 0x1c,
       DER_BMP_STRING = 0x1e,
       DER_SEQUENCE = 0x30,
       DER_SET = 0x31
};
/* Context-specific [n]: EXPLICIT or of a constructed type, and IMPLICIT of a primitive type. */
#define DER_CONTEXT(n)           (0xa0 | (n))
#define DER_CONTEXT_PRIMITIVE(n) (0x80 | (n))

struct der {
    const uint8_t *at, *end;
};

struct der_element {
    uint8_t tag;
    struct x509_bytes content;
    struct x509_bytes whole; /* tag, length and content */
};

struct der der_over(struct x509_bytes bytes);
static inline bool der_done(const struct der *d)
{
    return d->at == d->end;
}
/* The tag of the next element; 0 at the end (no element of DER has that tag). */
static inline uint8_t der_peek(const struct der *d)
{
    return d->at < d->end ? *d->at : 0;
}

/* The next element, whatever it is. */
bool der_next(struct der *d, struct der_element *element);
/* The next element, which must have this tag. */
bool der_read(struct der *d, uint8_t tag, struct x509_bytes *content);
/* The same, giving tag and length too. */
bool der_read_whole(struct der *d, uint8_t tag, struct x509_bytes *whole);
/* The same, as a cursor over the content. */
bool der_enter(struct der *d, uint8_t tag, struct der *inside);
/* Skips an element with this tag if it is the next one; false only when it is malformed. */
bool der_skip_optional(struct der *d, uint8_t tag);

/* The X.690 rules of one type each, for content that was read under an IMPLICIT tag. */
bool der_is_integer(struct x509_bytes content); /* 8.3.2: minimal */
bool der_is_oid(struct x509_bytes content);     /* 8.19.2: complete, minimal arcs */
bool der_boolean_content(struct x509_bytes content, bool *value); /* 11.1: 00 or FF */
/* 8.6.2, 11.2.1: unused bits are counted right and zero. */
bool der_bit_string_content(struct x509_bytes content, struct x509_bytes *octets,
                            unsigned *unused_bits);
bool der_small_content(struct x509_bytes content, unsigned max, unsigned *value);

bool der_boolean(struct der *d, bool *value);
/* A BOOLEAN DEFAULT FALSE. An encoded FALSE breaks 11.5, but CAs have issued so many of them (for
 * basicConstraints above all) that every stack takes them; it cannot mean anything else. */
bool der_default_false(struct der *d, bool *value);
/* An INTEGER's two's complement content, minimal. */
bool der_integer(struct der *d, struct x509_bytes *content);
/* An INTEGER that is not negative, without its leading zero: zero is empty. */
bool der_unsigned(struct der *d, struct x509_bytes *magnitude);
/* An INTEGER from 0 to max. */
bool der_small(struct der *d, unsigned max, unsigned *value);
bool der_null(struct der *d);
bool der_oid(struct der *d, struct x509_bytes *content);
/* A BIT STRING of whole octets. */
bool der_bit_string(struct der *d, struct x509_bytes *octets);
/* A BIT STRING of named bits, at most 16: bit 0 of the string is bit 0 of the result. Trailing zero
 * bits break 11.2.2, but public roots have them (Trustwave's of 2017), and they mean nothing. */
bool der_named_bits(struct der *d, uint16_t *bits);
bool der_named_bits_content(struct x509_bytes content, uint16_t *bits);

/* UTCTime "YYMMDDHHMMSSZ" for 1950 to 2049, GeneralizedTime "YYYYMMDDHHMMSSZ" for 2050 on
 * (RFC 5280 4.1.2.5), to seconds since 1970. Real dates only; a leap second is refused.
 * *misplaced is set (and never cleared) by a GeneralizedTime before 2050. */
bool der_time(struct der *d, int64_t *seconds, bool *misplaced);
/* GeneralizedTime of any year, as OCSP has it (RFC 6960 4.2.2.1). */
bool der_generalized_time(struct der *d, int64_t *seconds);

#endif
