// SPDX-License-Identifier: BSD-2-Clause
// Breakages: each changes what it says in a snapshot that has everything, and nothing else; says so
// where there is nothing to break; and arguments that make no sense are refused.
#include "tests/unit/state.h"

#include "host/snapshot/break.h"
#include "host/snapshot/hyperv.h"

/* How many equal bytes may stand within a range that diff() prints: one register is more. */
#define JOIN 14

/* Appends `what first-last, first-last` (bytes, hexadecimal) for what differs. */
static void diff_bytes(struct buf *text, const char *what, const uint8_t *a, const uint8_t *b,
		       size_t len)
{
	size_t join = strcmp(what, "VCPU_EVENTS") ? JOIN : 0;

	for (size_t i = 0; i < len; i++) {
		size_t first = i, last = i;

		if (a[i] == b[i])
			continue;
		for (; i < len && i - last <= join + 1; i++)
			if (a[i] != b[i])
				last = i;
		i = last;
		buf_printf(text, "%s%s %zx-%zx", text->len ? ", " : "", what, first, last);
	}
}

static void diff_msrs(struct buf *text, const struct kvm_msr_entry *a,
		      const struct kvm_msr_entry *b, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(a[i].index, b[i].index);
		if (a[i].data != b[i].data)
			buf_printf(text, "%sMSR %x", text->len ? ", " : "", a[i].index);
	}
}

/* What differs between two snapshots, like "MP_STATE 0-0, page 1000 20-20". The caller frees it. */
static char *diff(const struct snapshot *a, const struct snapshot *b)
{
	struct buf text = {0};

	for (unsigned i = 0; i < a->sections; i++) {
		const struct snapshot_section *x = &a->section[i], *y = snapshot_find(b, x->name);

		if (!y)
			buf_printf(&text, "no %s", x->name);
		else if (!strcmp(x->name, "MSRS"))
			diff_msrs(&text, x->data, y->data, y->len / sizeof(struct kvm_msr_entry));
		else
			diff_bytes(&text, x->name, x->data, y->data, y->len);
		if (y && x->len != y->len)
			buf_printf(&text, ", cut to %zx", y->len);
	}
	assert_true(b->sections <= a->sections);
	assert_int_equal(a->memory_size, b->memory_size);
	for (uint64_t gpa = 0; gpa < a->memory_size; gpa += SNAPSHOT_PAGE) {
		char what[32];

		snprintf(what, sizeof(what), "page %llx", (unsigned long long)gpa);
		diff_bytes(&text, what, snapshot_page(a, gpa), snapshot_page(b, gpa),
			   SNAPSHOT_PAGE);
	}
	return text.p ? text.p : xstrdup("");
}

/* @what with an argument, if it needs one. */
static const char *with_argument(const char *what)
{
	if (!strcmp(what, "vmcs12-field="))
		return "vmcs12-field=GUEST_RIP";
	if (!strcmp(what, "memory-page="))
		return "memory-page=0x3fff";
	return !strcmp(what, "msr=") ? "msr=0x48" : what;
}

/* VP assist page, enlightened VMCS and partition assist page, each naming the next. */
#define ASSIST	  0xd000
#define EVMCS	  0xe000
#define PARTITION 0xf000

static void enlighten(struct snapshot *s)
{
	const struct kvm_cpuid_entry2 cpuid = {.function = 0x4000000a, .eax = 0xe0101};
	const struct snapshot_section *msrs = snapshot_find(s, "MSRS");
	struct kvm_msr_entry *entry = msrs->data;
	const uint64_t evmcs = EVMCS, partition = PARTITION;
	const struct kvm_clock_data clock = {.clock = 1};

	for (size_t i = 0; i < msrs->len / sizeof(*entry); i++)
		if (entry[i].index == 0x40000073)
			entry[i].data = ASSIST | 1;
	memcpy(s->page[ASSIST / SNAPSHOT_PAGE] + VP_ASSIST_CURRENT_NESTED_VMCS, &evmcs,
	       sizeof(evmcs));
	memcpy(s->page[EVMCS / SNAPSHOT_PAGE] + EVMCS_PARTITION_ASSIST_PAGE, &partition,
	       sizeof(partition));
	snapshot_add(s, "CPUID2", &cpuid, sizeof(cpuid));
	snapshot_add(s, "CLOCK", &clock, sizeof(clock));
}

