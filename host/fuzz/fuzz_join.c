// SPDX-License-Identifier: BSD-2-Clause
// Several campaigns put together: what they counted, met, found and kept. Their files are not
// trusted; what does not fit is an error that names the file.
#include "host/base/cleanup.h"
#include "host/fuzz/campaign.h"
#include "host/report/schemas.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The same in all that are put together: else they did not look for the same. */
static const char *const same_members[] = {"midflight", "kernel",  "order", "enlightened",
					   "oracles",	"control", "break"};

static const char *const sums[] = {FUZZ_COUNTS};

/* What a finding's directory has, behind FUZZ_FINDING. */
static const char *const finding_files[] = {"traces.txt", "snapshot.bin"};

static int check_same(const json_t *first, const json_t *top, const char *path, const char *of,
		      struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(same_members); i++) {
		const char *key = same_members[i];
		const json_t *a = json_object_get(top, key), *b = json_object_get(first, key);

		if (json_equal(a, b))
			continue;
		if (json_is_string(a) && json_is_string(b))
			return err_set(e, "%s: its '%s' is %.80s, that of %s is %.80s", path, key,
				       json_string_value(a), of, json_string_value(b));
		return err_set(e, "%s: its '%s' is not that of %s", path, key, of);
	}
	return 0;
}

/* Adds @top's parts, none of which may be there: it would be counted twice. */
static int add_parts(json_t *all, const json_t *top, const char *path, struct err *e)
{
	const json_t *part, *other;
	size_t i, n;

	json_array_foreach(json_object_get(top, "parts"), i, part) {
		json_array_foreach(all, n, other)
			if (json_equal(part, other)) {
				auto_buf struct buf text = {0};

				fuzz_json_part(part, &text);
				return err_set(e, "%s: %s is there twice", path, text.p);
			}
		json_append(all, json_incref((json_t *)part));
	}
	return 0;
}

static bool same_text(const json_t *a, const json_t *b, const char *key)
{
	return json_equal(json_object_get(a, key), json_object_get(b, key));
}

static void count(json_t *finding, const char *key, json_int_t more)
{
	json_set(finding, key, json_integer(json_member_integer(finding, key) + more));
}

/*
 * Counts finding @f, number @number of directory @dir, among those that there are, or adds it
 * behind the last of its kind; as findings_add() does.
 */
static void add_finding(struct joined *j, const json_t *f, unsigned dir, unsigned number)
{
	json_t *list = json_object_get(j->top, "findings"), *g, *unknown = NULL;
	const size_t there = json_array_size(list);
	size_t i, at = there;
	unsigned n = 0;

	json_array_foreach(list, i, g) {
		if (!same_text(f, g, "kind"))
			continue;
		if (same_text(f, g, "program") && same_text(f, g, "mark") &&
		    same_text(f, g, "why")) {
			count(g, "hits", json_member_integer(f, "hits"));
			count(g, "more", json_member_integer(f, "more"));
			return;
		}
		at = i + 1;
		if (json_member(g, "known"))
			continue;
		unknown = unknown ?: g;
		n++;
	}
	if (n >= FINDING_A_KIND && !json_member(f, "known")) {
		count(unknown, "more",
		      json_member_integer(f, "hits") + json_member_integer(f, "more"));
		return;
	}
	json_got(json_array_insert_new(list, at, json_deep_copy(f)) ? NULL : list);
	j->from = xrealloc(j->from, (there + 1) * sizeof(*j->from));
	memmove(&j->from[at + 1], &j->from[at], (there - at) * sizeof(*j->from));
	j->from[at] = (struct joined_from){dir, number};
}

static void begin(struct joined *j, const json_t *first)
{
	j->top = json_got(json_object());
	json_set(j->top, "schema", json_text(FUZZ_SCHEMA));
	json_set(j->top, "version", json_integer(FUZZ_VERSION));
	for (size_t i = 0; i < ARRAY_SIZE(same_members); i++)
		json_set(j->top, same_members[i],
			 json_incref(json_object_get(first, same_members[i])));
	for (size_t i = 0; i < ARRAY_SIZE(sums); i++)
		json_set(j->top, sums[i], json_integer(0));
	json_set(j->top, "states", json_integer(0));
	json_set(j->top, "parts", json_got(json_array()));
	json_set(j->top, "features", json_got(json_array()));
	json_set(j->top, "findings", json_got(json_array()));
}

