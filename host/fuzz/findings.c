// SPDX-License-Identifier: BSD-2-Clause
// What a campaign found: of which kind it is, how often, whether it is known; writing it down.
#include "host/base/cleanup.h"
#include "host/flight/known.h"
#include "host/fuzz/campaign.h"
#include "host/fuzz/trace.h"
#include "host/lab/lab.h"
#include "host/report/result_json.h"
#include "host/report/schemas.h"

#include <string.h>
#include <sys/stat.h>
#include <known_programs.h> /* all of programs/ in one text */
#include <midflight_version.h>

#define KNOWN	 "# known KVM bug " /* ID, mark N: WHAT DIFFERS */
#define MADE_MAX 8 /* failures of a kind that are made smaller, if all of them are known */

/* ---- known ones ----------------------------------------------------------------------------- */

char *known_in(const char *text, int mark, const char *why)
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

struct wanted {
	const char *steps, *why; /* what is looked for */
	int mark;
	char *known; /* what was found */
};

static int look_at(void *arg, const char *name, const char *text, struct err *e)
{
	struct wanted *w = arg;
	struct program_lists p;
	auto_buf struct buf steps = {0};

	(void)name;
	if (program_read(&p, text, e))
		return -1;
	program_print(&p, &steps);
	if (!w->known && !strcmp(buf_text(&steps), w->steps))
		w->known = known_in(text, w->mark, w->why);
	return 0;
}

