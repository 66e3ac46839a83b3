// SPDX-License-Identifier: BSD-2-Clause
// `midflight run --dry-run`: what would be flown, and about how long that takes.
#include "host/base/cleanup.h"
#include "host/run/run.h"

#include <string.h>

/*
 * Seconds in one lab on two cores: what the lab's job takes to begin, each result, and each hop of
 * it. Of kvm from the whole matrix on an idle machine, of qemu from `run halted` with one hop and
 * with ten on a busy one.
 */
static const struct figure {
	const char *driver;
	double start, result, hop;
} figures[] = {
	{"kvm", 1.5, 0.35, 0.06},
	{"qemu", 1.5, 6.0, 1.0},
};

struct sum {
	unsigned results, skipped, controls, hops;
};

/* One line for each result, or why it will not fly. */
static void list(const struct setup *s, const struct plan *plan, struct sum *sum)
{
	const struct options *o = s->o;
	const struct driver *driver = strcmp(o->driver, "kvm") ? &qemu_driver : &kvm_driver;

	for (unsigned i = 0; i < plan->count; i++) {
		const struct plan_item *item = &plan->item[i];
		const unsigned hops = setup_hops(s, item->scenario);
		auto_free char *name = plan_name(o, item);
		const char *lack = options_lack(o, item->scenario, driver);

		if (!lack && !item->control)
			lack = method_lacks(driver, item->method);
		if (lack) {
			sum->skipped++;
			printf("%-40s SKIP %s\n", name, lack);
			continue;
		}
		sum->results++;
		sum->controls += item->control;
		sum->hops += hops;
		printf("%-40s %u hop%s%s\n", name, hops, hops == 1 ? "" : "s",
		       item->control ? " without snapshots" : "");
	}
}

static void estimate(const struct setup *s, const struct sum *sum, unsigned runs)
{
	const struct figure *f = table_find(figures, driver, s->o->driver);
	const unsigned jobs = s->o->jobs ? s->o->jobs : 1;
	auto_buf struct buf text = {0};
	char words[40];

	if (!s->lab || s->o->guest.file || s->o->command != CMD_RUN) {
		printf("# no estimate of the time: none was measured %s\n",
		       s->lab ? "of this guest" : "here");
		return;
	}
	screen_time((int64_t)((runs * (f->start + sum->results * f->result + sum->hops * f->hop) /
			       jobs) *
			      1e9),
		    words, sizeof(words));
	buf_printf(&text,
		   "about %s of wall time in %u lab%s: an estimate, from %.1f s for a result and "
		   "%.2f s for a hop "
		   "as measured on two cores; to build a lab that is not there yet takes "
		   "minutes more",
		   words, jobs, jobs == 1 ? "" : "s", f->result, f->hop);
	print_wrapped(stdout, "# ", text.p);
}

int dry_run(const struct options *o)
{
	struct setup s = {.o = o};
	auto_by(plan_free) struct plan plan = {0};
	struct variant variants[VARIANTS_MAX];
	struct sum sum = {0};
	struct err e = {0};
	int runs = has_variants(o) ? variants_make(o, variants, &e) : 1;

	if (runs < 0)
		return give_up(e.text);
	if (!strcmp(o->accel, "kvm"))
		setup_where(&s);
	plan_make(&plan, o);
	list(&s, &plan, &sum);
	printf("# nothing was flown. That would be %u results, %u of them controls, with driver %s "
	       "%s",
	       sum.results, sum.controls, o->driver,
	       s.lab ? "in the lab" : "with this machine's KVM");
	if (has_variants(o))
		printf(", %d times:", runs);
	for (int i = 0; has_variants(o) && i < runs; i++)
		printf(" %s", variants[i].name);
	printf("\n");
	if (has_variants(o))
		variants_free(variants, runs);
	if (sum.skipped)
		printf("# %u would be skipped, and what the CPU lacks shows only then\n",
		       sum.skipped);
	estimate(&s, &sum, (unsigned)runs);
	return 0;
}
