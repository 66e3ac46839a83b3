// SPDX-License-Identifier: BSD-2-Clause
// Breaks snapshots (breaks.def). Most breakages are edits of numbers in sections or guest memory.
#include "host/snapshot/break.h"

#include "host/snapshot/hyperv.h"
#include "host/snapshot/saved_state.h"
#include "host/snapshot/vmcs12.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#define LVT_MASKED (1u << 16)

struct edit {
	enum {
		IN_NOTHING,
		IN_SECTION,
		IN_VMCS12,
		IN_L2,
		IN_PAGE,
		IN_MSRS,
		IN_MEMORY,
		IN_ASSIST,
		IN_EVMCS,
		IN_PARTITION
	} in;
	const char *where;  /* section; field of vmcs12; field that has the page's address */
	uint64_t offset;    /* within that; MSR; guest-physical address */
	uint64_t size;	    /* bytes; more than 8 are all cleared */
	uint64_t keep, put; /* new value: (old & keep) ^ put */
};

/* Where. */
#define SECTION(name, offset, size) IN_SECTION, name, offset, size
#define MEMBER(name, type, member) \
	SECTION(name, offsetof(struct type, member), sizeof(((struct type *)0)->member))
#define NESTED(member)		    MEMBER("NESTED_STATE", kvm_nested_state, member)
#define EVENTS(member)		    MEMBER("VCPU_EVENTS", kvm_vcpu_events, member)
#define REGS(member)		    MEMBER("REGS", kvm_regs, member)
#define DREGS(member)		    MEMBER("DEBUGREGS", kvm_debugregs, member)
#define MP_STATE		    MEMBER("MP_STATE", kvm_mp_state, mp_state)
#define LAPIC(offset, size)	    SECTION("LAPIC", offset, size)
#define VMCS12(field, offset, size) IN_VMCS12, field, offset, size
/* Guest state that both KVM_SET_NESTED_STATE and another ioctl set while L2 is active. */
#define L2(field)		  IN_L2, field, 0, 8
#define PAGE(field, offset, size) IN_PAGE, field, offset, size
/* Of an enlightened L1: VP assist page, enlightened VMCS, partition assist page. */
#define ASSIST(offset, size)	IN_ASSIST, "VP assist page", offset, size
#define EVMCS(offset, size)	IN_EVMCS, "enlightened VMCS", offset, size
#define PARTITION(offset, size) IN_PARTITION, "partition assist page", offset, size
#define MSR(name)		IN_MSRS, NULL, HOST_MSR_##name, 8
/* How. */
#define CLEAR	   0, 0
#define KEEP(mask) (uint64_t)(mask), 0
#define SET(value) 0, value
#define FLIP(bits) ~0ull, bits

#define EDIT(...)           \
	{                   \
		__VA_ARGS__ \
	}
/* KVM_SET_SREGS is the older name of the same state. */
#define EDIT_SREGS(member, how)                        \
	EDIT(MEMBER("SREGS", kvm_sregs, member), how), \
		EDIT(MEMBER("SREGS2", kvm_sregs2, member), how)

/* ---- single breakages --------------------------------------------------------------------- */

/*
 * Each returns as break_apply() does. What takes an argument may get a NULL @s, which asks only
 * whether @arg makes sense.
 */

static struct snapshot_section *section_of(struct snapshot *s, const char *name, struct err *e)
{
	const struct snapshot_section *section = snapshot_find(s, name);

	return section ? (struct snapshot_section *)section
		       : err_as(NULL, e, "no %s in the snapshot", name);
}

static int drop_nested_state(struct snapshot *s, const char *arg, struct err *e)
{
	struct snapshot_section *section = section_of(s, "NESTED_STATE", e);

	(void)arg;
	if (!section)
		return 1;
	free(section->data);
	s->sections--;
	memmove(section, section + 1,
		(size_t)(s->section + s->sections - section) * sizeof(*section));
	return 0;
}

/* Cuts off vmcs12; what is left is the header. NULL with @e: no vmcs12. */
static struct kvm_nested_state *cut_vmcs12(struct snapshot *s, struct err *e)
{
	struct snapshot_section *section = section_of(s, "NESTED_STATE", e);
	struct kvm_nested_state *nested;

	if (!vmcs12_of(s, e))
		return NULL;
	nested = section->data;
	section->len = nested->size = sizeof(*nested);
	return nested;
}

static int cut_nested_state(struct snapshot *s, const char *arg, struct err *e)
{
	(void)arg;
	return !cut_vmcs12(s, e);
}

/* What KVM_GET_NESTED_STATE says between VMXON and VMPTRLD. */
static int drop_current_vmcs(struct snapshot *s, const char *arg, struct err *e)
{
	struct kvm_nested_state *nested = cut_vmcs12(s, e);

	(void)arg;
	if (!nested)
		return 1;
	nested->flags = 0;
	nested->hdr.vmx.vmcs12_pa = ~0ull;
	nested->hdr.vmx.flags = 0;
	nested->hdr.vmx.preemption_timer_deadline = 0;
	return 0;
}

