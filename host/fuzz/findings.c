// SPDX-License-Identifier: BSD-2-Clause
// What a campaign found: of which kind it is, how often, whether it is known; writing it down.
#include "host/base/cleanup.h"
#include "host/base/json.h"
#include "host/flight/known.h"
#include "host/fuzz/campaign.h"
#include "host/fuzz/trace.h"
#include "host/lab/lab.h"
#include "host/report/schemas.h"

#include <string.h>
#include <sys/stat.h>
#include <midflight_version.h>

#define KNOWN	  "# known KVM bug " /* ID, mark N: WHAT DIFFERS */
#define OF_A_KIND 3		     /* findings that are made smaller */

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

/* The words of all steps, which alike failures have in common. */
static void shape_of(const struct program_lists *p, char *text, size_t size)
{
	auto_buf struct buf b = {0};

	for (int l1 = 1; l1 >= 0; l1--)
		for (const struct program_step *s = l1 ? p->l1 : p->l2; s->op; s++)
			program_print_step(s, &b), buf_printf(&b, "; ");
	snprintf(text, size, "%s", buf_text(&b));
}

int finding_write(const struct campaign *c, unsigned number, const struct program_lists *p,
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

int campaign_write(const struct campaign *c, struct err *e)
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

int findings_add(struct campaign *c, struct program_lists *p, int mark, struct err *e)
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
	if (finding_write(c, c->findings, p, mark, e) || campaign_write(c, e))
		return -1;
	if (keep_files(c->setup->log, dir, FUZZ_FILE)) /* whatever becomes of L0 */
		return err_set(e, "cannot get %s out of the lab", dir);
	printf("# finding %u: %s\n#   %s\n", c->findings, f.why, f.shape);
	fflush(stdout);
	return 0;
}
