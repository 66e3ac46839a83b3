// SPDX-License-Identifier: BSD-2-Clause
// Hands the run over to the lab's script, which streams what the runner inside prints.
#include "host/lab/lab.h"
#include "host/cli/commands.h"
#include "host/base/json.h"
#include "host/l0/l0_log.h"
#include "host/cli/paths.h"
#include "host/cli/plan.h"
#include "host/base/signals.h"
#include "host/base/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAB_SECONDS_MAX 86400
#define LAB_START_S	60    /* until the runner inside starts */
#define LAB_BOOT_S	20    /* one boot of L1 with its snapshots */
#define LAB_HOP_S	5     /* one hop, with a lost wake-up */
#define LAB_POINT_S	2     /* one moment of a sweep */
#define LAB_SOAK	30    /* our time of L0's */
#define LAB_POINTS	10000 /* if only their distance is given */
#define LAB_COLUMNS	60    /* of a matrix, at most */

#define HALVES "from"	      /* where --from is in the lab */
#define HALF   "snapshot.bin" /* of a kept flight */

#define OUT_ENV "MIDFLIGHT_LAB_OUT" /* set by the lab: what comes out of it at the end */
#define OUT	"out"		    /* what `keep` calls that directory */

unsigned lab_seconds(const struct options *o)
{
	unsigned long long s = LAB_START_S;

	if (o->command == CMD_RESTORE)
		s += LAB_BOOT_S + 1000ull * LAB_HOP_S; /* the file knows how many there are */
	if (o->command == CMD_ORDERS || o->command == CMD_BREAKAGES)
		s += 1ull * o->scenarios * LAB_COLUMNS * LAB_HOP_S;
	if (o->command == CMD_SWEEP)
		s += 1ull * o->scenarios * (o->points ? o->points : LAB_POINTS) * LAB_POINT_S;
	if (o->command == CMD_MINIMISE)
		s += MINIMISE_TRIES * 10ull * LAB_HOP_S;
	if (o->scenarios && o->scenario[0]->guest) /* nobody knows how long they run */
		return LAB_SECONDS_MAX;
	if (o->command == CMD_SOAK || o->command == CMD_FUZZ)
		s += 1ull * o->for_s * LAB_SOAK;
	s += (1ull + o->methods) * o->scenarios *
	     (LAB_BOOT_S + (unsigned long long)o->hops * LAB_HOP_S);
	s += o->timeout_s * 2ull; /* a HANG and what is looked at then */
	return s > LAB_SECONDS_MAX ? LAB_SECONDS_MAX : (unsigned)s;
}

/*
 * Whether two runs of @command are to give the same bytes. In the lab all time is a function of the
 * instructions executed, and these depend on each word of the command: it must not tell when and
 * where it is.
 */
static bool same_bytes(enum command command)
{
	return command == CMD_SWEEP || command == CMD_SOAK || command == CMD_MINIMISE ||
	       command == CMD_FUZZ;
}

struct words {
	char **p; /* ends in NULL */
	size_t n;
};

/* @word is taken over. */
static void add(struct words *l, char *word)
{
	l->p = xrealloc(l->p, (l->n + 2) * sizeof(*l->p));
	l->p[l->n++] = word;
	l->p[l->n] = NULL;
}

static void put(struct words *l, const char *file)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->p[i], file))
			return; /* of several scenarios */
	add(l, xstrdup("--put"));
	add(l, xstrdup(file));
}

static void put_as(struct words *l, const char *name, const char *file)
{
	add(l, xstrdup("--put-as"));
	add(l, xstrdup(name));
	add(l, xstrdup(file));
}

/* The first halves that are there of what @o flies. */
static void put_halves(const struct options *o, struct options *inside, struct words *l)
{
	auto_by(plan_free) struct plan plan = {0};

	if (!o->from)
		return;
	inside->from = HALVES;
	plan_make(&plan, o);
	for (unsigned i = 0; i < plan.count; i++) {
		auto_free char *name = plan_name(o, &plan.item[i]);
		auto_free char *file = xasprintf("%s/%s/" HALF, o->from, name);
		auto_free char *as = xasprintf(HALVES "/%s/" HALF, name);

		if (!access(file, R_OK))
			put_as(l, as, file);
	}
}