/* How a field of vmcs12 changes. */
static const struct {
	const char *pattern;
	enum { ADD, XOR } how;
	uint64_t value;
} ways[] = {
#define W(...) {__VA_ARGS__},
#include "host/snapshot/vmcs12_changes.def"
#undef W
};

static int change_vmcs12_field(struct snapshot *s, const char *arg, struct err *e)
{
	const struct vmcs12_field *f = vmcs12_find(arg, strlen(arg));
	uint8_t *vmcs12;
	uint64_t value;
	unsigned i = 0;

	if (!f)
		return err_set(e, "vmcs12 has no field '%s'", arg);
	if (!s)
		return 0;
	vmcs12 = (uint8_t *)vmcs12_of(s, e);
	if (!vmcs12)
		return 1;
	while (fnmatch(ways[i].pattern, f->name, 0))
		i++;
	value = vmcs12_get(vmcs12, f);
	vmcs12_set(vmcs12, f, ways[i].how == ADD ? value + ways[i].value : value ^ ways[i].value);
	return 0;
}

/* NULL with @e: no vmcs12, or it is not the one that the vCPU is in. */
static uint8_t *active_vmcs12(struct snapshot *s, struct err *e)
{
	uint8_t *vmcs12 = (uint8_t *)vmcs12_of(s, e);
	const struct kvm_nested_state *nested;

	if (!vmcs12)
		return NULL;
	nested = snapshot_find(s, "NESTED_STATE")->data;
	if (nested->flags & KVM_STATE_NESTED_GUEST_MODE)
		return vmcs12;
	return err_as(NULL, e, "L2 is not active");
}

static uint64_t copy_field(uint8_t *vmcs12, const char *to, const char *from)
{
	uint64_t value = vmcs12_get(vmcs12, vmcs12_find(from, strlen(from)));

	vmcs12_set(vmcs12, vmcs12_find(to, strlen(to)), value);
	return value;
}

static int take_host_registers(struct snapshot *s, const char *arg, struct err *e)
{
	uint8_t *vmcs12 = active_vmcs12(s, e);
	struct snapshot_section *section = vmcs12 ? section_of(s, "REGS", e) : NULL;
	struct kvm_regs *regs, before;

	(void)arg;
	if (!section)
		return 1;
	regs = section->data;
	if (section->len < sizeof(*regs))
		return err_as(1, e, "REGS in the snapshot is cut short");
	before = *regs;
	regs->rip = copy_field(vmcs12, "GUEST_RIP", "HOST_RIP");
	regs->rsp = copy_field(vmcs12, "GUEST_RSP", "HOST_RSP");
	if (memcmp(regs, &before, sizeof(before)))
		return 0;
	return err_as(1, e, "there is nothing to break in REGS");
}

/* CPUID.4000000AH:EAX[17]; TLFS, "Nested Hypervisor Feature Identification". */
static int drop_direct_flush(struct snapshot *s, const char *arg, struct err *e)
{
	struct snapshot_section *section = s ? section_of(s, "CPUID2", e) : NULL;
	struct kvm_cpuid_entry2 *entry = section ? section->data : NULL;
	const size_t count = section ? section->len / sizeof(*entry) : 0;

	(void)arg;
	for (size_t i = 0; i < count; i++)
		if (entry[i].function == 0x4000000a && entry[i].eax >> 17 & 1) {
			entry[i].eax &= ~(1u << 17);
			return 0;
		}
	if (section)
		err_set(e, "there is no direct flush in CPUID2");
	return s != NULL;
}

/* ---- edits -------------------------------------------------------------------------------- */

static uint8_t *msr_place(struct snapshot *s, uint64_t index, struct err *e)
{
	struct snapshot_section *section = section_of(s, "MSRS", e);
	struct kvm_msr_entry *entry = saved_msr(s, index);

	if (section && !entry)
		err_set(e, "no MSR 0x%" PRIx64 " in the snapshot", index);
	return entry ? (uint8_t *)&entry->data : NULL;
}

/* @size bytes at @gpa, of which the last is on the same page. */
static uint8_t *memory_place(const struct snapshot *s, uint64_t gpa, uint64_t size, struct err *e)
{
	if (gpa >= s->memory_size || gpa % SNAPSHOT_PAGE + size > SNAPSHOT_PAGE)
		return err_as(NULL, e,
			      "0x%" PRIx64 " bytes at 0x%" PRIx64
			      " are not on a page of guest memory",
			      size, gpa);
	if (!s->page[gpa / SNAPSHOT_PAGE])
		return err_as(NULL, e, "the page at 0x%" PRIx64 " is all zeros", gpa);
	return s->page[gpa / SNAPSHOT_PAGE] + gpa % SNAPSHOT_PAGE;
}

