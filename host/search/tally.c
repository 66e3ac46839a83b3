// SPDX-License-Identifier: BSD-2-Clause
// Flights counted by how they ended, and the directories of those that failed.
#include "host/search/tally.h"
#include "host/base/json.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEPT 3 /* of each way to fail */

char *tally_dir(const struct tally *t, const char *run, const char *result, struct err *e)
{
	auto_free char *dir = xasprintf("%s/%s/%s", t->log, run, result);

	return make_dirs(dir, e) ? NULL : keep(dir);
}

void tally_remove(const struct tally *t, const char *run, const char *result)
{
	static const char *const files[] = {"/serial.log", "/snapshot.bin", "/now.bin", "/l0.log",
					    ""};
	auto_free char *dir = xasprintf("%s/%s", t->log, run);

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		auto_free char *path = xasprintf("%s/%s%s", dir, result, files[i]);

		remove(path);
	}
	rmdir(dir);
}

/* What failed, as short as flights that fail alike have in common. */
static char *way_text(const struct tally *t, const struct report_entry *entry)
{
	const struct flight_result *r = entry->result;
	const char *what = *r->refused		 ? r->refused
			   : r->log.kept	 ? r->log.fail[0].check
			   : r->oracle.findings	 ? r->oracle.finding[0].field
			   : r->verdict.findings ? r->verdict.finding[0]
						 : "";
	const char *scenario = t->by_scenario ? entry->config->scenario->name : "";
	char *text;

	if (entry->known)
		return xasprintf("known KVM bug %s", entry->known->id);
	text = xasprintf("%s%s%s: %.*s", scenario, *scenario ? ": " : "",
			 word_name(r->verdict.word), (int)strcspn(what, "\n("), what);
	for (char *p = text + strlen(scenario); *p; p++) /* hops and times differ */
		if (*p >= '0' && *p <= '9')
			*p = '#';
	return text;
}

/* Writes what a run leaves of @entry into @dir. */
static void leave(const struct options *o, const char *run, const char *dir, const char *shown,
		  struct report_entry *entry)
{
	auto_fclose FILE *nowhere = fopen("/dev/null", "we");
	struct report report;
	struct err e = {0};

	if (!nowhere)
		return;
	report_begin(&report, o, nowhere, shown, 1, 1);
	report.dir = dir;
	report.run = run;
	report_result(&report, entry);
	if (report_end(&report, dir, &e))
		fprintf(stderr, "midflight: %s\n", e.text);
}

const struct way *tally_failure(struct tally *t, const struct options *o, const char *run,
				struct report_entry *entry, int64_t number, bool *kept)
{
	auto_free char *text = way_text(t, entry), *dir = xasprintf("%s/%s", t->log, run);
	auto_free char *shown = xasprintf("%s/%s", t->shown_log, run);
	unsigned i = 0;

	while (i < t->ways && strcmp(t->way[i].text, text) != 0)
		i++;
	if (i == t->ways) {
		t->way = xrealloc(t->way, ++t->ways * sizeof(*t->way));
		t->way[i] = (struct way){xstrdup(text), entry->known, entry->result->verdict.word,
					 0, number};
	}
	*kept = ++t->way[i].count <= KEPT;
	if (*kept)
		leave(o, run, dir, shown, entry);
	return &t->way[i];
}

bool tally_no_snapshot(const struct report_entry *entry)
{
	const struct flight_result *r = entry->result;

	if (r->verdict.findings != 1 || r->oracle.findings)
		return false;
	if (r->verdict.word == WORD_SKIP)
		return !r->log.verdict; /* else L1 says that it cannot */
	return r->verdict.word == WORD_ERROR && !strcmp(r->verdict.finding[0], OFFSET_BEHIND_END);
}

const struct known *tally_known(const struct report_entry *entry)
{
	return known_match(entry->key, entry->config, entry->result, true, NULL);
}

bool tally_failed(const struct tally *t, bool strict)
{
	for (unsigned i = 0; i < t->ways; i++)
		if (t->way[i].known ? strict : t->way[i].word > WORD_ERROR)
			return true;
	return false;
}

bool tally_errors(const struct tally *t)
{
	for (unsigned i = 0; i < t->ways; i++)
		if (!t->way[i].known && t->way[i].word <= WORD_ERROR)
			return true;
	return false;
}

void tally_print(const struct tally *t)
{
	for (unsigned i = 0; i < t->ways; i++) {
		printf("#   %8u %14lld  ", t->way[i].count, (long long)t->way[i].first);
		print_lines(stdout, "", t->way[i].text);
	}
}

json_t *tally_json(const struct tally *t)
{
	json_t *list = json_got(json_array());

	for (unsigned i = 0; i < t->ways; i++) {
		const struct way *way = &t->way[i];

		json_append(list,
			    json_pack("{s:o, s:o, s:o, s:o}", "way", json_text(way->text), "known",
				      json_text(way->known ? way->known->id : NULL), "count",
				      json_integer(way->count), "first", json_integer(way->first)));
	}
	return list;
}

void tally_free(struct tally *t)
{
	for (unsigned i = 0; i < t->ways; i++)
		free(t->way[i].text);
	free(t->way);
	t->way = NULL;
	t->ways = 0;
}