/* What other hosts offer. The caller frees what @inside has of it. */
static void put_offers(const struct options *o, struct options *inside, struct words *l)
{
	const char *list = o->like;
	auto_buf struct buf names = {0};
	char file[PATH_MAX];

	for (unsigned i = 0; o->like && word_next(&list, ',', file, sizeof(file)); i++) {
		auto_free char *as = xasprintf("like/%u", i);

		put_as(l, as, file);
		buf_printf(&names, "%s./%s", i ? "," : "", as);
	}
	inside->like = keep(names.p);
}

/* L1's image, or those of foreign guests. */
static void put_images(const struct options *o, const char *image, struct options *inside,
		       struct words *l)
{
	put(l, image);
	if (o->command == CMD_UNITTESTS && !o->scenario_text)
		inside->scenario_text = "all"; /* none of them by name */
	for (unsigned i = 0; i < o->scenarios && o->scenario[i]->guest; i++) {
		const struct guest_words *w = &o->scenario[i]->guest->words;

		if (!w->skip)
			put(l, w->file);
		if (w->initrd)
			put(l, w->initrd);
	}
}

/* How the files that came in are called there. */
static void name_files(const struct options *inside, const char *image, struct words *l)
{
	const struct guest_words *guest = &inside->guest;

	if (guest->file)
		add(l, xasprintf("--guest=./%s", basename(image)));
	else if (inside->command != CMD_UNITTESTS)
		add(l, xasprintf("--image=./%s", basename(image)));
	if (guest->initrd)
		add(l, xasprintf("--initrd=./%s", basename(guest->initrd)));
	if (inside->from)
		add(l, xasprintf("--from=./%s", inside->from));
	if (inside->like)
		add(l, xasprintf("--like=%s", inside->like));
}

char **lab_args(const struct options *o, const struct lab_job *job, const char *script,
		const char *self, const char *image, const char *log)
{
	struct words l = {NULL, 0};
	const bool some = o->command == CMD_FUZZ,
		   one = o->command == CMD_RESTORE || o->command == CMD_MINIMISE;
	const unsigned files = some ? o->file_count : one;
	const char *const *file = some ? (const char *const *)o->files : &o->file;
	struct options inside = *o;
	auto_buf struct buf words = {0};
	auto_free char *order = NULL;
	auto_free const char *like = NULL;
	char now[REPORT_TIME];

#define ADD(...) add(&l, xasprintf(__VA_ARGS__))
	ADD("%s", script);
	ADD("run");
	ADD("--out");
	ADD("%s", log);
	ADD("--timeout");
	ADD("%u", job ? LAB_SECONDS_MAX : lab_seconds(o));
	for (unsigned i = 0; i < o->l0_words; i++)
		ADD("%s", o->l0[i]);
	if (o->coverage || o->command == CMD_FUZZ) /* which calls lab_ran_new() */
		ADD("%s", o->coverage ? "--coverage" : "--record");
	ADD("--put");
	ADD("%s", self);
	put_images(o, image, &inside, &l);
	put_halves(o, &inside, &l);
	put_offers(o, &inside, &l);
	like = inside.like;
	if (job) {
		ADD("--state");
		ADD("%s", job->state);
		ADD("--");
		for (unsigned i = 0; job->words[i]; i++)
			ADD("%s", job->words[i]);
		return l.p;
	}
	if (strpbrk(o->order, "/.")) {
		ADD("--put");
		ADD("%s", o->order);
		inside.order = order = xasprintf("./%s", basename(o->order));
	}
	for (unsigned i = 0; i < files; i++) {
		ADD("--put");
		ADD("%s", file[i]);
	}
	ADD("--");
	ADD("./%s", basename(self));
	/* `pages` is a run with its options spelled out. */
	ADD("%s", commands[o->command == CMD_PAGES ? CMD_RUN : o->command].name);
	ADD("--lab=no");
	name_files(&inside, image, &l);
	ADD("--log=out");
	ADD("--shown-command=%s", o->shown_command);
	ADD("--shown-replay=%s", o->shown_replay);
	if (same_bytes(o->command)) {
		ADD("--shown-log=" LAB_LOG);
	} else {
		report_time(now);
		ADD("--shown-started=%s", now);
		ADD("--shown-log=%s", o->shown_log ? o->shown_log : log);
	}
	options_words(&inside, NULL, REPEATED, &words);
	for (char *at = words.p, *word; at && (word = options_next_word(&at));)
		ADD("%s", word);
	if (o->command == CMD_SAVE)
		ADD("out/%s", LAB_SNAPSHOT);
	for (unsigned i = 0; i < files; i++)
		ADD("./%s", basename(file[i]));
	if (o->command == CMD_UNITTESTS)
		ADD(".");
#undef ADD
	return l.p;
}

