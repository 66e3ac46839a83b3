// SPDX-License-Identifier: BSD-2-Clause
// `midflight fuzz`: draws programs, keeps what met something new, keeps what is found.
#include "host/base/cleanup.h"
#include "host/base/json.h"
#include "host/base/signals.h"
#include "host/flight/known.h"
#include "host/fuzz/bare.h"
#include "host/fuzz/fuzz.h"
#include "host/fuzz/trace.h"
#include "host/lab/lab.h"
#include "host/report/schemas.h"
#include "host/run/setup.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <midflight_version.h>

#define FUZZ_FILE     "fuzz.json"
#define KNOWN	      "# known KVM bug " /* ID, mark N: WHAT DIFFERS */
#define FEATURES      (1u << 16)	 /* a power of two */
#define KEPT_MAX      4096
#define TELL_NS	      (30 * 1000 * NS_PER_MS) /* from one line of progress to the next */
#define ORACLES_EVERY 8			      /* they take as long as the rest */
#define OF_A_KIND     3			      /* findings that are made smaller */
#define DEADLINE_NS   (100 * NS_PER_MS)	      /* a program is much shorter */

struct finding {
	char kind[80], shape[400]; /* of the smallest program: the words of its steps */
	char why[400];
	unsigned hits;
};

struct campaign {
	struct options *o;
	const struct setup *setup;
	struct fuzz_vm vm;
	struct fuzz_compared compared;
	uint64_t random;
	unsigned flown, counts[FUZZ_ERROR + 1], met; /* met: features */
	uint64_t feature[FEATURES];
	bool fresh_feature; /* the last trace had one */
	struct program_lists *kept;
	unsigned kepts;
	struct finding *finding;
	unsigned findings;
	int64_t started_ns;
};

/* ---- what is new ---------------------------------------------------------------------------- */

static void take_feature(void *arg, uint64_t feature)
{
	struct campaign *c = arg;
	unsigned i = (unsigned)feature & (FEATURES - 1);

	feature |= 1; /* 0 is an empty place */
	while (c->feature[i] && c->feature[i] != feature)
		i = (i + 1) & (FEATURES - 1);
	if (c->feature[i] || c->met > FEATURES / 2)
		return;
	c->feature[i] = feature;
	c->met++;
	c->fresh_feature = true;
}

static void keep_program(struct campaign *c, const struct program_lists *p)
{
	c->fresh_feature = false;
	trace_features(&c->compared.control.trace, take_feature, c);
	if (!c->fresh_feature || c->kepts == KEPT_MAX)
		return;
	c->kept = xrealloc(c->kept, (c->kepts + 1) * sizeof(*c->kept));
	c->kept[c->kepts++] = *p;
}

static void next_program(struct campaign *c, struct program_lists *p)
{
	if (c->kepts && random_next(&c->random) % 4)
		program_change(p, &c->kept[random_next(&c->random) % c->kepts], &c->random);
	else
		program_draw(p, &c->random);
}

/* ---- findings ------------------------------------------------------------------------------- */

/* The words of all steps, which alike failures have in common. */
static void shape_of(const struct program_lists *p, char *text, size_t size)
{
	auto_buf struct buf b = {0};

	for (int l1 = 1; l1 >= 0; l1--)
		for (const struct program_step *s = l1 ? p->l1 : p->l2; s->op; s++)
			program_print_step(s, &b), buf_printf(&b, "; ");
	snprintf(text, size, "%s", buf_text(&b));
}

static int write_finding(const struct campaign *c, unsigned number, const struct program_lists *p,
			 int mark, struct err *e)
{
	auto_free char *dir = xasprintf("%s/finding-%u", c->setup->log, number);
	auto_free char *name =
		xasprintf("finding-%u.mf", number); /* for several on a command line */
	auto_buf struct buf program = {0}, traces = {0};
	auto_free char *snapshot = xasprintf("%s/snapshot.bin", dir);
	const struct fuzz_flown *frozen = &c->compared.frozen, *control = &c->compared.control;

	buf_printf(&program, "# %s\n# frozen at mark %d, order %s, Linux %s\n", c->compared.why,
		   mark, c->setup->order.name, known_kernel());
	program_print(p, &program);
	buf_printf(&traces, "%s\n\n", c->compared.why);
	/* Where the other one has none there is still what it should have been. */
	trace_print(&control->trace,
		    frozen->outcome == FUZZ_DONE ? &frozen->trace : &control->trace, &traces);
	if (mkdir(dir, 0777) && errno != EEXIST)
		return err_set(e, "cannot make %s", dir);
	return write_file(dir, name, program.p, program.len, 0666, e) ||
			       write_file(dir, "traces.txt", traces.p, traces.len, 0666, e) ||
			       (c->vm.saved.value.sections &&
				snapshot_write(&c->vm.saved.value, snapshot, e))
		       ? -1
		       : 0;
}