/* state_sample() with something to break for @what. */
static struct snapshot sample_for(const char *what)
{
	struct snapshot s = state_sample();

	if (!strcmp(what, "mp-state-halted"))
		memset(state_section(&s, "MP_STATE"), 0, sizeof(struct kvm_mp_state));
	enlighten(&s);
	return s;
}
/* What each breakage changes in state_sample(), by offsets in KVM's structures. */
static const struct {
	const char *name, *changed;
} expected[] = {
	{"nested-state", "no NESTED_STATE"},
	{"nested-header-only", "NESTED_STATE 5-5, cut to 80"},
	{"current-vmcs", "NESTED_STATE 0-23, cut to 80"},
	{"guest-mode", "NESTED_STATE 0-0"},
	{"run-pending", "NESTED_STATE 0-0"},
	{"mtf-pending", "NESTED_STATE 0-0"},
	{"preemption-deadline", "NESTED_STATE 1c-23"},
	{"smm-flags", "NESTED_STATE 18-18"},
	{"shadow-vmcs12", "NESTED_STATE 1084-207f"},
	{"vmcs12-field=", "NESTED_STATE 2a0-2a0"},
	{"rvi", "NESTED_STATE 454-454"},
	{"svi", "NESTED_STATE 455-455"},
	{"tsc-offset", "NESTED_STATE dd-df"},
	{"link-pointer", "NESTED_STATE 130-137"},
	{"vapic-page", "page 1000 20-20, page 1000 80-80, page 1000 a0-a0, page 1000 112-112, "
		       "page 1000 222-222, page 1000 273-273"},
	{"virr", "page 1000 222-222, page 1000 273-273"},
	{"visr", "page 1000 112-112"},
	{"vtpr", "page 1000 80-80"},
	{"pi-desc", "page 2000 4a-4a, page 2000 60-62"},
	{"pir", "page 2000 4a-4a"},
	{"on-bit", "page 2000 60-60"},
	{"sn-bit", "page 2000 60-60"},
	{"msr-bitmap", "page 3000 0-fff"},
	{"io-bitmap", "page 4000 0-fff, page 5000 0-fff"},
	{"vmread-bitmap", "page 7000 0-fff, page 8000 0-fff"},
	{"ept-table", "page 6000 0-fff"},
	{"msr-store-area", "page 9000 10-1f"},
	{"msr-load-area", "page 9000 20-2f"},
	{"memory-page=", "page 3000 0-fff"},
	{"events", "VCPU_EVENTS 0-0, VCPU_EVENTS 3-3, VCPU_EVENTS 8-8, VCPU_EVENTS b-e, "
		   "VCPU_EVENTS 18-19, VCPU_EVENTS 1b-1c"},
	{"exception", "VCPU_EVENTS 0-0, VCPU_EVENTS 3-3"},
	{"interrupt", "VCPU_EVENTS 8-8"},
	{"interrupt-shadow", "VCPU_EVENTS b-b"},
	{"nmi-injected", "VCPU_EVENTS c-c"},
	{"nmi-pending", "VCPU_EVENTS d-d"},
	{"nmi-masked", "VCPU_EVENTS e-e"},
	{"smi", "VCPU_EVENTS 19-19"},
	{"smm", "VCPU_EVENTS 18-18"},
	{"latched-init", "VCPU_EVENTS 1b-1b"},
	{"triple-fault", "VCPU_EVENTS 1c-1c"},
	{"mp-state", "MP_STATE 0-0"},
	{"mp-state-halted", "MP_STATE 0-0"},
	{"lapic", "LAPIC 80-80, LAPIC f0-f1, LAPIC 120-120, LAPIC 210-210, LAPIC 272-272, "
		  "LAPIC 320-380, LAPIC 390-390, LAPIC 3e0-3e0"},
	{"lapic-irr", "LAPIC 210-210, LAPIC 272-272"},
	{"lapic-isr", "LAPIC 120-120"},
	{"lapic-timer", "LAPIC 320-322, LAPIC 380-380, LAPIC 390-390"},
	{"apic-base", "SREGS 111-111, SREGS2 111-111, MSR 1b"},
	{"tsc-deadline", "MSR 6e0"},
	{"tsc", "MSR 10"},
	{"tsc-jump", "MSR 10"},
	{"regs", "REGS 0-28, REGS 38-78"},
	{"regs-of-l1", "REGS 30-32, REGS 81-82, NESTED_STATE 298-2a7"},
	{"rip", "REGS 82-82, NESTED_STATE 2a2-2a2"},
	{"rsp", "REGS 30-30, NESTED_STATE 298-298"},
	{"rflags-if", "REGS 89-89, NESTED_STATE 2a9-2a9"},
	{"cr0", "SREGS e0-e2, SREGS2 e0-e2, NESTED_STATE 22a-22a"},
	{"cr2", "SREGS e8-e9, SREGS2 e8-e9"},
	{"cr3", "SREGS f1-f1, SREGS2 f1-f1, NESTED_STATE 231-231"},
	{"cr4", "SREGS f8-f9, SREGS2 f8-f9, NESTED_STATE 238-23f"},
	{"cr8", "SREGS 100-100, SREGS2 100-100, LAPIC 80-80"},
	{"efer", "SREGS 108-109, SREGS2 108-109, MSR c0000080, NESTED_STATE 148-148"},
	{"pdptrs", "SREGS2 120-138"},
	{"ss-dpl", "SREGS 88-88, SREGS2 88-88, NESTED_STATE 3f8-3f8"},
	{"cs-l-and-d", "SREGS 11-11, SREGS2 11-11, NESTED_STATE 3f5-3f5"},
	{"tr-available", "SREGS 9e-9e, SREGS2 9e-9e, NESTED_STATE 40c-40c"},
	{"rip-not-canonical", "REGS 87-87, NESTED_STATE 2a7-2a7"},
	{"fs-base", "SREGS 48-48, SREGS2 48-48, MSR c0000100, NESTED_STATE 260-267"},
	{"gs-base", "SREGS 60-60, SREGS2 60-60, MSR c0000101, NESTED_STATE 268-26f"},
	{"gdt", "SREGS c0-c1, SREGS2 c0-c1, NESTED_STATE 280-287"},
	{"idt", "SREGS d0-d1, SREGS2 d0-d1, NESTED_STATE 288-28f"},
	{"debug-addresses", "DEBUGREGS 0-18"},
	{"dr6", "DEBUGREGS 20-20"},
	{"dr7", "DEBUGREGS 28-28, NESTED_STATE 290-297"},
	{"xsave", "XSAVE 200-200"},
	{"xsave-extended", "XSAVE 200-200"},
	{"xcr0", "XCRS 10-10"},
	{"star", "MSR c0000081"},
	{"lstar", "MSR c0000082"},
	{"fmask", "MSR c0000084"},
	{"kernel-gs-base", "MSR c0000102"},
	{"pat", "MSR 277, NESTED_STATE 140-147"},
	{"sysenter", "MSR 174, MSR 175, MSR 176, NESTED_STATE 2b8-2c7"},
	{"debugctl", "MSR 1d9, NESTED_STATE 138-13f"},
	{"spec-ctrl", "MSR 48"},
	{"tsc-aux", "MSR c0000103"},
	{"feature-control", "MSR 3a"},
	{"vmx-capabilities", "MSR 485"},
	{"msr=", "MSR 48"},
	{"kvmclock-msr", "MSR 4b564d01"},
	{"clock", "CLOCK 0-0"},
	{"hv-guest-os-id", "MSR 40000000"},
	{"hv-hypercall", "MSR 40000001"},
	{"hv-vp-index", "MSR 40000002"},
	{"hv-assist-msr", "MSR 40000073"},
	{"hv-assist-page", "page d000 0-fff"},
	{"hv-enlighten-vmentry", "page d000 28-28"},
	{"hv-current-vmcs", "page d000 31-31"},
	{"hv-direct-hypercall", "page d000 20-23"},
	{"hv-direct-flush", "CPUID2 e-e"},
	{"evmcs-page", "page e000 0-fff"},
	{"evmcs-host-state", "page e000 8-5f"},
	{"evmcs-enlightenments", "page e000 344-347"},
	{"evmcs-partition", "page e000 359-359"},
	{"hv-partition-page", "page f000 0-fff"},
	{"hv-reference-tsc", "MSR 40000021"},
	{"hv-reenlightenment", "MSR 40000106"},
	{"hv-tsc-emulation", "MSR 40000107"},
};