static void free_args(char ***args)
{
	for (char **p = *args; p && *p; p++)
		free(*p);
	free(*args);
}

/* Becomes lab.sh. */
static int become_lab(void *args)
{
	char **argv = args;

	signals_restore();
	execv(argv[0], argv);
	fprintf(stderr, "midflight: cannot start %s: %s\n", argv[0], strerror(errno));
	return 2;
}

/* Runs lab.sh with @args; as lab_run(). */
static int spawn(char **args, const struct jobs_watcher *w, struct err *e)
{
	struct job lab = {.main = become_lab, .arg = args};

	if (jobs_run(&lab, 1, 1, w, e))
		return -1;
	if (lab.status == JOB_NOT_RUN)
		err_set(e, "interrupted before the lab was started");
	else if (lab.status < 0)
		err_set(e, "the lab was ended by signal %d", -lab.status);
	return lab.status < 0 ? -1 : lab.status;
}

int lab_run(const struct options *o, const struct lab_job *job, const char *image, const char *log,
	    const struct jobs_watcher *w, struct err *e)
{
	auto_free char *script = lab_script(executable_dir(), e);
	auto_by(free_args) char **args =
		script ? lab_args(o, job, script, runner_in_lab(), image, log) : NULL;

	return args ? spawn(args, w, e) : -1;
}

int lab_left(int status, const char *log, const char *file, const char *schema, int version,
	     struct err *e)
{
	auto_free char *path = xasprintf("%s/%s", log, file);
	auto_free char *console = xasprintf("%s/" L0_CONSOLE, log);
	const bool ended = access(console, F_OK) && (!status || status == 1 || status == 4);
	struct err why = {0};
	json_auto_t *top = ended ? json_read(path, schema, version, &why) : NULL;

	if (ended && !top)
		return err_set(e,
			       "the lab ended with status %d, but what it leaves is not whole: %s",
			       status, why.text);
	return status;
}

int lab_build(const struct options *o, struct err *e)
{
	auto_by(free_args) char **args = xcalloc(3 + o->l0_words, sizeof(*args));

	args[0] = lab_script(executable_dir(), e);
	if (!args[0])
		return -1;
	args[1] = xstrdup("build");
	for (unsigned i = 0; i < o->l0_words; i++)
		args[2 + i] = xstrdup(o->l0[i]);
	return spawn(args, NULL, e);
}

int lab_exec(const struct options *o, const char *image, const char *log, struct err *e)
{
	auto_free char *script = lab_script(executable_dir(), e);
	auto_by(free_args) char **args = NULL;

	if (!script)
		return -1;
	args = lab_args(o, NULL, script, runner_in_lab(), image, log);
	execv(script, args);
	return err_set(e, "cannot run %s: %s", script, strerror(errno));
}

int keep_files(const char *log, const char *first, const char *last)
{
	const char *out = getenv(OUT_ENV);
	char *argv[] = {xstrdup("keep"), xasprintf(OUT "/%s", first), xasprintf(OUT "/%s", last),
			NULL};
	int ret = 0, status = 0;
	pid_t pid;

	if (out && !strcmp(out, log)) {
		ret = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) ? -1 : 0;
		while (!ret && waitpid(pid, &status, 0) < 0)
			if (errno != EINTR)
				ret = -1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(argv); i++)
		free(argv[i]);
	return ret || status ? -1 : 0;
}
