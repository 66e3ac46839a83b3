// SPDX-License-Identifier: BSD-2-Clause
// What changed between two decoded states; what a file or two of them say, by its bytes.
#include "host/inspect/inspect_parts.h"

#include "host/base/cleanup.h"
#include "host/snapshot/oracle.h"
#include "host/l1/page_names.h"
#include "host/l1/protocol.h"
#include "host/snapshot/saved_state.h"
#include "host/snapshot/vmcs12.h"

#include <inttypes.h>
#include <linux/kvm.h>
#include <string.h>

#define RANGES_MAX 12 /* ranges of pages that are told one by one */

struct diff {
	const struct inspected *a, *b;
	struct snapshot before, after; /* of one vCPU */
	const char *prefix;	       /* of names: "" or "vcpu1." */
	int found;
	struct buf skipped; /* what was not compared */
	unsigned msrs;	    /* how many of these */
	struct buf *text;
};

static void skip(struct diff *d, const char *name)
{
	buf_printf(&d->skipped, "%s%s%s", d->skipped.len ? ", " : "", d->prefix, name);
}

/* ---- values ------------------------------------------------------------------------------- */

/* vmcs12 has no section of its own to people. */
static const char *people_name(const char *field)
{
	return strstr(field, "vmcs12.") ? strchr(field, '.') + 1 : field;
}

static void value_text(struct buf *b, enum kind kind, const uint8_t *p, size_t size,
		       const uint8_t *vmcs12)
{
	auto_buf struct buf list = {0};

	if (size > 8) {
		for (size_t i = size; i--;)
			buf_printf(b, "%02x", p[i]);
		return;
	}
	buf_printf(b, "0x%" PRIx64, oracle_number(p, size));
	words(&list, kind, oracle_number(p, size), vmcs12);
	if (list.len)
		buf_printf(b, " (%s)", list.p);
}

static void differs(struct diff *d, const char *field, const uint8_t *before, const uint8_t *after,
		    size_t size, const uint8_t *vmcs12[2])
{
	auto_buf struct buf changed = {0};
	bool shown;
	enum kind kind = inspect_kind(field, &shown);

	d->found++;
	buf_printf(d->text, "%s%s: ", d->prefix, people_name(field));
	if (size <= 8 && words_changed(&changed, kind, oracle_number(before, size),
				       oracle_number(after, size))) {
		buf_printf(d->text, "0x%" PRIx64 " -> 0x%" PRIx64 " (%s)\n",
			   oracle_number(before, size), oracle_number(after, size),
			   buf_text(&changed));
	} else {
		value_text(d->text, kind, before, size, vmcs12[0]);
		buf_printf(d->text, " -> ");
		value_text(d->text, kind, after, size, vmcs12[1]);
		buf_printf(d->text, "\n");
	}
}

static void vectors_differ(struct diff *d, const char *name, const uint8_t *before,
			   const uint8_t *after, unsigned stride)
{
	if (words_same_vectors(before, after, stride))
		return;
	d->found++;
	buf_printf(d->text, "%s%s: ", d->prefix, name);
	words_vectors_changed(d->text, before, after, stride);
	buf_printf(d->text, "\n");
}

/* ---- sections ----------------------------------------------------------------------------- */

static void compare_lapic(struct diff *d)
{
	const size_t len = sizeof(struct kvm_lapic_state);
	const uint8_t *before = snapshot_data(&d->before, "LAPIC", len);
	const uint8_t *after = snapshot_data(&d->after, "LAPIC", len);

	if (!before || !after)
		return;
	vectors_differ(d, "LAPIC.ISR", before + VAPIC_ISR, after + VAPIC_ISR, APIC_STRIDE);
	vectors_differ(d, "LAPIC.TMR", before + VAPIC_TMR, after + VAPIC_TMR, APIC_STRIDE);
	vectors_differ(d, "LAPIC.IRR", before + VAPIC_IRR, after + VAPIC_IRR, APIC_STRIDE);
}

