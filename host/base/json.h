/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON, made by the runner and read from files that are not trusted. Like xcalloc(), what cannot be
 * allocated ends the runner with exit status 2.
 */
#ifndef HOST_BASE_JSON_H
#define HOST_BASE_JSON_H

#include "host/base/util.h"

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

/*
 * A member that is looked for, and what it may be, a letter for each:
 *   s string, u integer that is not negative, i integer, d number, b true or false, o object,
 *   a array, n null, ? null or not there
 */
struct json_member {
	const char *key, *types;
};

/* @object, which messages call @what, is one and has @members so. 0, or -1 with @e filled. */
int json_check(const char *what, const json_t *object, const struct json_member *members,
	       size_t count, struct err *e);
#define JSON_CHECK(what, object, members, e) \
	json_check(what, object, members, ARRAY_SIZE(members), e)

/* Member @key of @object; NULL, "", @otherwise, 0, false: it is not there, or something else. */
const char *json_member(const json_t *object, const char *key);
const char *json_text_of(const json_t *object, const char *key);
double json_member_number(const json_t *object, const char *key, double otherwise);
json_int_t json_member_integer(const json_t *object, const char *key);
bool json_member_true(const json_t *object, const char *key);

/* Whether @top says that it is of @schema and @version. */
bool json_is_schema(const json_t *top, const char *schema, int version);
/* Reads file @path, which has to be so. NULL: @e, which names the file, is filled. */
json_t *json_read(const char *path, const char *schema, int version, struct err *e);

/* Replaces file @path by @top, members in their order. 0, or -1 with @e filled. */
int json_write(const json_t *top, const char *path, struct err *e);

#endif
