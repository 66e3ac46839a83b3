// SPDX-License-Identifier: BSD-2-Clause
// Compares saves of the same state field by field. kvm_oracles.c makes such saves.
#include "host/snapshot/oracle.h"
#include "host/snapshot/saved_state.h"
#include "host/snapshot/vmcs12.h"

#include <linux/kvm.h>
#include <stdarg.h>
#include <string.h>

#define WALL_CLOCK 12 /* bytes of struct pvclock_wall_clock */
#define TSC_LIMIT  60 /* seconds by which IA32_TSC may be ahead after a restore */
#define WORD	   8  /* bytes told at once of what has no name */

enum {
	LAPIC_IRR = 0x200,
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_INITIAL_COUNT = 0x380,
	LAPIC_CURRENT_COUNT = 0x390,
};

enum { LVT_ONE_SHOT, LVT_PERIODIC, LVT_TSC_DEADLINE };

struct irqchips { /* section IRQCHIP */
	struct kvm_irqchip master, slave, ioapic;
};

static const struct field {
	const char *section, *name;
	uint16_t offset, size, count, stride;
} fields[] = {
#define F(section, type, member) \
	{#section, #member, offsetof(type, member), sizeof(((type *)0)->member), 1, 0},
#define A(section, name, offset, size, count, stride) {#section, name, offset, size, count, stride},
#include "host/snapshot/oracle.def"
};

struct comparison {
	const char *oracle;
	const struct snapshot *before, *after;
	struct oracle_report *report;
};

void oracle_add(struct oracle_report *report, const char *oracle, const char *field,
		const char *format, ...)
{
	struct oracle_finding *f = &report->finding[report->findings];
	va_list args;

	if (report->findings == ORACLE_FINDINGS_MAX) {
		report->more++;
		return;
	}
	report->findings++;
	f->oracle = oracle;
	snprintf(f->field, sizeof(f->field), "%s", field);
	va_start(args, format);
	vsnprintf(f->text, sizeof(f->text), format, args);
	va_end(args);
}

/* ---- what may differ ---------------------------------------------------------------------- */

uint64_t oracle_number(const uint8_t *p, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, p, size < sizeof(value) ? size : sizeof(value));
	return value;
}

bool oracle_matches(const char *pattern, const char *name)
{
	for (; *pattern && *pattern == *name; pattern++, name++)
		if (*pattern == '[' && pattern[1] == ']')
			name += strspn(name + 1, "0123456789");
	return *pattern == *name;
}

static uint32_t lapic_of(const struct snapshot *s, size_t offset)
{
	const uint8_t *lapic = snapshot_data(s, "LAPIC", offset + 4);

	return lapic ? (uint32_t)oracle_number(lapic + offset, 4) : 0;
}

/* A field of @c that differs, or a section that is on one side only (NULL). */
struct difference {
	const struct comparison *c;
	const uint8_t *before, *after;
	size_t size;
};

static bool always(const struct difference *d)
{
	(void)d;
	return true;
}

static bool forward(const struct difference *d)
{
	return oracle_number(d->after, d->size) > oracle_number(d->before, d->size);
}

/* Forward, and not as if the new VM's own TSC shone through. */
static bool tsc(const struct difference *d)
{
	const struct snapshot_section *khz = snapshot_find(d->c->before, "TSC_KHZ");
	uint64_t ahead = oracle_number(d->after, d->size) - oracle_number(d->before, d->size);

	return forward(d) && khz && khz->len == sizeof(uint32_t) &&
	       ahead < oracle_number(khz->data, khz->len) * 1000 * TSC_LIMIT;
}

static bool backward(const struct difference *d)
{
	return oracle_number(d->after, d->size) < oracle_number(d->before, d->size);
}

static unsigned timer_mode(const struct comparison *c)
{
	return lapic_of(c->before, LAPIC_LVT_TIMER) >> 17 & 3;
}

static bool timer_count(const struct difference *d)
{
	return timer_mode(d->c) == LVT_PERIODIC || backward(d);
}

