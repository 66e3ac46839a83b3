// SPDX-License-Identifier: BSD-2-Clause
// `midflight fuzz --bare`: the traces under KVM and on the bare CPU, and in what they differ.
#include "host/fuzz/bare.h"
#include "host/base/cleanup.h"
#include "host/base/json.h"
#include "host/base/signals.h"
#include "host/cli/paths.h"
#include "host/fuzz/bare_parts.h"
#include "host/fuzz/fuzz.h"
#include "host/fuzz/program.h"
#include "host/fuzz/trace.h"
#include "host/report/fuzz_json.h"
#include "host/report/schemas.h"

#include <stdlib.h>

#define OF_A_KIND 3 /* findings that are flown again and written down */

struct finding {
	char kind[80], why[400];
	const char *known;     /* NULL: it is not */
	unsigned hits, number; /* of the program */
};

struct bare {
	const struct options *o;
	char *log;
	struct buf module;
	struct bare_cpu cpu;
	const struct program_record **records;
	struct finding *finding;
	unsigned findings, alike, not_exact, unknown;
};

/* ---- the module that the flights under KVM have left ----------------------------------------- */

static int read_module(struct bare *b, struct err *e)
{
	const struct program_module *head;
	size_t at = sizeof(*head);

	if (read_file(b->log, BARE_PROGRAMS, &b->module, e))
		return -1;
	head = (const void *)b->module.p;
	if (b->module.len < at || head->magic != PROGRAM_MODULE_MAGIC)
		return err_set(e, BARE_PROGRAMS " is none");
	b->cpu.head = head;
	b->records = xcalloc(head->count + 1, sizeof(*b->records));
	for (unsigned i = 0; i < head->count; i++) {
		const struct program_record *r = (const void *)(b->module.p + at);

		at += sizeof(*r);
		if (at > b->module.len || r->words > ARRAY_SIZE(((struct program_trace *)0)->word))
			return err_set(e, BARE_PROGRAMS " is not whole");
		at += r->words * sizeof(uint64_t);
		b->records[i] = r;
	}
	return at == b->module.len ? 0 : err_set(e, BARE_PROGRAMS " is not whole");
}

/* ---- what differs ---------------------------------------------------------------------------- */

/* Which exit comes is the difference itself: not only the word, but its values make the kind. */
static void name_kind(struct finding *found, const char *name, uint64_t kvm, uint64_t bare)
{
	static const char *const by_value[] = {"entry", "instruction_error", "VM_EXIT_REASON"};
	trace_kind(name, found->kind, sizeof(found->kind));
	for (size_t i = 0; i < ARRAY_SIZE(by_value); i++)
		if (!strcmp(found->kind, by_value[i]))
			snprintf(found->kind, sizeof(found->kind), "%s %#llx, %#llx", by_value[i],
				 (unsigned long long)kvm, (unsigned long long)bare);
}

/*
 * Whether @f is another trace than that of @r; then @found says how. What may differ is made alike
 * in it.
 */
static bool differs(const struct program_record *r, struct bare_flown *f, struct finding *found)
{
	auto_free struct program_trace *kvm = xcalloc(1, sizeof(*kvm));
	char name[64] = "";
	int i;

	bare_expected(r, kvm);
	found->number = r->number;
	found->hits = 1;
	if (!f->ended) {
		snprintf(found->why, sizeof(found->why), "no end without KVM: %.300s", f->text);
		found->known = bare_known(r, kvm, NULL, 0);
		snprintf(found->kind, sizeof(found->kind), "%s", found->known ?: "no end");
		return true;
	}
	while ((i = trace_differs(kvm, &f->trace)) >= 0) {
		const bool both = (unsigned)i < kvm->words && (unsigned)i < f->trace.words;

		trace_name((unsigned)i < kvm->words ? kvm : &f->trace, (unsigned)i, name,
			   sizeof(name));
		if (!both || !bare_may_differ(name))
			break;
		f->trace.word[i] = kvm->word[i];
	}
	if (i < 0)
		return false;
	snprintf(found->why, sizeof(found->why), "%s: under KVM %#llx, without %#llx", name,
		 (unsigned long long)kvm->word[i], (unsigned long long)f->trace.word[i]);
	name_kind(found, name, kvm->word[i], f->trace.word[i]);
	found->known = bare_known(r, kvm, &f->trace, (unsigned)i);
	if (found->known)
		snprintf(found->kind, sizeof(found->kind), "%s", found->known);
	return true;
}

static int write_finding(const struct bare *b, const struct program_record *r,
			 const struct bare_flown *f, const struct finding *found, struct err *e)
{
	auto_free struct program_trace *kvm = xcalloc(1, sizeof(*kvm));
	auto_buf struct buf program = {0}, traces = {0};

	bare_expected(r, kvm);
	buf_printf(&program, "# bare: %s\n", found->why);
	program_print(&r->lists, &program);
	buf_printf(&traces, "%s\n\n", found->why);
	trace_print_as(kvm, f->ended ? &f->trace : kvm, "under KVM", "without", &traces);
	return finding_write_texts(b->log, found->number, &program, &traces, e);
}

