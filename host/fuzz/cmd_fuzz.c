// SPDX-License-Identifier: BSD-2-Clause
// `midflight fuzz`: flies programs from files, or a campaign of drawn ones.
#include "host/base/cleanup.h"
#include "host/base/signals.h"
#include "host/fuzz/bare.h"
#include "host/fuzz/campaign.h"
#include "host/report/run_dir.h"
#include "host/report/schemas.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fuzz_lab(struct options *o, const struct setup *setup);
static const struct left left = {FUZZ_FILE, "what was flown", FUZZ_SCHEMA, FUZZ_VERSION, fuzz_lab};

/* ---- programs from files -------------------------------------------------------------------- */

static int fly_file(struct campaign *c, const char *path, unsigned *number)
{
	static const char *const words[] = {"", "FAIL ", "ERROR not exact, ", "ERROR no end, ",
					    "", "ERROR "};
	auto_buf struct buf text = {0};
	struct program_lists p;
	struct err e = {0};
	int status = 0;

	if (program_load(&p, ".", path, &text, &e))
		return give_up_on(path, &e);
	for (int mark = 0; !signals_pending(); mark++) {
		const enum fuzz_word word = fuzz_compare(&c->vm, &p, mark, true, &c->compared);
		const bool ours = c->vm.broken || c->vm.control; /* no bug of KVM's */
		auto_free char *known = word == FUZZ_FOUND && !ours
						? known_in(buf_text(&text), mark, c->compared.why)
						: NULL;

		if (word == FUZZ_NO_MARK)
			return mark ? status : give_up_on(path, &(struct err){"no mark in it"});
		c->counts[word]++;
		printf("%sok %u - %s.mark-%d%s%s%s\n", word == FUZZ_ALIKE ? "" : "not ", ++*number,
		       path, mark, word == FUZZ_ALIKE ? "" : " # ",
		       known ? "TODO known KVM bug: " : words[word], known ?: c->compared.why);
		if (known)
			continue;
		if (word == FUZZ_FOUND && finding_write(c, *number, &p, mark, &e))
			return give_up(e.text);
		if (word != FUZZ_ALIKE)
			status = word == FUZZ_FOUND && status != 2 ? 1 : 2;
		if (word == FUZZ_DROPPED || word == FUZZ_INEXACT || word == FUZZ_ERROR)
			return status;
	}
	return status;
}

/* ---- the corpus that is given ---------------------------------------------------------------- */

#define BUNDLE "corpus.mf" /* the whole of it, on its way into the lab */

static struct corpus given; /* read before anything of an earlier campaign is replaced */

/* Directory by directory, in the order of --corpus. */
static int each_corpus(const struct options *o, int (*one)(void *arg, const char *dir), void *arg)
{
	const char *list = o->corpus;
	const size_t size = list ? strlen(list) + 1 : 0;
	auto_free char *dir = xcalloc(1, size + 1);
	int ret = 0;

	while (!ret && list && word_next(&list, ',', dir, size))
		ret = one(arg, dir);
	return ret;
}

static int read_corpus(void *arg, const char *dir)
{
	struct err *e = arg;

	/* One that is not there yet is made at the end. */
	return access(dir, F_OK) && errno == ENOENT ? 0 : corpus_read(&given, dir, e);
}

static int read_given(const struct options *o, struct err *e)
{
	auto_buf struct buf text = {0};

	if (!o->bundle)
		return each_corpus(o, read_corpus, e);
	return read_file(".", o->files[0], &text, e) || corpus_unbundle(&given, buf_text(&text), e)
		       ? -1
		       : 0;
}