/* Whether L1's local APIC timer was armed, and its time came between the two saves. */
static bool timer_expired(const struct comparison *c)
{
	const struct kvm_msr_entry *deadline = saved_msr(c->before, HOST_MSR_IA32_TSC_DEADLINE);
	const struct kvm_msr_entry *now = saved_msr(c->after, HOST_MSR_IA32_TSC);

	if (timer_mode(c) == LVT_TSC_DEADLINE)
		return deadline && deadline->data && now && now->data >= deadline->data;
	return lapic_of(c->before, LAPIC_CURRENT_COUNT) &&
	       (timer_mode(c) == LVT_PERIODIC || !lapic_of(c->after, LAPIC_CURRENT_COUNT));
}

static bool deadline(const struct difference *d)
{
	return timer_expired(d->c) && !oracle_number(d->after, d->size);
}

/* Nothing but the timer's own vector is new. */
static bool timer_irr(const struct difference *d)
{
	const uint8_t *lapic = snapshot_data(d->c->before, "LAPIC", 0);
	size_t at = (size_t)(d->before - lapic);
	uint32_t vector = lapic_of(d->c->before, LAPIC_LVT_TIMER) & 0xff;

	return timer_expired(d->c) && (at - LAPIC_IRR) / 16 == vector / 32 &&
	       oracle_number(d->after, d->size) ==
		       (oracle_number(d->before, d->size) | (uint64_t)1 << vector % 32);
}

static const struct {
	const char *name;
	bool (*rule)(const struct difference *d);
} mays[] = {
#define MAY(name, rule, why) {name, rule},
#include "host/snapshot/oracle_may.def"
#undef MAY
};

static bool exempt(const struct comparison *c, const char *name, const uint8_t *before,
		   const uint8_t *after, size_t size)
{
	const struct difference d = {c, before, after, size};

	for (unsigned i = 0; i < ARRAY_SIZE(mays); i++)
		if (oracle_matches(mays[i].name, name))
			return mays[i].rule(&d);
	return false;
}

static void value_text(const uint8_t *p, size_t size, char *text, size_t room)
{
	size_t len = 0;

	if (size <= sizeof(uint64_t)) {
		snprintf(text, room, "0x%llx", (unsigned long long)oracle_number(p, size));
		return;
	}
	for (size_t i = 0; i < size; i++)
		len += (size_t)snprintf(text + len, room - len, "%02x", p[i]);
}

static void differs(const struct comparison *c, const char *name, const uint8_t *before,
		    const uint8_t *after, size_t size)
{
	char b[64], a[64];

	if (!memcmp(before, after, size) || exempt(c, name, before, after, size))
		return;
	value_text(before, size, b, sizeof(b));
	value_text(after, size, a, sizeof(a));
	oracle_add(c->report, c->oracle, name, "expected %s, found %s", b, a);
}

/* ---- sections ----------------------------------------------------------------------------- */

/* The field of a vmcs12 that has byte @at, or NULL. A dump asks of each byte. */
static const struct vmcs12_field *vmcs12_field_at(size_t at)
{
	static uint16_t
		behind[KVM_STATE_NESTED_VMX_VMCS_SIZE]; /* 0: none, else its number plus one */
	static bool filled;
	unsigned count;
	const struct vmcs12_field *f = vmcs12_fields(&count);

	for (unsigned i = 0; !filled && i < count; i++)
		for (unsigned byte = 0; byte < f[i].size; byte++)
			behind[f[i].offset + byte] = (uint16_t)(i + 1);
	filled = true;
	return at < sizeof(behind) / sizeof(behind[0]) && behind[at] ? &f[behind[at] - 1] : NULL;
}

/* The vmcs12s behind the header of NESTED_STATE. */
static bool place_in_vmcs12(size_t at, struct oracle_place *p)
{
	size_t base = sizeof(struct kvm_nested_state);
	const char *which = "vmcs12";
	const struct vmcs12_field *f;

	if (at >= base + KVM_STATE_NESTED_VMX_VMCS_SIZE) {
		base += KVM_STATE_NESTED_VMX_VMCS_SIZE;
		which = "shadow_vmcs12";
	}
	f = vmcs12_field_at(at - base);
	if (!f)
		return false;
	p->from = base + f->offset;
	p->size = f->size;
	snprintf(p->name, sizeof(p->name), "NESTED_STATE.%s.%s", which, f->name);
	return true;
}