/* @top, of directory @number. */
static int add(struct joined *j, const json_t *top, json_t *features, const char *path,
	       unsigned number, struct err *e)
{
	const json_t *one;
	size_t i;

	if (add_parts(json_object_get(j->top, "parts"), top, path, e))
		return -1;
	for (i = 0; i < ARRAY_SIZE(sums); i++)
		count(j->top, sums[i], json_member_integer(top, sums[i]));
	json_array_foreach(json_object_get(top, "features"), i, one) {
		json_set(features, json_string_value(one), json_true());
	}
	json_array_foreach(json_object_get(top, "findings"), i, one) {
		add_finding(j, one, number, (unsigned)i + 1);
	}
	return 0;
}

int fuzz_join(struct joined *j, char *const *dirs, unsigned count_dirs, bool cut, struct err *e)
{
	json_auto_t *features = json_got(json_object());
	const char *key, *first = NULL;
	json_t *value;

	*j = (struct joined){0};
	for (unsigned i = 0; i < count_dirs; i++) {
		auto_free char *path = xasprintf("%s/" FUZZ_FILE, dirs[i]);
		auto_free char *corpus = xasprintf("%s/" FUZZ_CORPUS, dirs[i]);
		json_auto_t *top = NULL;

		if (cut && access(path, F_OK))
			continue;
		top = fuzz_json_load(path, e);
		if (!top)
			return -1;
		if (!j->top)
			begin(j, top);
		if ((first && check_same(j->top, top, path, first, e)) ||
		    add(j, top, features, path, i, e) ||
		    (!access(corpus, F_OK) && corpus_read(&j->corpus, corpus, e)))
			return -1;
		first = first ?: dirs[i];
	}
	if (!j->top)
		return err_set(e, "none of them has left any " FUZZ_FILE);
	json_object_foreach(features, key, value) {
		json_append(json_object_get(j->top, "features"), json_text(key));
	}
	json_set(j->top, "states", json_integer((json_int_t)json_object_size(features)));
	json_set(j->top, "kept", json_integer(j->corpus.count));
	return 0;
}

void joined_free(struct joined *j)
{
	json_decref(j->top);
	corpus_free(&j->corpus);
	free(j->from);
	*j = (struct joined){0};
}

/* Copies file @from/@name to @to/@as, if it is there. */
static int copy(const char *from, const char *name, const char *to, const char *as, struct err *e)
{
	auto_free char *path = xasprintf("%s/%s", from, name);
	auto_buf struct buf bytes = {0};
	struct stat st;

	if (lstat(path, &st))
		return 0;
	if (!S_ISREG(st.st_mode)) /* what lies elsewhere is not theirs to give away */
		return err_set(e, "%s is no plain file", path);
	return read_file(from, name, &bytes, e) || write_file(to, as, bytes.p, bytes.len, 0666, e)
		       ? -1
		       : 0;
}

int fuzz_join_write(const struct joined *j, char *const *dirs, const char *to, struct err *e)
{
	const size_t findings = json_array_size(json_object_get(j->top, "findings"));
	auto_free char *path = xasprintf("%s/" FUZZ_FILE, to);
	auto_free char *corpus = xasprintf("%s/" FUZZ_CORPUS, to);

	if (make_dirs(to, e))
		return -1;
	for (unsigned i = 0; i < findings; i++) {
		auto_free char *here = xasprintf(FUZZ_FINDING ".mf", i + 1);
		auto_free char *there = xasprintf(FUZZ_FINDING ".mf", j->from[i].number);
		auto_free char *from =
			xasprintf("%s/" FUZZ_FINDING, dirs[j->from[i].dir], j->from[i].number);
		auto_free char *into = xasprintf("%s/" FUZZ_FINDING, to, i + 1);

		if (make_dirs(into, e) || copy(from, there, into, here, e))
			return -1;
		for (size_t n = 0; n < ARRAY_SIZE(finding_files); n++)
			if (copy(from, finding_files[n], into, finding_files[n], e))
				return -1;
	}
	if (j->corpus.count && corpus_write(&j->corpus, corpus, e))
		return -1;
	return json_write(j->top, path, e);
}