/* Where the bytes lie that @edit is about. NULL with @e: the snapshot does not have them. */
static uint8_t *place(struct snapshot *s, const struct edit *edit, struct err *e)
{
	struct snapshot_section *section;
	uint8_t *vmcs12;
	uint64_t gpa;

	switch (edit->in) {
	case IN_SECTION:
		section = section_of(s, edit->where, e);
		if (section && section->len < edit->offset + edit->size)
			return err_as(NULL, e, "%s in the snapshot ends before that", edit->where);
		return section ? (uint8_t *)section->data + edit->offset : NULL;
	case IN_VMCS12:
	case IN_L2:
		vmcs12 = edit->in == IN_L2 ? active_vmcs12(s, e) : (uint8_t *)vmcs12_of(s, e);
		return vmcs12 ? vmcs12 + vmcs12_find(edit->where, strlen(edit->where))->offset +
					edit->offset
			      : NULL;
	case IN_PAGE:
		return vmcs12_address(s, edit->where, &gpa, e)
			       ? NULL
			       : memory_place(s, gpa + edit->offset, edit->size, e);
	case IN_ASSIST:
	case IN_EVMCS:
	case IN_PARTITION:
		return hyperv_address(s, HYPERV_ASSIST + edit->in - IN_ASSIST, &gpa, e)
			       ? NULL
			       : memory_place(s, gpa + edit->offset, edit->size, e);
	case IN_MEMORY:
		return memory_place(s, edit->offset, edit->size, e);
	default:
		return msr_place(s, edit->offset, e);
	}
}

/* As break_apply(). */
static int apply(struct snapshot *s, const struct edit *edit, struct err *e)
{
	uint8_t *p = place(s, edit, e);
	uint64_t old = 0, value;

	if (!p)
		return 1;
	if (edit->size > sizeof(old)) {
		for (uint64_t i = 0; i < edit->size; i++)
			old |= p[i];
		memset(p, 0, edit->size);
		value = 0;
	} else {
		memcpy(&old, p, edit->size);
		value = (old & edit->keep) ^ edit->put;
		memcpy(p, &value, edit->size);
	}
	if (old != value)
		return 0;
	if (edit->where)
		return err_as(1, e, "there is nothing to break in %s", edit->where);
	return err_as(1, e, "there is nothing to break at 0x%" PRIx64, edit->offset);
}

static int number(const char *arg, uint64_t max, uint64_t *value, struct err *e)
{
	if (parse_number(arg, value) && *value <= max)
		return 0;
	return err_set(e, "'%s' is no number from 0 to 0x%" PRIx64, arg, max);
}

static int drop_page(struct snapshot *s, const char *arg, struct err *e)
{
	struct edit edit = {.in = IN_MEMORY, .size = SNAPSHOT_PAGE};

	if (number(arg, UINT64_MAX, &edit.offset, e))
		return -1;
	edit.offset -= edit.offset % SNAPSHOT_PAGE;
	return s ? apply(s, &edit, e) : 0;
}

static int drop_msr(struct snapshot *s, const char *arg, struct err *e)
{
	struct edit edit = {.in = IN_MSRS, .size = 8};

	if (number(arg, UINT32_MAX, &edit.offset, e))
		return -1;
	return s ? apply(s, &edit, e) : 0;
}

/* ---- the table ---------------------------------------------------------------------------- */

static const struct break_kind kinds[] = {
#define B(name, text, ...) \
	{name, text, NULL, (const struct edit[]){__VA_ARGS__, {IN_NOTHING, NULL, 0, 0, 0, 0}}},
#define CALL(name, text, fn) {name, text, fn, NULL},
#include "host/snapshot/breaks.def"
#undef B
#undef CALL
};

const struct break_kind *break_kinds(unsigned *count)
{
	*count = ARRAY_SIZE(kinds);
	return kinds;
}

/* The breakage @what and its argument, NULL if it takes none; NULL with @e: there is none. */
static const struct break_kind *find(const char *what, const char **arg, struct err *e)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t len = strlen(kinds[i].name);
		bool takes = kinds[i].name[len - 1] == '=';

		*arg = takes ? what + len : NULL;
		if (takes ? !strncmp(kinds[i].name, what, len) : !strcmp(kinds[i].name, what))
			return &kinds[i];
	}
	return err_as(NULL, e, "there is no breakage '%s'", what);
}

int break_check(const char *what, struct err *e)
{
	const char *arg;
	const struct break_kind *kind = find(what, &arg, e);

	if (!kind)
		return -1;
	return arg ? kind->fn(NULL, arg, e) : 0;
}

int break_apply(struct snapshot *s, const char *what, struct err *e)
{
	const char *arg;
	const struct break_kind *kind = find(what, &arg, e);
	unsigned tried = 0, changed = 0;
	struct err first, other;

	if (!kind)
		return -1;
	if (kind->fn)
		return kind->fn(s, arg, e);
	for (const struct edit *edit = kind->edits; edit->in != IN_NOTHING; edit++)
		changed += !apply(s, edit, tried++ ? &other : &first);
	if (!changed)
		*e = first;
	return !changed;
}
