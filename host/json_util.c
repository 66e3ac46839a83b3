// SPDX-License-Identifier: BSD-2-Clause
// The few things that result.json and the page reports both say in JSON.
#include "host/json_util.h"
#include "host/util.h"

#include <inttypes.h>
#include <stdlib.h>

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
	json_t *string;
	char *copy;

	if (!s)
		return json_null();
	string = json_string(s);
	if (string)
		return string;
	copy = xstrdup(s);
	for (char *p = copy; *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	string = json_string(copy);
	free(copy);
	return json_got(string);
}

json_t *json_hex(uint64_t value)
{
	char s[24];

	snprintf(s, sizeof(s), "0x%" PRIx64, value);
	return json_got(json_string(s));
}