static void each(void **state)
{
	unsigned count;
	const struct break_kind *kind = break_kinds(&count);

	(void)state;
	assert_int_equal(count, ARRAY_SIZE(expected));
	for (unsigned i = 0; i < count; i++) {
		const char *what = with_argument(kind[i].name);
		struct snapshot before = sample_for(kind[i].name);
		struct snapshot after = sample_for(kind[i].name);
		struct err e = {{0}};
		char *changed;

		assert_string_equal(kind[i].name, expected[i].name);
		assert_true(*kind[i].text);
		assert_int_equal(break_check(what, &e), 0);
		if (break_apply(&after, what, &e))
			fail_msg("%s: %s", what, e.text);
		assert_string_equal(e.text, "");
		changed = diff(&before, &after);
		if (strcmp(changed, expected[i].changed))
			fail_msg("%s: %s, expected %s", what, changed, expected[i].changed);
		free(changed);
		snapshot_free(&before);
		snapshot_free(&after);
	}
}

/* What is lost cannot be lost again; only what is inverted or moved can. */
static void twice(void **state)
{
	static const char *const again[] = {
		"vmcs12-field=", "tsc-jump", "rip",	   "rsp",	   "rflags-if",
		"cr3",		 "ss-dpl",   "cs-l-and-d", "tr-available", "rip-not-canonical"};
	unsigned count;
	const struct break_kind *kind = break_kinds(&count);

	(void)state;
	for (unsigned i = 0; i < count; i++) {
		const char *what = with_argument(kind[i].name);
		struct snapshot s = sample_for(kind[i].name);
		struct err e = {{0}};
		bool more = false;

		for (size_t k = 0; k < ARRAY_SIZE(again); k++)
			more |= !strcmp(again[k], kind[i].name);
		assert_int_equal(break_apply(&s, what, &e), 0);
		if (break_apply(&s, what, &e) != !more)
			fail_msg("%s, twice", what);
		assert_int_equal(!*e.text, more);
		snapshot_free(&s);
	}
}