static int is_log(void *arg, const char *dir)
{
	auto_free char *own = xasprintf("%s/" FUZZ_CORPUS, (const char *)arg);
	struct stat a, b;

	return !stat(own, &a) && !stat(dir, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Makes room for the findings of a new campaign. A corpus in LOG that was named stays. */
static void clean(const struct options *o, const struct setup *setup)
{
	if (!each_corpus(o, is_log, (void *)setup->log))
		run_dir_clean_programs(setup->log);
	else
		run_dir_clean_findings(setup->log);
}

struct saved {
	struct corpus kept;
	struct err *e;
};

static int save_first(void *arg, const char *dir)
{
	struct saved *s = arg;

	return corpus_write(&s->kept, dir, s->e) ? -1 : 1; /* and no other */
}

/* What the campaign has kept goes into the first directory of --corpus as well. */
static int save_corpus(const struct options *o, const struct setup *setup, struct err *e)
{
	auto_free char *own = xasprintf("%s/" FUZZ_CORPUS, setup->log);
	struct saved s = {.e = e};
	int ret = access(own, F_OK) ? 0 : corpus_read(&s.kept, own, e);

	if (!ret)
		ret = each_corpus(o, save_first, &s) < 0 ? -1 : 0;
	corpus_free(&s.kept);
	return ret;
}

/* ---- the command ---------------------------------------------------------------------------- */

static bool is_campaign(const struct options *o)
{
	return !o->file_count || o->bundle;
}

static int fuzz_here(struct options *o, const struct setup *setup)
{
	auto_free struct campaign *c = xcalloc(1, sizeof(*c));
	struct err e = {0};
	unsigned number = 0;
	bool started;
	int status = 0;

	if (o->jobs > 1)
		puts("# midflight: --jobs is for labs; here one flies after the other");
	if (is_campaign(o))
		clean(o, setup);
	fuzz_vm_init(&c->vm, setup);
	c->vm.oracles = !o->no_oracles;
	c->vm.control = o->control;
	printf("KTAP version 1\n");
	if (fuzz_vm_start(&c->vm, o->enlightened))
		status = give_up(c->vm.err.text);
	started = !status;
	campaign_init(c, o, setup, &given);
	/* Of a file that is none, or no exact program, the others know nothing. */
	for (unsigned i = 0; started && !c->counts[FUZZ_ERROR] && i < o->file_count && !o->bundle;
	     i++) {
		const int one = fly_file(c, o->files[i], &number);

		status = one > status ? one : status;
	}
	if (!status && is_campaign(o))
		status = campaign_fly(c, &e);
	if (campaign_write(c, &e) || *e.text)
		status = give_up(e.text);
	if (is_campaign(o) && save_corpus(o, setup, &e))
		status = give_up(e.text);
	fuzz_vm_end(&c->vm);
	campaign_free(c);
	return signals_pending() ? 128 + signals_pending() : status;
}

/* How many labs @o wants for a campaign: not more than there are programs. */
static unsigned labs_wanted(const struct options *o)
{
	const unsigned most = SHARDS_MAX / (o->shard.n ? o->shard.n : 1);
	const unsigned jobs = o->hops_given && o->jobs > o->hops ? o->hops : o->jobs;

	return jobs < most ? jobs : most;
}

/* The corpus goes into the lab as one file. */
static int fuzz_lab(struct options *o, const struct setup *setup)
{
	auto_free char *bundle = xasprintf("%s/" BUNDLE, setup->log);
	char *const files[] = {bundle};
	struct options inside = *o;
	auto_buf struct buf text = {0};
	struct err e = {0};
	int status = 0;

	if (is_campaign(o))
		clean(o, setup);
	for (unsigned i = 0; i < given.count; i++)
		bundle_add(&given.program[i], &text);
	if (given.count) {
		if (write_path(bundle, text.p, text.len, &e))
			return give_up(e.text);
		inside.bundle = true;
		inside.files = files;
		inside.file_count = 1;
	}
	if (is_campaign(&inside) && labs_wanted(o) > 1)
		status = fuzz_shards(&inside, setup, &left, labs_wanted(o));
	else
		status = fly_in_lab(&inside, setup, &left);
	if (given.count)
		unlink(bundle);
	if (is_campaign(o) && save_corpus(o, setup, &e))
		status = give_up(e.text);
	return status;
}

int cmd_fuzz(struct options *o)
{
	struct err e = {0};
	int status;

	if (o->bare)
		return cmd_fuzz_bare(o);
	if (o->file_count && !o->bundle && (o->corpus || o->shard.n || o->jobs > 1))
		return give_up("fuzz: programs of files all fly, in one lab: no --corpus, --shard, "
			       "--jobs");
	status = read_given(o, &e) ? give_up(e.text) : fly_into_log(o, &left, fuzz_here);
	corpus_free(&given);
	return status;
}