/* The rows of @section, which stand together. It is mostly the section of the last call. */
static const struct field *rows_of(const char *section, unsigned *count)
{
	static __thread const struct field *first;
	static __thread unsigned rows;

	if (!first || strcmp(first->section, section)) {
		first = table_find(fields, section, section);
		rows = 0;
		while (first && first + rows < fields + ARRAY_SIZE(fields) &&
		       !strcmp(first[rows].section, section))
			rows++;
	}
	*count = rows;
	return first;
}

static bool place_in_rows(const struct field *f, unsigned count, size_t at, struct oracle_place *p)
{
	for (; count--; f++) {
		size_t n = f->stride && at >= f->offset ? (at - f->offset) / f->stride : 0;
		const char *index;

		p->from = f->offset + n * f->stride;
		p->size = f->size;
		if (n >= f->count || at < p->from || at - p->from >= p->size)
			continue;
		index = strstr(f->name, "[]");
		if (index)
			snprintf(p->name, sizeof(p->name), "%s.%.*s[%zu]%s", f->section,
				 (int)(index - f->name), f->name, n, index + 2);
		else
			snprintf(p->name, sizeof(p->name), "%s.%s", f->section, f->name);
		return true;
	}
	return false;
}

void oracle_place(const char *section, size_t at, struct oracle_place *p)
{
	const bool nested = !strcmp(section, "NESTED_STATE");
	struct oracle_place next;
	unsigned count;
	const struct field *rows = rows_of(section, &count);
	size_t end = at;

	/* What has a name, or else the bytes up to the next one that has. */
	for (; end < at + WORD; end++) {
		const bool named = nested && end >= sizeof(struct kvm_nested_state)
					   ? place_in_vmcs12(end, &next)
					   : place_in_rows(rows, count, end, &next);

		if (named)
			break;
	}
	if (end == at) {
		*p = next;
		return;
	}
	snprintf(p->name, sizeof(p->name), "%s.0x%zx", section, at);
	p->from = at;
	p->size = end - at;
}

static void compare_bytes(const struct comparison *c, const struct snapshot_section *before,
			  const struct snapshot_section *after)
{
	const uint8_t *b = before->data, *a = after->data;
	size_t len = before->len < after->len ? before->len : after->len;
	struct oracle_place p;

	if (before->len != after->len)
		oracle_add(c->report, c->oracle, before->name, "expected %zu bytes, found %zu",
			   before->len, after->len);
	for (size_t at = 0; at < len; at = p.from + p.size) {
		while (at < len && b[at] == a[at])
			at++;
		if (at == len)
			break;
		oracle_place(before->name, at, &p);
		differs(c, p.name, b + p.from, a + p.from,
			p.from + p.size <= len ? p.size : len - p.from);
	}
}

static void name_msr(const void *entry, char *name, size_t room)
{
	const struct kvm_msr_entry *msr = entry;

	char text[64];

	snprintf(name, room, "MSRS.%s", msr_name(msr->index, text, sizeof(text)));
}

static void name_cpuid(const void *entry, char *name, size_t room)
{
	const struct kvm_cpuid_entry2 *cpuid = entry;

	snprintf(name, room, "CPUID2.0x%x.0x%x", cpuid->function, cpuid->index);
}

/* Sections that are lists of entries, each with a key at its start. */
static const struct keyed {
	const char *section;
	size_t entry, key, from, size; /* bytes of an entry and its key; where its value lies */
	void (*name)(const void *entry, char *name, size_t room);
} keyed[] = {
	{"MSRS", sizeof(struct kvm_msr_entry), sizeof(uint32_t),
	 offsetof(struct kvm_msr_entry, data), sizeof(uint64_t), name_msr},
	{"CPUID2", sizeof(struct kvm_cpuid_entry2), 2 * sizeof(uint32_t),
	 offsetof(struct kvm_cpuid_entry2, flags), 5 * sizeof(uint32_t), name_cpuid},
};

