/* SPDX-License-Identifier: BSD-2-Clause */
/* The timelines that a flight leaves. */
#ifndef TESTS_UNIT_TIMELINE_H
#define TESTS_UNIT_TIMELINE_H

#include "host/base/util.h"

#include <jansson.h>
#include <unistd.h>

/*
 * The texts of lane @lane in @dir/timeline-@hop.json, each with a `;` behind it; "" if there is no
 * such lane. The caller frees it. NULL: there is no such file.
 */
static inline char *timeline_lane(const char *dir, unsigned hop, const char *lane)
{
	char *path = xasprintf("%s/timeline-%u.json", dir, hop);
	json_t *file = json_load_file(path, 0, NULL);
	const json_t *l, *event;
	struct buf text = {0};
	size_t i, j;

	free(path);
	if (!file)
		return NULL;
	buf_printf(&text, "%s", "");
	json_array_foreach(json_object_get(file, "lanes"), i, l) {
		if (strcmp(json_string_value(json_object_get(l, "name")), lane))
			continue;
		json_array_foreach(json_object_get(l, "events"), j, event) {
			buf_printf(&text, "%s;", json_string_value(json_object_get(event, "text")));
		}
	}
	json_decref(file);
	return text.p;
}

/* Removes the first @hops of them. How many there were. */
static inline unsigned timelines_remove(const char *dir, unsigned hops)
{
	unsigned found = 0;

	for (unsigned i = 1; i <= hops; i++) {
		char *path = xasprintf("%s/timeline-%u.json", dir, i);

		found += !unlink(path);
		free(path);
	}
	return found;
}

/* Fails unless lane @lane of hop @hop contains @part, or, with @part NULL, is not there. */
#define assert_lane(dir, hop, lane, part)                                                      \
	do {                                                                                   \
		char *texts_ = timeline_lane(dir, hop, lane);                                  \
		const char *part_ = part;                                                      \
                                                                                               \
		if (!texts_ || (part_ ? !strstr(texts_, part_) : *texts_ != '\0'))             \
			fail_msg("hop %u, %s: '%s', expected '%s'", hop, lane,                 \
				 texts_ ? texts_ : "no file", part_ ? part_ : "no such lane"); \
		free(texts_);                                                                  \
	} while (0)

#endif