/* Whether there are enough of @kind: then the first of them counts one more. */
static bool counted(struct bare *b, const char *kind)
{
	struct finding *first = NULL;
	unsigned n = 0;

	for (unsigned i = b->findings; i-- > 0;)
		if (!strcmp(b->finding[i].kind, kind)) {
			first = &b->finding[i];
			n++;
		}
	if (n < OF_A_KIND || b->o->file_count)
		return false;
	first->hits++;
	return true;
}

/* Program @r, which flew alike, or differs as @found says. 0, or -1 with @e filled. */
static int tell(struct bare *b, const struct program_record *r, const struct bare_flown *f,
		const struct finding *found, struct err *e)
{
	const bool file = b->o->file_count;
	const char *path = file ? b->o->files[r->number - 1] : "program";
	auto_free char *name = file ? xstrdup(path) : xasprintf("program-%u", r->number);

	if (!found) {
		b->alike++;
		if (file)
			printf("ok %u - %s\n", r->number, name);
		return 0;
	}
	printf("not ok %u - %s # %s%s\n", r->number, name, found->known ? "TODO known " : "FAIL ",
	       found->known ?: found->why);
	b->unknown += !found->known;
	b->finding = xrealloc(b->finding, (b->findings + 1) * sizeof(*b->finding));
	b->finding[b->findings++] = *found;
	return write_finding(b, r, f, found, e);
}

/* @r differs behind other programs: flies it alone, right behind the start. */
static int again(struct bare *b, const struct program_record *r, const char *why, struct err *e)
{
	auto_free struct bare_flown *f = xcalloc(1, sizeof(*f));
	struct finding found = {0};

	if (bare_fly(&b->cpu, &r, 1, f, e))
		return -1;
	if (differs(r, f, &found))
		return tell(b, r, f, &found, e);
	b->not_exact++;
	printf("# program %u differs only behind others: %s\n", r->number, why);
	return 0;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int write_found(const struct bare *b, struct err *e)
{
	auto_free char *path = xasprintf("%s/" FUZZ_FILE, b->log);
	json_auto_t *top = json_read(path, FUZZ_SCHEMA, FUZZ_VERSION, e);
	json_t *list = json_got(json_array());

	if (!top)
		return -1;
	for (unsigned i = 0; i < b->findings; i++)
		json_append(list,
			    json_pack("{s:s, s:s, s:i, s:i}", "kind", b->finding[i].kind, "why",
				      b->finding[i].why, "program", (int)b->finding[i].number,
				      "hits", (int)b->finding[i].hits));
	json_set(top, "alike", json_integer(b->alike));
	json_set(top, "not_exact_bare", json_integer(b->not_exact));
	json_set(top, "findings", list);
	return json_write(top, path, e);
}

static int compare_all(struct bare *b, struct err *e)
{
	const unsigned count = b->cpu.head->count;
	auto_free struct bare_flown *flown = xcalloc(count, sizeof(*flown));
	unsigned hits = 0, known = 0;

	if (bare_fly(&b->cpu, b->records, count, flown, e))
		return -1;
	for (unsigned i = 0; i < count; i++) {
		struct finding found = {0};

		if (!differs(b->records[i], &flown[i], &found)) {
			tell(b, b->records[i], &flown[i], NULL, e);
			continue;
		}
		if (!counted(b, found.kind) && again(b, b->records[i], found.why, e))
			return -1;
	}
	for (unsigned i = 0; i < b->findings; i++) {
		hits += b->finding[i].hits;
		known += b->finding[i].known ? b->finding[i].hits : 0;
	}
	printf("# without KVM: %u alike, %u not, %u of them known, %u only behind "
	       "others\n",
	       b->alike, hits, known, b->not_exact);
	for (unsigned i = 0; i < b->findings; i++)
		if (b->finding[i].hits > 1)
			printf("# %u like program-%u: %s\n", b->finding[i].hits,
			       b->finding[i].number, b->finding[i].kind);
	return write_found(b, e);
}

static int without_kvm(struct options *o)
{
	auto_free char *log = o->log ? xstrdup(o->log) : default_log(executable_dir());
	struct err e = {0};
	auto_free char *image = image_path(executable_dir(), o->image, &e);
	struct bare b = {.o = o,
			 .log = realpath(log, NULL),
			 .cpu = {.image = image, .timeout_ns = o->timeout_s * 1000 * NS_PER_MS}};
	int ret = -1;

	b.cpu.log = b.log;
	if (image && !read_module(&b, &e))
		ret = compare_all(&b, &e);
	ret = signals_pending()	     ? 128 + signals_pending()
	      : ret		     ? give_up(e.text)
	      : b.unknown	     ? 1
	      : b.alike + b.findings ? 0
				     : 4;
	free(b.log);
	free(b.records);
	free(b.finding);
	buf_free(&b.module);
	return ret;
}

int cmd_fuzz_bare(struct options *o)
{
	static const struct left left = {FUZZ_FILE, "what was flown", FUZZ_SCHEMA, FUZZ_VERSION,
					 NULL};
	const bool inside = o->shown_log != NULL;
	int status;

	if (!o->file_count && !o->hops_given)
		return give_up("fuzz --bare needs FILEs, or --loops N");
	if (o->control || o->breakage || o->enlightened)
		return give_up("fuzz --bare freezes nothing, and has no Hyper-V: no --control, "
			       "--break, --enlightened");
	status = fly_into_log(o, &left, bare_under_kvm);
	return status || inside ? status : without_kvm(o);
}