/* Every breakage of @s, which must stay as it is. */
static void nothing_to_break(struct snapshot *s)
{
	unsigned count;
	const struct break_kind *kind = break_kinds(&count);

	for (unsigned i = 0; i < count; i++) {
		struct err e = {{0}};

		if (break_apply(s, with_argument(kind[i].name), &e) != 1)
			fail_msg("%s broke something", kind[i].name);
		assert_true(*e.text);
	}
}

static void nothing_there(void **state)
{
	static const char *const names[] = {"VCPU_EVENTS", "MP_STATE", "REGS", "SREGS",
					    "SREGS2",	   "LAPIC",    "XCRS", "XSAVE",
					    "DEBUGREGS",   "MSRS"};
	struct snapshot s = {0};
	uint8_t *zeros = xcalloc(4, SNAPSHOT_PAGE);

	(void)state;
	nothing_to_break(&s);
	/* Sections that are too short; memory of zeros. */
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		snapshot_add(&s, names[i], "", 0);
	snapshot_set_memory(&s, zeros, 4 * SNAPSHOT_PAGE);
	nothing_to_break(&s);
	snapshot_free(&s);
	free(zeros);
}

static void missing(struct snapshot *s, const char *what, const char *text)
{
	struct err e = {{0}};

	assert_int_equal(break_apply(s, what, &e), 1);
	assert_contains(e.text, text);
}