static void length_differs(struct diff *d, const struct snapshot_section *before,
			   const struct snapshot_section *after)
{
	if (before->len == after->len)
		return;
	d->found++;
	buf_printf(d->text, "%s%s: %zu bytes -> %zu bytes\n", d->prefix, before->name, before->len,
		   after->len);
}

static void compare_bytes(struct diff *d, const struct snapshot_section *before,
			  const struct snapshot_section *after)
{
	const uint8_t *vmcs12[2] = {vmcs12_of(&d->before, NULL), vmcs12_of(&d->after, NULL)};
	size_t len = before->len < after->len ? before->len : after->len;
	const uint8_t *b = before->data, *a = after->data;
	struct oracle_place p;

	length_differs(d, before, after);
	for (size_t at = 0; at < len; at = p.from + p.size) {
		size_t size;

		while (at < len && b[at] == a[at])
			at++;
		if (at == len)
			break;
		oracle_place(before->name, at, &p);
		size = p.from + p.size <= len ? p.size : len - p.from;
		if (inspect_is_vectors(p.name) || inspect_lacks(d->a, p.name) ||
		    inspect_lacks(d->b, p.name))
			continue;
		differs(d, p.name, b + p.from, a + p.from, size, vmcs12);
	}
}

/* What is for readers of the file; its bytes have no names. */
static bool is_opaque(const char *name)
{
	return word_in("SERIAL_LOG FLIGHT UART FW_CFG IRQ_LINES", ' ', name);
}

static void compare_opaque(struct diff *d, const struct snapshot_section *before,
			   const struct snapshot_section *after)
{
	length_differs(d, before, after);
	if (before->len != after->len || !memcmp(before->data, after->data, before->len))
		return;
	d->found++;
	buf_printf(d->text, "%s%s: other contents\n", d->prefix, before->name);
}

/* ---- lists with keys ---------------------------------------------------------------------- */

/* Those that only one of them has; the same formats should have the same. */
static void only_in(struct diff *d, const char *name, const char *which)
{
	if (d->a->format != d->b->format && !strncmp(name, "MSRS.", 5)) {
		d->msrs++;
	} else if (d->a->format != d->b->format) {
		skip(d, name);
	} else {
		d->found++;
		buf_printf(d->text, "%s%s: only in the %s\n", d->prefix, name, which);
	}
}

static void compare_msrs(struct diff *d, const struct snapshot_section *before,
			 const struct snapshot *after, bool reversed)
{
	static const uint8_t *none[2];
	const struct kvm_msr_entry *entry = before->data;
	char name[64], field[ORACLE_FIELD_MAX];

	for (size_t n = before->len / sizeof(*entry); n--; entry++) {
		const struct kvm_msr_entry *other = saved_msr(after, entry->index);

		snprintf(field, sizeof(field), "MSRS.%s",
			 msr_name(entry->index, name, sizeof(name)));
		if (!other)
			only_in(d, field, reversed ? "second" : "first");
		else if (!reversed && other->data != entry->data)
			differs(d, field, (const uint8_t *)&entry->data,
				(const uint8_t *)&other->data, sizeof(entry->data), none);
	}
}

static const struct kvm_cpuid_entry2 *find_leaf(const struct snapshot_section *section,
						uint32_t function, uint32_t index)
{
	const struct kvm_cpuid_entry2 *entry = section->data;

	for (size_t n = section->len / sizeof(*entry); n--; entry++)
		if (entry->function == function && entry->index == index)
			return entry;
	return NULL;
}

static void compare_cpuid(struct diff *d, const struct snapshot_section *before,
			  const struct snapshot_section *after, bool reversed)
{
	static const char *const registers[] = {"flags", "eax", "ebx", "ecx", "edx"};
	static const uint8_t *none[2];
	const struct kvm_cpuid_entry2 *entry = before->data;
	char field[ORACLE_FIELD_MAX];

	for (size_t n = before->len / sizeof(*entry); n--; entry++) {
		const struct kvm_cpuid_entry2 *other =
			find_leaf(after, entry->function, entry->index);

		snprintf(field, sizeof(field), "CPUID2.0x%x.0x%x", entry->function, entry->index);
		if (!other)
			only_in(d, field, reversed ? "second" : "first");
		for (unsigned i = 0; other && !reversed && i < ARRAY_SIZE(registers); i++) {
			const uint8_t *b = (const uint8_t *)&entry->flags + i * 4;
			const uint8_t *a = (const uint8_t *)&other->flags + i * 4;

			snprintf(field, sizeof(field), "CPUID2.0x%x.0x%x.%s", entry->function,
				 entry->index, registers[i]);
			if (memcmp(b, a, 4))
				differs(d, field, b, a, 4, none);
		}
	}
}

