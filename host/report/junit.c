// SPDX-License-Identifier: BSD-2-Clause
// JUnit has no standard. Written here is what the readers have in common: testsuites, testsuite,
// properties, testcase with failure, error or skipped, system-out.
#include "host/report/result_json.h"
#include "host/base/json.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <string.h>

enum kind { KIND_PASS, KIND_FAILURE, KIND_ERROR, KIND_SKIPPED };

static const char *const kinds[] = {
	[KIND_FAILURE] = "failure", [KIND_ERROR] = "error", [KIND_SKIPPED] = "skipped"};

/* Length of the UTF-8 character at @p that XML 1.0 allows; 0: it is none. Jansson's are valid. */
static size_t allowed(const unsigned char *p)
{
	if (*p < 0x80)
		return *p >= 0x20 || *p == '\t' || *p == '\n' || *p == '\r';
	if (p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe)
		return 0; /* U+FFFE, U+FFFF */
	return *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
}

/* @text, with the characters of @escaped as references. */
static void put_escaped(struct buf *xml, const char *text, const char *escaped)
{
	for (const unsigned char *p = (const unsigned char *)text; *p;) {
		size_t len = allowed(p);

		if (!len)
			buf_append(xml, "?", 1);
		else if (strchr(escaped, *p))
			buf_printf(xml, "&#%d;", *p);
		else
			buf_append(xml, p, len);
		p += len ? len : *p < 0x80 ? 1 : 3;
	}
}

/* The text of an element. */
static void put(struct buf *xml, const char *text)
{
	put_escaped(xml, text, "&<>\r");
}

static void attribute(struct buf *xml, const char *name, const char *value)
{
	buf_printf(xml, " %s=\"", name);
	put_escaped(xml, value, "&<>\"\t\n\r"); /* white space would become blanks */
	buf_append(xml, "\"", 1);
}

static double seconds_of(const json_t *result)
{
	return json_number_value(json_object_get(result, "ms")) / 1000;
}

static enum kind kind_of(const json_t *top, const json_t *result)
{
	const char *word = json_text_of(result, "word");

	if (!strcmp(word, "PASS"))
		return KIND_PASS;
	if (!strcmp(word, "SKIP"))
		return KIND_SKIPPED;
	if (*json_text_of(result, "known"))
		return json_member_true(top, "strict") ? KIND_FAILURE : KIND_SKIPPED;
	return strcmp(word, "ERROR") ? KIND_FAILURE : KIND_ERROR;
}

/* In one line, why it did not pass. */
static void message(const json_t *result, struct buf *text)
{
	const json_t *fail = json_array_get(json_object_get(result, "fails"), 0);
	const char *finding =
		json_string_value(json_array_get(json_object_get(result, "findings"), 0));
	const char *check = json_text_of(fail, "check");

	if (!strcmp(json_text_of(result, "word"), "SKIP"))
		buf_printf(text, "%s", json_text_of(result, "notes"));
	else if (*json_text_of(result, "known"))
		buf_printf(text, "known KVM bug: %s: %s", json_text_of(result, "known"),
			   json_text_of(result, "known_text"));
	else
		buf_printf(text, "%s: %s", json_text_of(result, "word"),
			   *check    ? check
			   : finding ? finding
				     : json_text_of(result, "notes"));
}

static void property(struct buf *xml, const char *group, const char *key, const json_t *value)
{
	auto_free char *name = xasprintf("%s%s%s", group, *group ? "." : "", key);

	if (!json_is_string(value))
		return;
	buf_printf(xml, "      <property");
	attribute(xml, "name", name);
	attribute(xml, "value", json_string_value(value));
	buf_printf(xml, "/>\n");
}

static void properties(struct buf *xml, const json_t *top)
{
	const char *key, *inner;
	json_t *value, *v;

	buf_printf(xml, "    <properties>\n");
	json_object_foreach(json_object_get(top, "environment"), key, value) {
		property(xml, "", key, value);
		json_object_foreach(value, inner, v) {
			property(xml, key, inner, v);
		}
	}
	buf_printf(xml, "    </properties>\n");
}

static void testcase(struct buf *xml, const json_t *top, const json_t *result)
{
	const enum kind kind = kind_of(top, result);
	auto_free char *class =
		xasprintf("%s.%s", json_text_of(top, "driver"), json_text_of(result, "scenario"));
	auto_buf struct buf why = {0};

	buf_printf(xml, "    <testcase");
	attribute(xml, "classname", class);
	attribute(xml, "name", json_text_of(result, "name"));
	buf_printf(xml, " time=\"%.3f\">\n", seconds_of(result));
	if (kind != KIND_PASS) {
		message(result, &why);
		buf_printf(xml, "      <%s", kinds[kind]);
		attribute(xml, "message", buf_text(&why));
		if (kind == KIND_SKIPPED) {
			buf_printf(xml, "/>\n");
		} else {
			attribute(xml, "type", json_text_of(result, "word"));
			buf_printf(xml, ">");
			put(xml, json_text_of(result, "diagnostics"));
			buf_printf(xml, "</%s>\n", kinds[kind]);
		}
	}
	if (kind == KIND_PASS || kind == KIND_SKIPPED) {
		buf_printf(xml, "      <system-out>");
		put(xml, json_text_of(result, "diagnostics"));
		put(xml, json_text_of(result, "notes"));
		buf_printf(xml, "</system-out>\n");
	}
	buf_printf(xml, "    </testcase>\n");
}

static bool is_interrupted(const json_t *top)
{
	return json_member_true(top, "interrupted");
}

/* The counts, which testsuites and testsuite both have. */
static void counts(struct buf *xml, const json_t *top)
{
	const json_t *results = json_object_get(top, "results"), *result;
	unsigned count[ARRAY_SIZE(kinds)] = {[KIND_ERROR] = is_interrupted(top)};
	double seconds = 0;
	size_t i;

	json_array_foreach(results, i, result) {
		count[kind_of(top, result)]++;
		seconds += seconds_of(result);
	}
	buf_printf(xml, " tests=\"%zu\" failures=\"%u\" errors=\"%u\" skipped=\"%u\" time=\"%.3f\"",
		   json_array_size(results) + is_interrupted(top), count[KIND_FAILURE],
		   count[KIND_ERROR], count[KIND_SKIPPED], seconds);
}

void report_junit(const json_t *top, struct buf *xml)
{
	char started[20];
	const json_t *result;
	size_t i;

	buf_printf(xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
	attribute(xml, "name", "midflight");
	counts(xml, top);
	buf_printf(xml, ">\n  <testsuite");
	attribute(xml, "name", "midflight");
	counts(xml, top);
	/* Without the Z: the schema that Jenkins uses wants none. */
	snprintf(started, sizeof(started), "%.19s", json_text_of(top, "started"));
	if (*started)
		attribute(xml, "timestamp", started);
	buf_printf(xml, ">\n");
	properties(xml, top);
	json_array_foreach(json_object_get(top, "results"), i, result) {
		testcase(xml, top, result);
	}
	/* What is missing would not be missed. */
	if (is_interrupted(top)) {
		buf_printf(xml, "    <testcase");
		attribute(xml, "classname", json_text_of(top, "driver"));
		buf_printf(xml, " name=\"interrupted\" time=\"0.000\">\n"
				"      <error message=\"ERROR: interrupted: results are missing\" "
				"type=\"ERROR\"/>\n    </testcase>\n");
	}
	buf_printf(xml, "  </testsuite>\n</testsuites>\n");
}