/* It says what is missing. */
static void reasons(void **state)
{
	struct snapshot s = state_sample();
	struct kvm_nested_state *nested = state_section(&s, "NESTED_STATE");
	struct err e = {{0}};

	(void)state;
	missing(&s, "mp-state-halted", "there is nothing to break in MP_STATE");
	assert_int_equal(break_apply(&s, "spec-ctrl", &e), 0);
	missing(&s, "msr=0x48", "there is nothing to break at 0x48");
	missing(&s, "msr=0x12345", "no MSR 0x12345 in the snapshot");
	missing(&s, "memory-page=0", "the page at 0x0 is all zeros");
	missing(&s, "memory-page=0x10000", "0x10000 are not on a page of guest memory");
	missing(&s, "memory-page=0xffffffffffffffff", "not on a page of guest memory");
	state_set(&s, "CPU_BASED_VM_EXEC_CONTROL", 0);
	missing(&s, "virr", "vmcs12 does not use VIRTUAL_APIC_PAGE_ADDR");
	missing(&s, "io-bitmap", "vmcs12 does not use IO_BITMAP_A");
	missing(&s, "ept-table", "vmcs12 does not use EPT_POINTER");
	state_set(&s, "POSTED_INTR_DESC_ADDR", 0x10040);
	missing(&s, "pir", "not on a page of guest memory");
	state_set(&s, "POSTED_INTR_DESC_ADDR", 0x2ff0); /* not aligned */
	missing(&s, "pi-desc", "not on a page of guest memory");
	nested->flags = 0;
	missing(&s, "regs-of-l1", "L2 is not active");
	nested->hdr.vmx.vmcs12_pa = ~0ull;
	missing(&s, "vmcs12-field=GUEST_RIP", "no current VMCS");
	missing(&s, "rvi", "no current VMCS");
	missing(&s, "nested-header-only", "no current VMCS");
	missing(&s, "regs-of-l1", "no current VMCS");
	snapshot_free(&s);
	missing(&s, "nmi-pending", "no VCPU_EVENTS in the snapshot");
	missing(&s, "nested-state", "no NESTED_STATE in the snapshot");
	missing(&s, "tsc", "no MSRS in the snapshot");
}

/* One of two places of the same fact is enough. */
static void either_place(void **state)
{
	struct kvm_sregs sregs = {.cr2 = 5};
	struct snapshot s = {0};
	struct err e = {{0}};

	(void)state;
	snapshot_add(&s, "SREGS", &sregs, sizeof(sregs));
	assert_int_equal(break_apply(&s, "cr2", &e), 0);
	assert_int_equal(((struct kvm_sregs *)state_section(&s, "SREGS"))->cr2, 0);
	snapshot_free(&s);
}

/* The registers are L1's while L2 is not active: its vmcs12 stays as it is. */
static void l2_not_active(void **state)
{
	static const char *const names[] = {"rip", "cr3", "cr4", "gdt", "dr7", "sysenter"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct snapshot before = state_sample(), after = state_sample();
		struct kvm_nested_state *nested = state_section(&after, "NESTED_STATE");
		struct err e = {{0}};

		nested->flags = 0;
		assert_int_equal(break_apply(&after, names[i], &e), 0);
		assert_memory_equal(state_vmcs12(&before), state_vmcs12(&after),
				    KVM_STATE_NESTED_VMX_VMCS_SIZE);
		snapshot_free(&before);
		snapshot_free(&after);
	}
}

static void broken(struct snapshot *s, const char *what)
{
	struct err e = {{0}};

	snapshot_free(s);
	*s = sample_for(what);
	if (break_apply(s, what, &e))
		fail_msg("%s: %s", what, e.text);
}

static uint64_t msr_of(struct snapshot *s, uint32_t index)
{
	const struct kvm_msr_entry *entry = state_section(s, "MSRS");

	while (entry->index != index)
		entry++;
	return entry->data;
}

