// SPDX-License-Identifier: BSD-2-Clause
// `midflight merge`: puts the shards of one run together, or campaigns of `midflight fuzz`.
#include "host/base/cleanup.h"
#include "host/commands/cmd.h"
#include "host/fuzz/campaign.h"
#include "host/run/run.h"

#include <string.h>
#include <sys/stat.h>

static bool has(const char *dir, const char *file)
{
	auto_free char *path = xasprintf("%s/%s", dir, file);

	return !access(path, F_OK);
}

/* What is meant by @word, a log directory or a file in it: a campaign's directory, or a run's file.
 */
static char *meant(const char *word, bool *campaign, struct err *e)
{
	const char *slash = strrchr(word, '/'), *name = slash ? slash + 1 : word;
	struct stat st;
	const bool dir = !stat(word, &st) && S_ISDIR(st.st_mode);

	*campaign = dir ? has(word, FUZZ_FILE) : !strcmp(name, FUZZ_FILE);
	if (dir && *campaign && has(word, "result.json"))
		return err_as(NULL, e, "%s has both result.json and " FUZZ_FILE ": name one", word);
	if (dir && !*campaign && !has(word, "result.json"))
		return err_as(NULL, e, "%s has neither result.json nor " FUZZ_FILE, word);
	if (*campaign)
		return dir     ? xstrdup(word)
		       : slash ? xasprintf("%.*s", (int)(slash - word) + (slash == word), word)
			       : xstrdup(".");
	return dir ? xasprintf("%s/result.json", word) : xstrdup(word);
}

static int merge_campaigns(const struct options *o, char *const *dirs, struct err *e)
{
	auto_by(joined_free) struct joined j = {0};

	if (o->junit)
		return err_set(e, "--junit is of runs; these are campaigns of `midflight fuzz`");
	if (o->out && has(o->out, FUZZ_FILE))
		return err_set(e, "%s/" FUZZ_FILE " is there already (--out)", o->out);
	if (fuzz_join(&j, dirs, o->file_count, false, e) ||
	    (o->out && fuzz_join_write(&j, dirs, o->out, e)) ||
	    (o->json && json_write(j.top, o->json, e)))
		return -1;
	puts("KTAP version 1");
	fuzz_json_findings(j.top, stdout);
	if (!o->quiet)
		fuzz_json_tell(j.top, stdout);
	return fuzz_json_status(j.top);
}

static int merge_all(const struct options *o, char **paths, struct err *e)
{
	struct options named = *o;
	bool first = false;

	for (unsigned i = 0; i < o->file_count; i++) {
		bool campaign;

		paths[i] = meant(o->files[i], &campaign, e);
		if (!paths[i])
			return -1;
		first = i ? first : campaign;
		if (campaign != first)
			return err_set(e, "%s is of %s, %s of %s: these cannot be merged",
				       o->files[0], first ? "a campaign of fuzz" : "a run",
				       o->files[i], campaign ? "a campaign of fuzz" : "a run");
	}
	named.files = paths;
	if (first)
		return merge_campaigns(&named, paths, e);
	if (o->out)
		return err_set(e, "--out is of campaigns; the results of runs go to --json");
	return merge(&named, stdout, e);
}

int cmd_merge(struct options *o)
{
	auto_free char **paths = xcalloc(o->file_count, sizeof(*paths));
	struct err e = {0};
	const int ret = merge_all(o, paths, &e);

	for (unsigned i = 0; i < o->file_count; i++)
		free(paths[i]);
	return ret < 0 ? give_up(e.text) : ret;
}
