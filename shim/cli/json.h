/* Pieces of JSON (RFC 8259) on stdout, for the subcommands that have --format json. */
#ifndef SHIM_CLI_JSON_H
#define SHIM_CLI_JSON_H

#include <stdbool.h>

/* A string with its quotes; bytes that are not UTF-8 become U+FFFD. NULL: null. */
void json_string(const char *text);

/* "name": for the next member of an object; *first says that it is the first one, and is false
 * afterwards. */
void json_name(bool *first, const char *name);
void json_text(bool *first, const char *name, const char *value);
void json_number(bool *first, const char *name, long long value);
void json_bool(bool *first, const char *name, bool value);

/* The value of --format: *json is set. False when it is neither text nor json. */
bool json_wanted(const char *value, bool *json);

#endif