/* The values, where they are not just zeros. */
static void values(void **state)
{
	struct snapshot s = {0};
	const struct kvm_nested_state *nested;
	const struct kvm_debugregs *dr;
	const struct kvm_sregs2 *sregs;
	const struct kvm_regs *regs;

	(void)state;
	broken(&s, "guest-mode");
	nested = state_section(&s, "NESTED_STATE");
	assert_int_equal(nested->flags, KVM_STATE_NESTED_MTF_PENDING);
	broken(&s, "run-pending");
	nested = state_section(&s, "NESTED_STATE");
	assert_int_equal(nested->flags, KVM_STATE_NESTED_GUEST_MODE | KVM_STATE_NESTED_MTF_PENDING);
	broken(&s, "mtf-pending");
	nested = state_section(&s, "NESTED_STATE");
	assert_int_equal(nested->flags, KVM_STATE_NESTED_GUEST_MODE | KVM_STATE_NESTED_RUN_PENDING);
	broken(&s, "nested-header-only");
	nested = state_section(&s, "NESTED_STATE");
	assert_int_equal(nested->size, sizeof(*nested));
	assert_int_equal(nested->hdr.vmx.vmcs12_pa, 0xc000);
	broken(&s, "current-vmcs");
	nested = state_section(&s, "NESTED_STATE");
	assert_int_equal(nested->size, sizeof(*nested));
	assert_int_equal(nested->hdr.vmx.vmcs12_pa, ~0ull);
	assert_int_equal(nested->hdr.vmx.vmxon_pa, 0xb000);
	assert_int_equal(nested->flags, 0);
	broken(&s, "shadow-vmcs12"); /* but not its revision */
	nested = state_section(&s, "NESTED_STATE");
	assert_int_equal(nested->data.vmx[0].shadow_vmcs12[3], 0x11);
	broken(&s, "rvi");
	assert_int_equal(state_get(&s, "GUEST_INTR_STATUS"), 0x3100);
	broken(&s, "svi");
	assert_int_equal(state_get(&s, "GUEST_INTR_STATUS"), 0x51);
	broken(&s, "link-pointer");
	assert_int_equal(state_get(&s, "VMCS_LINK_POINTER"), ~0ull);
	broken(&s, "on-bit");
	assert_int_equal(s.page[2][0x60], 2);
	broken(&s, "sn-bit");
	assert_int_equal(s.page[2][0x60], 1);
	broken(&s, "cr4");
	sregs = state_section(&s, "SREGS2");
	assert_int_equal(sregs->cr4, 0x2020);
	broken(&s, "cr0");
	sregs = state_section(&s, "SREGS2");
	assert_int_equal(sregs->cr0, 0x80000031);
	broken(&s, "efer");
	sregs = state_section(&s, "SREGS2");
	assert_int_equal(sregs->efer, 0x500);
	broken(&s, "apic-base");
	sregs = state_section(&s, "SREGS2");
	assert_int_equal(sregs->apic_base, 0xfee00900);
	broken(&s, "regs-of-l1");
	regs = state_section(&s, "REGS");
	assert_int_equal(regs->rip, 0x101010);
	assert_int_equal(regs->rsp, 0x202020);
	broken(&s, "dr6");
	dr = state_section(&s, "DEBUGREGS");
	assert_int_equal(dr->dr6, 0xffff0ff0);
	broken(&s, "dr7");
	dr = state_section(&s, "DEBUGREGS");
	assert_int_equal(dr->dr7, 0x400);
	broken(&s, "xsave-extended");
	assert_int_equal(((uint8_t *)state_section(&s, "XSAVE"))[512], 3);
	broken(&s, "xcr0");
	assert_int_equal(((struct kvm_xcrs *)state_section(&s, "XCRS"))->xcrs[0].value, 1);
	broken(&s, "pat");
	assert_int_equal(msr_of(&s, 0x277), 0x0007040600070406);
	broken(&s, "tsc");
	assert_int_equal(msr_of(&s, 0x10), 1);
	broken(&s, "tsc-jump");
	assert_int_equal(msr_of(&s, 0x10) ^ state_msr(0x10), 1ull << 45);
	broken(&s, "tsc-deadline");
	assert_int_equal(msr_of(&s, 0x6e0), 0);
	broken(&s, "vmx-capabilities");
	assert_int_equal(msr_of(&s, 0x485) ^ state_msr(0x485), 1u << 29);
	snapshot_free(&s);
}