static void compare_section(struct diff *d, const struct snapshot_section *before,
			    const struct snapshot_section *after)
{
	if (!strcmp(before->name, "MSRS")) {
		compare_msrs(d, before, &d->after, false);
		compare_msrs(d, after, &d->before, true);
	} else if (!strcmp(before->name, "CPUID2")) {
		compare_cpuid(d, before, after, false);
		compare_cpuid(d, after, before, true);
	} else if (is_opaque(before->name)) {
		compare_opaque(d, before, after);
	} else {
		compare_bytes(d, before, after);
		if (!strcmp(before->name, "LAPIC"))
			compare_lapic(d);
	}
}

static void compare_vcpu(struct diff *d)
{
	for (unsigned i = 0; i < d->before.sections; i++) {
		const struct snapshot_section *section = &d->before.section[i];
		const struct snapshot_section *other = snapshot_find(&d->after, section->name);

		if (inspect_superseded(&d->before, section->name) &&
		    snapshot_find(&d->after, "SREGS2"))
			continue;
		if (other)
			compare_section(d, section, other);
		else
			only_in(d, section->name, "first");
	}
	for (unsigned i = 0; i < d->after.sections; i++) {
		const char *name = d->after.section[i].name;

		if (!snapshot_find(&d->before, name) &&
		    !(inspect_superseded(&d->after, name) && snapshot_find(&d->before, "SREGS2")))
			only_in(d, name, "second");
	}
}

/* ---- memory ------------------------------------------------------------------------------- */

static void page_event(void *arg, const struct line *line)
{
	uint64_t gpa, pages;
	const char *name;

	if (line->kind != LINE_EVENT || strcmp(line->event.name, "page"))
		return;
	name = event_get(&line->event, "name");
	if (name && event_u64(&line->event, "gpa", &gpa) &&
	    event_u64(&line->event, "pages", &pages))
		page_names_add(arg, name, gpa, pages);
}

/* What L1 said of its pages, where the file has its log, and above it what vmcs12 says. */
static void name_pages(const struct snapshot *s, struct page_names *names)
{
	const struct snapshot_section *log = snapshot_find(s, "SERIAL_LOG");
	auto_free struct assembler *lines = xcalloc(1, sizeof(*lines));

	lines->on_line = page_event;
	lines->arg = names;
	if (log)
		assembler_feed(lines, log->data, log->len);
	assembler_end(lines);
	for (unsigned cpu = 0; cpu < kvm_vcpus_saved(s); cpu++) {
		struct snapshot part = kvm_vcpu_part(s, cpu);
		uint64_t gpa;

		for (unsigned i = inspect_page_count; i--;)
			if (inspect_page_address(&part, &inspect_pages[i], &gpa))
				page_names_add(names, inspect_pages[i].name, gpa, 1);
		kvm_vcpu_part_free(&part);
	}
}

static void number_differs(struct diff *d, const char *name, uint64_t before, uint64_t after)
{
	if (before == after)
		return;
	d->found++;
	buf_printf(d->text, "%s: 0x%" PRIx64 " -> 0x%" PRIx64 "\n", name, before, after);
}

