// SPDX-License-Identifier: BSD-2-Clause
// What a kept snapshot says of its flight, as `key=value` lines, and the log so far.
#include "host/flight/half.h"
#include "host/base/cleanup.h"

#include <string.h>

#define SECTION_LOG    "SERIAL_LOG"
#define SECTION_FLIGHT "FLIGHT"
#define FLIGHT_MAX     1024
#define HOPS_MAX       1000000

void half_add(struct snapshot *s, const struct flight_config *c, const void *log, size_t len)
{
	auto_buf struct buf text = {0};

	buf_printf(&text, "scenario=%s\nhops=%u\nseed=%llu\n", c->scenario->name, c->hops,
		   (unsigned long long)c->seed);
	if (c->post != POST_NONE)
		buf_printf(&text, "post=%s\n", post_name(c->post));
	snapshot_put(s, SECTION_FLIGHT, text.p, text.len);
	snapshot_put(s, SECTION_LOG, log, len);
}

/* One of the lines. */
static bool take_line(struct flight_config *c, char *line)
{
	char *value = strchr(line, '=');
	uint64_t n = 0;

	if (!value)
		return false;
	*value++ = '\0';
	if (!strcmp(line, "scenario")) {
		c->scenario = scenario_find(value, strlen(value));
		return c->scenario != NULL;
	}
	if (!strcmp(line, "post")) {
		for (c->post = 0; c->post < POSTS && strcmp(post_name(c->post), value);)
			c->post++;
		return c->post < POSTS;
	}
	if (!parse_number(value, &n))
		return false;
	if (!strcmp(line, "hops") && n && n <= HOPS_MAX)
		c->hops = (unsigned)n;
	else if (!strcmp(line, "seed") && n <= INT64_MAX)
		c->seed = n;
	else
		return false;
	return true;
}

static int take_flight(const struct snapshot *s, struct flight_config *c, struct err *e)
{
	const struct snapshot_section *section = snapshot_find(s, SECTION_FLIGHT);
	char text[FLIGHT_MAX + 1], *line, *rest = text;

	if (!section || !snapshot_find(s, SECTION_LOG))
		return err_set(
			e, "it has no section %s: not from `midflight save`, nor from run --keep",
			section ? SECTION_LOG : SECTION_FLIGHT);
	if (section->len > FLIGHT_MAX || memchr(section->data, 0, section->len))
		return err_set(e, "section " SECTION_FLIGHT " is no text");
	memcpy(text, section->data, section->len);
	text[section->len] = '\0';
	c->scenario = NULL;
	c->post = POST_NONE;
	while ((line = strsep(&rest, "\n")) && *line)
		if (!take_line(c, line))
			return err_set(e, "section " SECTION_FLIGHT ": cannot read '%s'", line);
	if (!c->scenario)
		return err_set(e, "section " SECTION_FLIGHT " names no scenario");
	return 0;
}

int half_resume(const struct snapshot *s, struct flight_config *c, struct flight_resume *from,
		struct err *e)
{
	const struct snapshot_section *log;

	if (take_flight(s, c, e))
		return -1;
	log = snapshot_find(s, SECTION_LOG);
	memset(from, 0, sizeof(*from));
	snapshot_encode(s, &from->snapshot);
	buf_append(&from->log, log->data, log->len);
	kvm_state_summary(s, &from->state);
	c->resume = from;
	return 0;
}

void half_free(struct flight_resume *from)
{
	buf_free(&from->snapshot);
	buf_free(&from->log);
}
