/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON out of the runner: like xcalloc(), what cannot be allocated ends it with exit status 2. */
#ifndef HOST_JSON_UTIL_H
#define HOST_JSON_UTIL_H

#include <jansson.h>
#include <stdint.h>

/* @value, unless it is NULL. */
json_t *json_got(json_t *value);

/* Sets member @key of @object, appends to @array; both take the reference to @value. */
void json_set(json_t *object, const char *key, json_t *value);
void json_append(json_t *array, json_t *value);

/* @s as a string, null for NULL. What comes from the guest need not be UTF-8, which JSON wants. */
json_t *json_text(const char *s);

/* @value as "0x...". */
json_t *json_hex(uint64_t value);

#endif
