// SPDX-License-Identifier: BSD-2-Clause
// Parser of the serial log's lines. What comes from the guest is not trusted.
#include "host/l1/protocol.h"
#include "host/base/util.h"

#include <limits.h>
#include <string.h>

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_-"

static void damaged(struct line *line, const char *why)
{
	line->kind = LINE_DAMAGED;
	line->why = why;
}

/* Takes a quoted value at @p apart in place; returns what follows it, or NULL. */
static char *unquote(char *p, const char **value)
{
	char *out = ++p;

	*value = out;
	for (; *p != '"'; p++) {
		if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
			p++;
		else if (*p == '\\' || !*p)
			return NULL;
		*out++ = *p;
	}
	*out = '\0';
	return p + 1;
}

/* Takes the sum from the end of the event at @p, a part of @line's store. */
static void take_sum(struct line *line, char *p)
{
	static const char name[] = " sum=0x";
	const size_t digits = 8, size = sizeof(name) - 1 + digits, len = strlen(p);
	char *at = p + len - size;
	uint64_t sum;

	if (len < size || strncmp(at, name, sizeof(name) - 1) ||
	    strspn(at + sizeof(name) - 1, "0123456789abcdef") != digits ||
	    !parse_number(at + sizeof(name) - 3, &sum))
		return;
	*at = '\0';
	line->event.summed = true;
	line->event.sum = (uint32_t)sum;
	line->event.before_sum = (size_t)(at - line->store);
}

static void parse_event(struct line *line, char *p)
{
	struct event *event = &line->event;
	size_t len;

	take_sum(line, p);
	len = strspn(p, "0123456789");
	if (!parse_decimal(p, len, &event->seq) || p[len] != ' ')
		return damaged(line, "no event number");
	p += len + 1;
	event->name = p;
	len = strspn(p, NAME_CHARS);
	if (!len || (p[len] && p[len] != ' '))
		return damaged(line, "no event name");
	p += len;
	while (*p == ' ') {
		*p++ = '\0';
		if (!*p) /* an event without keys may end in a space */
			break;
		len = strspn(p, NAME_CHARS);
		if (!len || p[len] != '=')
			return damaged(line, "no key=value");
		if (event->keys == EVENT_KEYS)
			return damaged(line, "too many keys");
		p[len] = '\0';
		if (event_get(event, p))
			return damaged(line, "key given twice");
		event->pair[event->keys].key = p;
		p += len + 1;
		if (*p == '"') {
			p = unquote(p, &event->pair[event->keys].value);
			if (!p || (*p && *p != ' '))
				return damaged(line, "quotes");
		} else {
			len = strcspn(p, " \"");
			if (!len || p[len] == '"')
				return damaged(line, "value");
			event->pair[event->keys].value = p;
			p += len;
		}
		event->keys++;
	}
	line->kind = LINE_EVENT;
}

static void parse_result(struct line *line, char *p, bool ok)
{
	size_t len = strspn(p, "0123456789");
	uint64_t number;
	char *hash;

	if (!parse_decimal(p, len, &number) || !number || number > INT_MAX)
		return damaged(line, "no result number");
	p += len;
	if (strncmp(p, " - ", 3) || !p[3])
		return damaged(line, "no result name");
	p += 3;
	line->result.ok = ok;
	line->result.number = (unsigned)number;
	line->result.name = p;
	hash = strstr(p, " # ");
	if (hash) {
		*hash = '\0';
		hash += 3;
		if (!ok || strncmp(hash, "SKIP ", 5) || !hash[5])
			return damaged(line, "directive");
		line->result.skip = true;
		line->result.reason = hash + 5;
	}
	line->kind = LINE_RESULT;
}

static bool has_control_characters(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
			return true;
	return false;
}

void line_parse(struct line *line, const char *bytes, size_t len)
{
	bool too_long = len > LINE_CAP, binary;
	uint64_t value;
	char *p;

	memset(line, 0, offsetof(struct line, text));
	if (too_long)
		len = LINE_CAP;
	while (len && bytes[len - 1] == '\r')
		len--;
	line->len = len;
	memcpy(line->text, bytes, len);
	line->text[len] = '\0';
	memcpy(line->store, line->text, len + 1);
	binary = has_control_characters(bytes, len);
	p = line->store;

	if (!strncmp(p, "# @", 3))
		parse_event(line, p + 3);
	else if (!strncmp(p, "ok ", 3))
		parse_result(line, p + 3, true);
	else if (!strncmp(p, "not ok ", 7))
		parse_result(line, p + 7, false);
	else if (!strncmp(p, "1..", 3)) {
		line->kind = LINE_PLAN;
		if (!parse_decimal(p + 3, strlen(p + 3), &value) || value > INT_MAX)
			damaged(line, "plan");
		else
			line->planned = (unsigned)value;
	} else if (!strncmp(p, "KTAP version ", 13)) {
		line->kind = LINE_VERSION;
		if (strcmp(p + 13, "1"))
			damaged(line, "KTAP version is not 1");
	} else {
		line->kind = *p == '#' ? LINE_DIAGNOSTIC : LINE_NOISE;
	}
	if (line->kind < LINE_DIAGNOSTIC && binary)
		damaged(line, "control characters");
	if (line->kind < LINE_DIAGNOSTIC && too_long)
		damaged(line, "too long");
}

const char *event_get(const struct event *event, const char *key)
{
	for (unsigned i = 0; i < event->keys; i++)
		if (!strcmp(event->pair[i].key, key))
			return event->pair[i].value;
	return NULL;
}

bool event_u64(const struct event *event, const char *key, uint64_t *value)
{
	const char *text = event_get(event, key);

	return text && parse_number(text, value);
}

static void hand_over(struct assembler *a)
{
	line_parse(&a->line, a->bytes, a->len);
	a->len = 0;
	a->on_line(a->arg, &a->line);
}

void assembler_feed(struct assembler *a, const char *bytes, size_t len)
{
	for (; len; len--, bytes++) {
		if (*bytes == '\n')
			hand_over(a);
		else if (a->len <= LINE_CAP)
			a->bytes[a->len++] = *bytes;
	}
}

void assembler_end(struct assembler *a)
{
	if (a->len)
		hand_over(a);
}
