// SPDX-License-Identifier: BSD-2-Clause
// The flights of `fuzz --bare` under KVM: programs and their traces, for L1's module.
#include "host/base/cleanup.h"
#include "host/base/json.h"
#include "host/base/signals.h"
#include "host/flight/known.h"
#include "host/fuzz/bare_parts.h"
#include "host/fuzz/fuzz.h"
#include "host/report/fuzz_json.h"
#include "host/report/schemas.h"

#include <stdlib.h>
#include <midflight_version.h>

#define CHANGED_MAX 1024 /* programs that are kept to be changed */

struct kvm_flights {
	struct options *o;
	struct fuzz_vm vm;
	struct program_module head;
	struct buf records;
	struct fuzz_compared compared;
	unsigned flown, no_end, not_exact;
	struct program_lists kept[CHANGED_MAX];
	unsigned kepts;
};

static void add_record(struct kvm_flights *k, const struct program_lists *p)
{
	const struct program_trace *t = &k->compared.control.trace;
	struct program_record r = {
		.number = k->flown, .exits = t->exits, .words = t->words, .lists = *p};

	k->head.offers = t->offers;
	k->head.count++;
	buf_append(&k->records, &r, sizeof(r));
	buf_append(&k->records, t->word, t->words * sizeof(t->word[0]));
}

/* Why @p cannot be compared, or NULL. */
static const char *fly(struct kvm_flights *k, const struct program_lists *p)
{
	k->flown++;
	switch (fuzz_controls(&k->vm, p, true, &k->compared)) {
	case FUZZ_ALIKE:
		add_record(k, p);
		return NULL;
	case FUZZ_INEXACT:
		k->not_exact++;
		return "two flights under KVM differ";
	default:
		k->no_end++;
		return k->compared.control.outcome == FUZZ_STUCK
			       ? "it does not come to its end under KVM"
			       : k->compared.control.text;
	}
}

static int fly_file(struct kvm_flights *k, const char *path)
{
	auto_buf struct buf text = {0};
	struct program_lists p;
	struct err e = {0};
	const char *why;
	unsigned taken;

	if (program_load(&p, ".", path, &text, &e))
		return give_up_on(path, &e);
	taken = bare_prepare(&p);
	why = fly(k, &p);
	if (taken)
		printf("# %s: without %u step%s that only KVM's host or CPU can do\n", path, taken,
		       taken > 1 ? "s" : "");
	if (why)
		printf("ok %u - %s # SKIP %s\n", k->flown, path, why);
	return 0;
}

static void draw(struct kvm_flights *k, struct program_lists *p, uint64_t *random)
{
	if (k->kepts && random_below(random, 2))
		program_change(p, &k->kept[random_below(random, k->kepts)], random);
	else
		program_draw(p, random);
	if (k->kepts < CHANGED_MAX)
		k->kept[k->kepts++] = *p;
	bare_prepare(p);
}

static int write_what_flew(const struct kvm_flights *k, const struct setup *setup, struct err *e)
{
	json_auto_t *top = json_got(json_object());
	auto_free char *path = xasprintf("%s/" FUZZ_FILE, setup->log);
	auto_buf struct buf module = {0};

	json_set(top, "schema", json_text(FUZZ_SCHEMA));
	json_set(top, "version", json_integer(FUZZ_VERSION));
	json_set(top, "midflight", json_text(MIDFLIGHT_VERSION));
	json_set(top, "kernel", json_text(known_kernel()));
	json_set(top, "seed", json_integer((json_int_t)k->o->seed));
	json_set(top, "flown", json_integer(k->flown));
	json_set(top, "not_exact", json_integer(k->not_exact));
	json_set(top, "no_end", json_integer(k->no_end));
	buf_append(&module, &k->head, sizeof(k->head));
	buf_append(&module, k->records.p, k->records.len);
	return json_write(top, path, e) ||
			       write_file(setup->log, BARE_PROGRAMS, module.p, module.len, 0666, e)
		       ? -1
		       : 0;
}

int bare_under_kvm(struct options *o, const struct setup *setup)
{
	auto_free struct kvm_flights *k = xcalloc(1, sizeof(*k));
	uint64_t random = o->seed;
	struct err e = {0};
	int status = 0;

	k->o = o;
	k->head.magic = PROGRAM_MODULE_MAGIC;
	fuzz_vm_init(&k->vm, setup);
	k->vm.sleeps_on = true; /* as on the bare CPU, where there is no host */
	printf("KTAP version 1\n");
	if (fuzz_vm_start(&k->vm, false))
		status = give_up(k->vm.err.text);
	for (unsigned i = 0; !status && i < o->file_count && !signals_pending(); i++)
		status = fly_file(k, o->files[i]);
	for (unsigned i = 0; !status && !o->file_count && i < o->hops && !signals_pending(); i++) {
		struct program_lists p;

		draw(k, &p, &random);
		fly(k, &p);
	}
	printf("# under KVM %s: %u programs, %u without an end, %u not exact\n", known_kernel(),
	       k->flown, k->no_end, k->not_exact);
	if (!status && write_what_flew(k, setup, &e))
		status = give_up(e.text);
	if (!status && !k->head.count)
		status = 4;
	fuzz_vm_end(&k->vm);
	buf_free(&k->records);
	return signals_pending() ? 128 + signals_pending() : status;
}