static int write_fuzz(const struct campaign *c, struct err *e)
{
	json_auto_t *top = json_got(json_object());
	json_t *list = json_got(json_array());
	auto_free char *path = xasprintf("%s/" FUZZ_FILE, c->setup->log);

	json_set(top, "schema", json_text(FUZZ_SCHEMA));
	json_set(top, "version", json_integer(FUZZ_VERSION));
	json_set(top, "midflight", json_text(MIDFLIGHT_VERSION));
	json_set(top, "kernel", json_text(known_kernel()));
	json_set(top, "seed", json_integer((json_int_t)c->o->seed));
	json_set(top, "order", json_text(c->setup->order.name));
	json_set(top, "enlightened", json_boolean(c->o->enlightened));
	json_set(top, "flown", json_integer(c->flown));
	json_set(top, "alike", json_integer(c->counts[FUZZ_ALIKE]));
	json_set(top, "found", json_integer(c->counts[FUZZ_FOUND]));
	json_set(top, "not_exact", json_integer(c->counts[FUZZ_INEXACT]));
	json_set(top, "no_end", json_integer(c->counts[FUZZ_DROPPED]));
	json_set(top, "no_mark", json_integer(c->counts[FUZZ_NO_MARK]));
	json_set(top, "states", json_integer(c->met));
	json_set(top, "kept", json_integer(c->kepts));
	for (unsigned i = 0; i < c->findings; i++)
		json_append(list, json_pack("{s:s, s:s, s:s, s:i}", "kind", c->finding[i].kind,
					    "why", c->finding[i].why, "program",
					    c->finding[i].shape, "hits", (int)c->finding[i].hits));
	json_set(top, "findings", list);
	return json_write(top, path, e);
}

/* If there are enough of @kind: counts one more, as the first of them. */
static bool counted(struct campaign *c, const char *kind)
{
	struct finding *first = NULL;
	unsigned n = 0;

	for (unsigned i = c->findings; i-- > 0;)
		if (!strcmp(c->finding[i].kind, kind)) {
			first = &c->finding[i];
			n++;
		}
	if (n < OF_A_KIND)
		return false;
	first->hits++;
	return true;
}

/* @p failed at @mark: from the beginning again, smaller, written down. */
static int found(struct campaign *c, struct program_lists *p, int mark, struct err *e)
{
	struct finding f = {.hits = 1};
	auto_free char *dir = NULL;

	if (counted(c, c->compared.kind))
		return 0;
	fuzz_minimise(&c->vm, p, &mark, &c->compared);
	if (fuzz_compare(&c->vm, p, mark, true, &c->compared) != FUZZ_FOUND) {
		c->counts[FUZZ_INEXACT]++; /* it needs what flew before */
		return 0;
	}
	shape_of(p, f.shape, sizeof(f.shape));
	snprintf(f.kind, sizeof(f.kind), "%s", c->compared.kind);
	snprintf(f.why, sizeof(f.why), "%s", c->compared.why);
	for (unsigned i = 0; i < c->findings; i++)
		if (!strcmp(c->finding[i].shape, f.shape)) {
			c->finding[i].hits++;
			return 0;
		}
	c->finding = xrealloc(c->finding, (c->findings + 1) * sizeof(*c->finding));
	c->finding[c->findings++] = f;
	dir = xasprintf("finding-%u", c->findings);
	if (write_finding(c, c->findings, p, mark, e) || write_fuzz(c, e))
		return -1;
	if (keep_files(c->setup->log, dir, FUZZ_FILE)) /* whatever becomes of L0 */
		return err_set(e, "cannot get %s out of the lab", dir);
	printf("# finding %u: %s\n#   %s\n", c->findings, f.why, f.shape);
	fflush(stdout);
	return 0;
}

/* ---- the campaign --------------------------------------------------------------------------- */

static int fly_one(struct campaign *c, struct err *e)
{
	struct program_lists p;
	enum fuzz_word word;
	int mark;

	next_program(c, &p);
	c->vm.oracles = !c->o->no_oracles && random_next(&c->random) % ORACLES_EVERY == 0;
	mark = (int)(random_next(&c->random) % 4);
	word = fuzz_controls(&c->vm, &p, false, &c->compared);
	if (word == FUZZ_ALIKE && c->compared.control.marks)
		mark %= (int)c->compared.control.marks;
	if (word == FUZZ_ALIKE)
		word = fuzz_frozen(&c->vm, &p, mark, false, &c->compared);
	c->flown++;
	c->counts[word]++;
	if (word == FUZZ_ERROR)
		return err_set(e, "%s", c->compared.why);
	if (word != FUZZ_DROPPED && word != FUZZ_INEXACT)
		keep_program(c, &p);
	return word == FUZZ_FOUND ? found(c, &p, mark, e) : 0;
}

static bool over(const struct campaign *c)
{
	if (signals_pending())
		return true;
	if (c->o->hops_given)
		return c->flown >= c->o->hops;
	return now_ns() - c->started_ns >= (int64_t)c->o->for_s * 1000 * NS_PER_MS;
}

