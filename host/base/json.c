// SPDX-License-Identifier: BSD-2-Clause
// What all have in common that write or read JSON.
#include "host/base/json.h"

#include "host/base/cleanup.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

json_t *json_got(json_t *value)
{
	if (!value) {
		fputs("midflight: cannot build JSON\n", stderr);
		exit(2);
	}
	return value;
}

void json_set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, json_got(value)))
		json_got(NULL);
}

void json_append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, json_got(value)))
		json_got(NULL);
}

json_t *json_text(const char *s)
{
	json_t *string = s ? json_string(s) : json_null();
	auto_free char *copy = NULL;

	if (string)
		return string;
	copy = xstrdup(s);
	for (char *p = copy; *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	return json_got(json_string(copy));
}

json_t *json_hex(uint64_t value)
{
	char s[24];

	snprintf(s, sizeof(s), "0x%" PRIx64, value);
	return json_got(json_string(s));
}

static bool is_type(const json_t *value, char type)
{
	return type == 's'   ? json_is_string(value)
	       : type == 'u' ? json_is_integer(value) && json_integer_value(value) >= 0
	       : type == 'i' ? json_is_integer(value)
	       : type == 'd' ? json_is_number(value)
	       : type == 'b' ? json_is_boolean(value)
	       : type == 'o' ? json_is_object(value)
	       : type == 'a' ? json_is_array(value)
	       : type == 'n' ? json_is_null(value)
			     : !value || json_is_null(value);
}

int json_check(const char *what, const json_t *object, const struct json_member *members,
	       size_t count, struct err *e)
{
	if (!json_is_object(object))
		return err_set(e, "%s is no object", what);
	for (size_t i = 0; i < count; i++) {
		const json_t *value = json_object_get(object, members[i].key);
		bool good = false;

		for (const char *type = members[i].types; *type; type++)
			good |= is_type(value, *type);
		if (!good)
			return err_set(e, "%s has no good '%s'", what, members[i].key);
	}
	return 0;
}

const char *json_member(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

const char *json_text_of(const json_t *object, const char *key)
{
	const char *text = json_member(object, key);

	return text ? text : "";
}

double json_member_number(const json_t *object, const char *key, double otherwise)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : otherwise;
}

json_int_t json_member_integer(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

bool json_member_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

bool json_is_schema(const json_t *top, const char *schema, int version)
{
	return !strcmp(json_text_of(top, "schema"), schema) &&
	       json_member_integer(top, "version") == version;
}

json_t *json_read(const char *path, const char *schema, int version, struct err *e)
{
	json_error_t error;
	auto_fclose FILE *f = open_plain(path, e);
	json_auto_t *top = f ? json_loadf(f, JSON_REJECT_DUPLICATES, &error) : NULL;

	if (!f)
		return NULL;
	if (!top)
		return err_as(NULL, e, "%s: line %d: %s", path, error.line, error.text);
	if (!json_is_schema(top, schema, version))
		return err_as(NULL, e, "%s is no %s of version %d", path, schema, version);
	return keep(top);
}

int json_write(const json_t *top, const char *path, struct err *e)
{
	auto_free char *dump = json_dumps(top, JSON_INDENT(1) | JSON_PRESERVE_ORDER);

	json_got(dump ? json_true() : NULL);
	return write_path(path, dump, strlen(dump), e);
}