static const uint8_t *find_entry(const struct keyed *k, const struct snapshot_section *section,
				 const uint8_t *key)
{
	const uint8_t *entry = section->data;

	for (size_t n = section->len / k->entry; n--; entry += k->entry)
		if (!memcmp(entry, key, k->key))
			return entry;
	return NULL;
}

static void compare_keyed(const struct comparison *c, const struct keyed *k,
			  const struct snapshot_section *before,
			  const struct snapshot_section *after)
{
	char name[ORACLE_FIELD_MAX];
	const uint8_t *entry = before->data, *other;

	for (size_t n = before->len / k->entry; n--; entry += k->entry) {
		k->name(entry, name, sizeof(name));
		other = find_entry(k, after, entry);
		if (other)
			differs(c, name, entry + k->from, other + k->from, k->size);
		else
			oracle_add(c->report, c->oracle, name, "is missing");
	}
	entry = after->data;
	for (size_t n = after->len / k->entry; n--; entry += k->entry) {
		k->name(entry, name, sizeof(name));
		if (!find_entry(k, before, entry))
			oracle_add(c->report, c->oracle, name, "was not there before");
	}
}

static void compare_section(const struct comparison *c, const struct snapshot_section *before,
			    const struct snapshot_section *after)
{
	const struct keyed *k = table_find(keyed, section, before->name);

	if (k)
		compare_keyed(c, k, before, after);
	else
		compare_bytes(c, before, after);
}

/*
 * Whether the word at @gpa is of the wall clock that KVM writes whenever one of these MSRs is
 * written (Linux, Documentation/virt/kvm/x86/msr.rst): it tells when that was.
 */
static bool is_wall_clock(const struct snapshot *s, uint64_t gpa)
{
	static const uint32_t msrs[] = {0x11, 0x4b564d00}; /* MSR_KVM_WALL_CLOCK, ..._NEW */

	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
		const struct kvm_msr_entry *msr = saved_msr(s, msrs[i]);

		if (msr && msr->data && gpa + WORD > msr->data && gpa < msr->data + WALL_CLOCK)
			return true;
	}
	return false;
}

/* Restoring alone writes nothing to the guest's memory. */
static void compare_memory(const struct comparison *c)
{
	char name[ORACLE_FIELD_MAX];

	for (uint64_t gpa = 0; gpa < c->before->memory_size; gpa += SNAPSHOT_PAGE) {
		const uint8_t *b = snapshot_page(c->before, gpa);
		const uint8_t *a = snapshot_page(c->after, gpa);

		for (size_t at = 0; a != b && at < SNAPSHOT_PAGE; at += WORD) {
			if (!memcmp(a + at, b + at, WORD) || is_wall_clock(c->before, gpa + at))
				continue;
			snprintf(name, sizeof(name), "MEMORY.0x%llx",
				 (unsigned long long)(gpa + at));
			differs(c, name, b + at, a + at, WORD);
		}
	}
}

void oracle_compare(const char *oracle, const struct snapshot *before, const struct snapshot *after,
		    struct oracle_report *report)
{
	const struct comparison c = {oracle, before, after, report};

	for (unsigned i = 0; i < before->sections; i++) {
		const struct snapshot_section *section = &before->section[i];
		const struct snapshot_section *other = snapshot_find(after, section->name);

		if (other)
			compare_section(&c, section, other);
		else if (!exempt(&c, section->name, NULL, NULL, 0))
			oracle_add(report, oracle, section->name, "is missing");
	}
	for (unsigned i = 0; i < after->sections; i++) {
		const char *name = after->section[i].name;

		if (!snapshot_find(before, name) && !exempt(&c, name, NULL, NULL, 0))
			oracle_add(report, oracle, name, "was not there before");
	}
	if (after->memory_size == before->memory_size)
		compare_memory(&c);
}