static bool ends(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && !strcmp(text + len - end_len, end);
}

/* Each field of vmcs12 changes alone, and stays what such a field may be. */
static void vmcs12_fields_each(void **state)
{
	unsigned count;
	const struct vmcs12_field *f = vmcs12_fields(&count);

	(void)state;
	for (unsigned i = 0; i < count; i++) {
		struct snapshot before = state_sample(), after = state_sample();
		char *what = xasprintf("vmcs12-field=%s", f[i].name), *changed;
		uint64_t old = state_get(&before, f[i].name), value;
		unsigned first, last;
		struct err e = {0};

		assert_int_equal(break_check(what, &e), 0);
		assert_int_equal(break_apply(&after, what, &e), 0);
		changed = diff(&before, &after);
		value = state_get(&after, f[i].name);
		if (sscanf(changed, "NESTED_STATE %x-%x", &first, &last) != 2 ||
		    strchr(changed, ',') || first < 128u + f[i].offset ||
		    last >= 128u + f[i].offset + f[i].size)
			fail_msg("%s: %s", what, changed);
		if (ends(f[i].name, "_ADDR") || ends(f[i].name, "_BASE") ||
		    ends(f[i].name, "_POINTER") || ends(f[i].name, "_CR3") ||
		    !strncmp(f[i].name, "IO_BITMAP", 9) || ends(f[i].name, "R_BITMAP"))
			assert_int_equal(value & 0xfff, old & 0xfff);
		if (ends(f[i].name, "_SELECTOR"))
			assert_int_equal(value, old + 8);
		free(changed);
		free(what);
		snapshot_free(&before);
		snapshot_free(&after);
	}
}

static void wording(void **state)
{
	static const struct {
		const char *what, *text;
	} rows[] = {
		{"", "there is no breakage ''"},
		{"NMI-PENDING", "there is no breakage 'NMI-PENDING'"},
		{"nmi", "there is no breakage"},
		{"nmi-pendin", "there is no breakage"},
		{"nmi-pending=1", "there is no breakage"},
		{"nmi-pending ", "there is no breakage"},
		{"vmcs12-field", "there is no breakage"},
		{"vmcs12-field=", "vmcs12 has no field ''"},
		{"vmcs12-field=guest_rip", "vmcs12 has no field 'guest_rip'"},
		{"vmcs12-field=GUEST_RIPS", "vmcs12 has no field"},
		{"memory-page=", "'' is no number"},
		{"memory-page=0x1000 ", "is no number"},
		{"memory-page=-1", "is no number"},
		{"msr=IA32_TSC", "'IA32_TSC' is no number from 0 to 0xffffffff"},
		{"msr=0x100000000", "is no number from 0 to 0xffffffff"},
	};
	struct snapshot before = state_sample(), after = state_sample();
	char *changed;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err e = {{0}};

		assert_int_equal(break_check(rows[i].what, &e), -1);
		assert_contains(e.text, rows[i].text);
		memset(&e, 0, sizeof(e));
		assert_int_equal(break_apply(&after, rows[i].what, &e), -1);
		assert_contains(e.text, rows[i].text);
	}
	changed = diff(&before, &after);
	assert_string_equal(changed, "");
	free(changed);
	snapshot_free(&before);
	snapshot_free(&after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each),		 cmocka_unit_test(twice),
		cmocka_unit_test(nothing_there), cmocka_unit_test(reasons),
		cmocka_unit_test(either_place),	 cmocka_unit_test(l2_not_active),
		cmocka_unit_test(values),	 cmocka_unit_test(vmcs12_fields_each),
		cmocka_unit_test(wording),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