char *known_program(const struct program_lists *p, int mark, const char *why)
{
	auto_buf struct buf steps = {0};
	struct wanted w = {.why = why, .mark = mark};
	struct err e = {0};

	program_print(p, &steps);
	w.steps = buf_text(&steps);
	if (bundle_each(known_programs, look_at, &w, &e))
		give_up(e.text); /* a program of ours cannot be read: its unit test would say so */
	return w.known;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* The words of all steps, which alike failures have in common. */
static void shape_of(const struct program_lists *p, char *text, size_t size)
{
	auto_buf struct buf b = {0};

	if (p->flags & PROGRAM_APICV)
		buf_printf(&b, "apicv; ");
	for (int l1 = 1; l1 >= 0; l1--)
		for (const struct program_step *s = l1 ? p->l1 : p->l2; s->op; s++)
			program_print_step(s, &b), buf_printf(&b, "; ");
	snprintf(text, size, "%s", buf_text(&b));
}

int finding_write_texts(const char *log, unsigned number, const struct buf *program,
			const struct buf *traces, struct err *e)
{
	auto_free char *dir = xasprintf("%s/" FUZZ_FINDING, log, number);
	auto_free char *name =
		xasprintf(FUZZ_FINDING ".mf", number); /* for several on a command line */

	if (mkdir(dir, 0777) && errno != EEXIST)
		return err_set(e, "cannot make %s", dir);
	return write_file(dir, name, program->p, program->len, 0666, e) ||
			       write_file(dir, "traces.txt", traces->p, traces->len, 0666, e)
		       ? -1
		       : 0;
}

int finding_write(const struct campaign *c, unsigned number, const struct program_lists *p,
		  int mark, struct err *e)
{
	auto_free char *dir = xasprintf("%s/" FUZZ_FINDING, c->setup->log, number);
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
	return finding_write_texts(c->setup->log, number, &program, &traces, e) ||
			       (c->vm.saved.value.sections &&
				snapshot_write(&c->vm.saved.value, snapshot, e))
		       ? -1
		       : 0;
}

static json_t *point_json(const struct campaign_point *p)
{
	return json_got(json_pack("[i, i, i, i]", (int)p->flown, (int)p->states, (int)p->kept,
				  (int)p->findings));
}

/* The only part of this campaign: its last point is what there is now. */
static json_t *part_json(const struct campaign *c)
{
	const struct campaign_point now = {c->flown, c->met, c->kept.count, c->findings};
	json_t *part = json_got(json_object()), *points = json_got(json_array());

	for (unsigned i = 0; i < c->points && c->point[i].flown < now.flown; i++)
		json_append(points, point_json(&c->point[i]));
	json_append(points, point_json(&now));
	json_set(part, "seed", json_integer((json_int_t)c->o->seed));
	json_set(part, "shard", report_json_shard(&c->o->shard));
	json_set(part, "code", c->code < 0 ? json_null() : json_integer(c->code));
	json_set(part, "points", points);
	return part;
}

static json_t *finding_json(const struct finding *f)
{
	json_t *json = json_got(json_object());

	json_set(json, "kind", json_text(f->kind));
	json_set(json, "why", json_text(f->why));
	json_set(json, "program", json_text(f->shape));
	json_set(json, "mark", json_integer(f->mark));
	json_set(json, "hits", json_integer(f->hits));
	json_set(json, "more", json_integer(f->more));
	json_set(json, "known", *f->known ? json_text(f->known) : json_null());
	return json;
}

json_t *campaign_json(const struct campaign *c)
{
	json_t *top = json_got(json_object()), *parts = json_got(json_array()),
	       *features = json_got(json_array()), *findings = json_got(json_array());
	const struct {
		const char *key;
		unsigned count;
	} counts[] = {{"flown", c->flown},
		      {"read", c->read},
		      {"alike", c->counts[FUZZ_ALIKE]},
		      {"found", c->counts[FUZZ_FOUND]},
		      {"not_exact", c->counts[FUZZ_INEXACT]},
		      {"no_end", c->counts[FUZZ_DROPPED]},
		      {"no_mark", c->counts[FUZZ_NO_MARK]},
		      {"states", c->met},
		      {"kept", c->kept.count}};

	json_set(top, "schema", json_text(FUZZ_SCHEMA));
	json_set(top, "version", json_integer(FUZZ_VERSION));
	json_set(top, "midflight", json_text(MIDFLIGHT_VERSION));
	json_set(top, "kernel", json_text(known_kernel()));
	json_set(top, "order", json_text(c->setup->order.name));
	json_set(top, "enlightened", json_boolean(c->o->enlightened));
	json_set(top, "oracles", json_boolean(!c->o->no_oracles));
	json_set(top, "control", json_boolean(c->o->control));
	json_set(top, "break", json_text(c->o->breakage));
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		json_set(top, counts[i].key, json_integer(counts[i].count));
	json_append(parts, part_json(c));
	json_set(top, "parts", parts);
	for (unsigned i = 0; i < FEATURES && c->met; i++)
		if (c->feature[i])
			json_append(features, json_hex(c->feature[i]));
	json_set(top, "features", features);
	for (unsigned i = 0; i < c->findings; i++)
		json_append(findings, finding_json(&c->finding[i]));
	json_set(top, "findings", findings);
	return top;
}

int campaign_write(const struct campaign *c, struct err *e)
{
	auto_free char *path = xasprintf("%s/" FUZZ_FILE, c->setup->log);
	json_auto_t *top = campaign_json(c);

	if (json_write(top, path, e))
		return -1;
	if (keep_files(c->setup->log, c->kept.count ? FUZZ_CORPUS : FUZZ_FILE, FUZZ_FILE))
		return err_set(e, "cannot get " FUZZ_FILE " out of the lab");
	return 0;
}

/* ---- kinds ---------------------------------------------------------------------------------- */

/*
 * If there are enough of @kind: counts one more. A known one does not make enough, as it has no
 * more than its own program; but it is not made smaller for ever. @first: of the kind, or NULL.
 */
static bool counted(struct campaign *c, const char *kind)
{
	struct finding *first = NULL, *unknown = NULL;
	unsigned n = 0;

	for (unsigned i = c->findings; i-- > 0;)
		if (!strcmp(c->finding[i].kind, kind)) {
			first = &c->finding[i];
			unknown = *first->known ? unknown : first;
			n += !*first->known;
		}
	if (!first || (n < FINDING_A_KIND && first->made < MADE_MAX))
		return false;
	(unknown ?: first)->more++;
	return true;
}

/* Counts @f, if it was found before; else adds it. Whether it was. */
static bool add(struct campaign *c, const struct finding *f)
{
	struct finding *first = NULL, *same = NULL;

	for (unsigned i = c->findings; i-- > 0;) {
		struct finding *g = &c->finding[i];

		if (strcmp(g->kind, f->kind))
			continue;
		first = g;
		if (g->mark == f->mark && !strcmp(g->shape, f->shape) && !strcmp(g->why, f->why))
			same = g;
	}
	if (first)
		first->made++;
	if (same) {
		same->hits++;
		return true;
	}
	c->finding = xrealloc(c->finding, (c->findings + 1) * sizeof(*c->finding));
	c->finding[c->findings] = *f;
	c->finding[c->findings++].made = !first;
	return false;
}

int findings_add(struct campaign *c, struct program_lists *p, int mark, struct err *e)
{
	struct finding f = {.hits = 1};
	auto_free char *dir = NULL, *known = NULL;

	if (counted(c, c->compared.kind))
		return 0;
	fuzz_minimise(&c->vm, p, &mark, &c->compared);
	if (fuzz_compare(&c->vm, p, mark, true, &c->compared) != FUZZ_FOUND) {
		c->counts[FUZZ_INEXACT]++; /* it needs what flew before */
		return 0;
	}
	f.mark = mark;
	shape_of(p, f.shape, sizeof(f.shape));
	snprintf(f.kind, sizeof(f.kind), "%s", c->compared.kind);
	snprintf(f.why, sizeof(f.why), "%s", c->compared.why);
	if (!c->vm.broken && !c->vm.control) /* else it is no bug of KVM's */
		known = known_program(p, mark, f.why);
	snprintf(f.known, sizeof(f.known), "%s", known ?: "");
	if (add(c, &f))
		return 0;
	dir = xasprintf(FUZZ_FINDING, c->findings);
	if (finding_write(c, c->findings, p, mark, e))
		return -1;
	if (keep_files(c->setup->log, dir, dir)) /* whatever becomes of L0 */
		return err_set(e, "cannot get %s out of the lab", dir);
	if (campaign_write(c, e))
		return -1;
	printf("# finding %u: %s%s%s\n#   %s\n", c->findings, f.why,
	       known ? ", known KVM bug: " : "", known ?: "", f.shape);
	fflush(stdout);
	return 0;
}