static void tell(const struct campaign *c, FILE *f)
{
	fprintf(f,
		"# %u programs: %u alike, %u found, %u not exact, %u without an end, "
		"%u without a mark; %u states, %u kept\n",
		c->flown, c->counts[FUZZ_ALIKE], c->counts[FUZZ_FOUND], c->counts[FUZZ_INEXACT],
		c->counts[FUZZ_DROPPED], c->counts[FUZZ_NO_MARK], c->met, c->kepts);
}

static int draw_and_fly(struct campaign *c, struct err *e)
{
	int64_t told = now_ns();

	while (!over(c)) {
		if (fly_one(c, e))
			return 2;
		if (now_ns() - told < TELL_NS || c->o->quiet)
			continue;
		tell(c, stderr);
		told = now_ns();
	}
	for (unsigned i = 0; i < c->findings; i++)
		printf("not ok %u - finding-%u # FAIL %s, %u time%s\n", i + 1, i + 1,
		       c->finding[i].why, c->finding[i].hits, c->finding[i].hits > 1 ? "s" : "");
	tell(c, stdout);
	printf("# %lld ms in flights, %lld ms of that in saving and restoring, of %lld ms; L0's "
	       "time\n",
	       (long long)(c->vm.flown_ns / NS_PER_MS), (long long)(c->vm.moved_ns / NS_PER_MS),
	       (long long)((now_ns() - c->started_ns) / NS_PER_MS));
	return c->findings ? 1 : c->counts[FUZZ_ALIKE] ? 0 : 4;
}

/* ---- programs from files -------------------------------------------------------------------- */

/*
 * The known bug of which the program in @text says, in a line of its own, that it makes just this
 * difference at @mark; NULL: of none. The caller's to free.
 */
static char *known_in(const char *text, int mark, const char *why)
{
	auto_free char *says = xasprintf(", mark %d: %s", mark, why);
	const size_t len = strlen(says), prefix = strlen(KNOWN);

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const size_t all = strcspn(line, "\n");
		const char *id = line + prefix;

		if (all > prefix + len && !strncmp(line, KNOWN, prefix) &&
		    !strncmp(line + all - len, says, len) && strcspn(id, ",") == all - prefix - len)
			return xasprintf("%.*s", (int)(all - prefix - len), id);
	}
	return NULL;
}

static int fly_file(struct campaign *c, const char *path, unsigned *number)
{
	static const char *const words[] = {"", "FAIL ", "ERROR not exact, ", "ERROR no end, ",
					    "", "ERROR "};
	auto_buf struct buf text = {0};
	struct program_lists p;
	struct err e = {0};
	int status = 0;

	if (read_file(".", path, &text, &e) || program_read(&p, buf_text(&text), &e))
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
		if (word == FUZZ_FOUND && write_finding(c, *number, &p, mark, &e))
			return give_up(e.text);
		if (word != FUZZ_ALIKE)
			status = word == FUZZ_FOUND && status != 2 ? 1 : 2;
		if (word == FUZZ_DROPPED || word == FUZZ_INEXACT || word == FUZZ_ERROR)
			return status;
	}
	return status;
}

/* ---- the command ---------------------------------------------------------------------------- */

static int fuzz_here(struct options *o, const struct setup *setup)
{
	auto_free struct campaign *c = xcalloc(1, sizeof(*c));
	struct flight_config config;
	struct err e = {0};
	unsigned number = 0;
	int status = 0;

	c->o = o;
	c->setup = setup;
	c->random = o->seed;
	setup_flight(setup, &config);
	c->vm.driver = &kvm_driver;
	c->vm.config = config.vm;
	c->vm.config.dir = setup->log;
	c->vm.config.vcpus = 1;
	c->vm.config.deadline_ns = DEADLINE_NS;
	c->vm.oracles = !o->no_oracles;
	c->vm.control = o->control;
	c->vm.broken = config.broken;
	printf("KTAP version 1\n");
	if (fuzz_vm_start(&c->vm, o->enlightened))
		status = give_up(c->vm.err.text);
	c->started_ns = now_ns();
	for (unsigned i = 0; status < 2 && i < o->file_count; i++) {
		const int one = fly_file(c, o->files[i], &number);

		status = one > status ? one : status;
	}
	if (!status && !o->file_count)
		status = draw_and_fly(c, &e);
	if (write_fuzz(c, &e) || *e.text)
		status = give_up(e.text);
	fuzz_vm_end(&c->vm);
	free(c->kept);
	free(c->finding);
	return signals_pending() ? 128 + signals_pending() : status;
}

int cmd_fuzz(struct options *o)
{
	static const struct left left = {FUZZ_FILE, "what was flown", FUZZ_SCHEMA, FUZZ_VERSION};

	return o->bare ? cmd_fuzz_bare(o) : fly_into_log(o, &left, fuzz_here);
}