static void compare_virtual_apic(struct diff *d, const uint8_t *before, const uint8_t *after)
{
	number_differs(d, "virtual-APIC page.VTPR", oracle_number(before + VAPIC_TPR, 4),
		       oracle_number(after + VAPIC_TPR, 4));
	number_differs(d, "virtual-APIC page.VPPR", oracle_number(before + VAPIC_PPR, 4),
		       oracle_number(after + VAPIC_PPR, 4));
	vectors_differ(d, "virtual-APIC page.VIRR", before + VAPIC_IRR, after + VAPIC_IRR,
		       APIC_STRIDE);
	vectors_differ(d, "virtual-APIC page.VISR", before + VAPIC_ISR, after + VAPIC_ISR,
		       APIC_STRIDE);
}

static void compare_descriptor(struct diff *d, const uint8_t *before, const uint8_t *after)
{
	vectors_differ(d, "posted-interrupt descriptor.PIR", before, after, PI_STRIDE);
	number_differs(d, "posted-interrupt descriptor.ON", before[PI_CONTROL] & 1,
		       after[PI_CONTROL] & 1);
	number_differs(d, "posted-interrupt descriptor.SN", before[PI_CONTROL] >> 1 & 1,
		       after[PI_CONTROL] >> 1 & 1);
	number_differs(d, "posted-interrupt descriptor.NV", before[PI_NV], after[PI_NV]);
	number_differs(d, "posted-interrupt descriptor.NDST", oracle_number(before + PI_NDST, 4),
		       oracle_number(after + PI_NDST, 4));
}

/* The two of which the contents are told, wherever each of the two states has them. */
static void compare_known_pages(struct diff *d)
{
	for (unsigned i = PAGE_VIRTUAL_APIC; i <= PAGE_PI_DESCRIPTOR; i++) {
		size_t len = i == PAGE_VIRTUAL_APIC ? SNAPSHOT_PAGE : PI_LEN;
		const uint8_t *before = NULL, *after = NULL;
		uint64_t gpa;

		if (inspect_page_address(&d->before, &inspect_pages[i], &gpa))
			before = inspect_memory(&d->before, gpa, len);
		if (inspect_page_address(&d->after, &inspect_pages[i], &gpa))
			after = inspect_memory(&d->after, gpa, len);
		if (!before || !after)
			continue;
		if (i == PAGE_VIRTUAL_APIC)
			compare_virtual_apic(d, before, after);
		else
			compare_descriptor(d, before, after);
	}
}

/* Pages of one name that differ. */
struct group {
	char name[64];
	uint64_t pages, ranges;
	uint64_t from, to; /* page numbers of the last range; @to is behind it */
	struct buf list;
};

static struct group *group_of(struct group **groups, unsigned *count, const char *name)
{
	struct group *g;

	for (unsigned i = 0; i < *count; i++)
		if (!strcmp((*groups)[i].name, name))
			return &(*groups)[i];
	*groups = xrealloc(*groups, (*count + 1) * sizeof(**groups));
	g = &(*groups)[(*count)++];
	memset(g, 0, sizeof(*g));
	snprintf(g->name, sizeof(g->name), "%s", name);
	return g;
}

/* Tells the last range. */
static void group_flush(struct group *g)
{
	g->ranges++;
	if (g->ranges > RANGES_MAX + 1)
		return;
	buf_printf(&g->list, "%s", g->list.len ? ", " : "");
	if (g->ranges > RANGES_MAX)
		buf_printf(&g->list, "...");
	else if (g->to == g->from + 1)
		buf_printf(&g->list, "0x%" PRIx64, g->from * SNAPSHOT_PAGE);
	else
		buf_printf(&g->list, "0x%" PRIx64 "-0x%" PRIx64, g->from * SNAPSHOT_PAGE,
			   g->to * SNAPSHOT_PAGE - 1);
}

static void group_add(struct group *g, uint64_t page)
{
	if (g->pages && page != g->to)
		group_flush(g);
	if (!g->pages++ || page != g->to)
		g->from = page;
	g->to = page + 1;
}

static void print_groups(struct diff *d, struct group *groups, unsigned count, uint64_t all)
{
	if (!all)
		return;
	buf_printf(d->text, "guest memory: %" PRIu64 " pages differ\n", all);
	for (unsigned i = 0; i < count; i++) {
		group_flush(&groups[i]);
		buf_printf(d->text, "guest memory, %s: %" PRIu64 " page%s (%s)\n", groups[i].name,
			   groups[i].pages, groups[i].pages == 1 ? "" : "s",
			   buf_text(&groups[i].list));
	}
	d->found += (int)count;
}

static void compare_memory(struct diff *d)
{
	const struct snapshot *before = &d->a->s, *after = &d->b->s;
	struct page_names names = {0};
	auto_free struct group *groups = NULL;
	unsigned count = 0;
	uint64_t all = 0;

	if (before->memory_size != after->memory_size) {
		skip(d, before->memory_size && after->memory_size
				? "guest memory (its sizes differ)"
				: "guest memory (only one has it)");
		return;
	}
	name_pages(after, &names);
	name_pages(before, &names);
	for (uint64_t gpa = 0; gpa < before->memory_size; gpa += SNAPSHOT_PAGE) {
		const uint8_t *b = snapshot_page(before, gpa), *a = snapshot_page(after, gpa);

		if (a == b || !memcmp(a, b, SNAPSHOT_PAGE))
			continue;
		all++;
		group_add(group_of(&groups, &count, page_names_find(&names, gpa)),
			  gpa / SNAPSHOT_PAGE);
	}
	print_groups(d, groups, count, all);
	for (unsigned i = 0; i < count; i++)
		buf_free(&groups[i].list);
	page_names_free(&names);
}

/* ---- all ---------------------------------------------------------------------------------- */

int inspect_diff(const struct inspected *a, const struct inspected *b, struct buf *text)
{
	struct diff d = {.a = a, .b = b, .text = text};
	unsigned before = kvm_vcpus_saved(&a->s), after = kvm_vcpus_saved(&b->s);

	if (before != after) {
		d.found++;
		buf_printf(text, "vCPUs: %u -> %u\n", before, after);
	}
	for (unsigned cpu = 0; cpu < before && cpu < after; cpu++) {
		d.prefix = cpu ? "vcpu1." : "";
		d.before = kvm_vcpu_part(&a->s, cpu);
		d.after = kvm_vcpu_part(&b->s, cpu);
		compare_vcpu(&d);
		compare_known_pages(&d);
		kvm_vcpu_part_free(&d.before);
		kvm_vcpu_part_free(&d.after);
	}
	d.prefix = "";
	compare_memory(&d);
	if (a->format != b->format)
		buf_printf(text, "the first is a %s, the second a %s: compared is what both have\n",
			   inspect_format_name(a->format), inspect_format_name(b->format));
	if (d.msrs)
		buf_printf(&d.skipped, "%s%u MSRs", d.skipped.len ? ", " : "", d.msrs);
	if (a->format != b->format && (a->format == INSPECT_QEMU || b->format == INSPECT_QEMU)) {
		buf_printf(&d.skipped, "%s", d.skipped.len ? ", " : "");
		inspect_qemu_lacking(&d.skipped);
	}
	if (d.skipped.len)
		buf_printf(text, "not compared: %s\n", d.skipped.p);
	buf_free(&d.skipped);
	return d.found;
}

/* ---- files -------------------------------------------------------------------------------- */

void inspect_snapshot(const struct buf *file, bool brief, struct buf *text)
{
	struct inspected i = {0};
	struct err e = {0};

	if (inspect_load(&i, file, &e))
		buf_printf(text, "cannot be decoded: %s\n", e.text);
	else if (brief)
		inspect_brief(&i, text);
	else
		inspect_print(&i, false, text);
	inspect_free(&i);
}

int inspect_compare(const struct buf *a, const struct buf *b, struct buf *text)
{
	struct inspected ia = {0}, ib = {0};
	struct err e = {0};
	int ret = -1;

	if (inspect_load(&ia, a, &e))
		buf_printf(text, "the first cannot be decoded: %s\n", e.text);
	else if (inspect_load(&ib, b, &e))
		buf_printf(text, "the second cannot be decoded: %s\n", e.text);
	else
		ret = inspect_diff(&ia, &ib, text);
	inspect_free(&ia);
	inspect_free(&ib);
	return ret;
}
