// SPDX-License-Identifier: BSD-2-Clause
// Decoding saved states: each format, each refusal, words of fields, and comparing.
#include "tests/unit/state.h"

/* cmocka has a macro of this name. */
#pragma push_macro("fail")
#undef fail
#include "host/commands/cmd.h"
#pragma pop_macro("fail")
#include "host/inspect/inspect.h"
#include "host/inspect/inspect_parts.h"

#include <endian.h>
#include <fcntl.h>
#include <unistd.h>

#define VMCS12_BYTES KVM_STATE_NESTED_VMX_VMCS_SIZE

/* The sample with a shadow vmcs12 of the right revision, most fields of vmcs12 zero. */
static struct snapshot sample(void)
{
	struct snapshot s = state_sample();
	uint8_t *vmcs12 = state_vmcs12(&s);
	uint8_t clean[VMCS12_BYTES] = {0};
	unsigned count;
	const struct vmcs12_field *f = vmcs12_fields(&count);

	for (; count--; f++) {
		uint64_t value = vmcs12_get(vmcs12, f), noise = 0x1111111111111111;

		if (f->size < 8)
			noise &= (1ull << f->size * 8) - 1;
		if (value != noise)
			vmcs12_set(clean, f, value);
	}
	memcpy(vmcs12, clean, sizeof(clean));
	memset(vmcs12 + VMCS12_BYTES, 0, VMCS12_BYTES);
	vmcs12_set(vmcs12 + VMCS12_BYTES, vmcs12_find("revision_id", 11), 0x91e57ed0);
	vmcs12_set(vmcs12 + VMCS12_BYTES, vmcs12_find("GUEST_RIP", 9), 0x5ad0);
	return s;
}

static struct buf encoded(const struct snapshot *s)
{
	struct buf file = {0};

	snapshot_encode(s, &file);
	return file;
}

/* The bytes of the sample's nested state. */
static struct buf raw(void)
{
	struct snapshot s = sample();
	const struct snapshot_section *section = snapshot_find(&s, "NESTED_STATE");
	struct buf file = {0};

	buf_append(&file, section->data, section->len);
	snapshot_free(&s);
	return file;
}

static struct kvm_nested_state *header(struct buf *file)
{
	return (struct kvm_nested_state *)file->p;
}

static char *text_of(const struct buf *file, bool verbose)
{
	struct inspected i = {0};
	struct buf text = {0};
	struct err e = {0};

	if (inspect_load(&i, file, &e))
		fail_msg("%s", e.text);
	inspect_print(&i, verbose, &text);
	inspect_free(&i);
	return text.p;
}

static void refused(const struct buf *file, const char *why)
{
	struct inspected i = {0};
	struct buf text = {0};
	struct err e = {0};

	if (!inspect_load(&i, file, &e))
		fail_msg("taken, expected '%s'", why);
	assert_contains(e.text, why);
	assert_null(strchr(e.text, '\n'));
	assert_int_equal(i.s.sections, 0);
	inspect_snapshot(file, true, &text);
	assert_contains(text.p, "cannot be decoded");
	assert_contains(text.p, why);
	buf_free(&text);
}

/* ---- tables ------------------------------------------------------------------------------- */

/* Every field of vmcs12 is shown, once. */
static void all_fields(void **state)
{
	unsigned count;
	const struct vmcs12_field *f = vmcs12_fields(&count);

	(void)state;
	for (unsigned i = 0; i < count; i++) {
		unsigned found = 0;

		for (unsigned k = 0; k < inspect_row_count; k++)
			found += inspect_rows[k].name && !strcmp(inspect_rows[k].name, f[i].name);
		if (found != 1)
			fail_msg("%s is shown %u times", f[i].name, found);
	}
	for (unsigned k = 0; k < inspect_row_count; k++)
		if (inspect_rows[k].name)
			assert_non_null(
				vmcs12_find(inspect_rows[k].name, strlen(inspect_rows[k].name)));
}

static const struct {
	enum kind kind;
	unsigned low, high;
} bits[] = {
#define B(kind, low, high, name) {KIND_##kind, low, high},
#include "host/inspect/inspect_bits.def"
#undef B
#define C(name, group, bit, text) {KIND_##group, bit, bit},
#include "hv/vmx_controls.def"
#undef C
};

static void bits_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
		assert_true(bits[i].low <= bits[i].high && bits[i].high < 64);
		assert_true(bits[i].kind && bits[i].kind < KIND_BITS_END);
		for (size_t k = 0; k < i; k++)
			if (bits[k].kind == bits[i].kind && bits[k].low <= bits[i].high &&
			    bits[i].low <= bits[k].high)
				fail_msg("bit %u of kind %d has two names", bits[i].low,
					 bits[i].kind);
	}
}

/* Words of any number fit and end. */
static void any_number(void **state)
{
	struct snapshot s = sample();
	uint64_t seed = 7;

	(void)state;
	for (unsigned kind = 0; kind < KINDS; kind++) {
		for (unsigned i = 0; i < 66; i++) {
			uint64_t value = i < 64 ? 1ull << i : i == 64 ? ~0ull : random_next(&seed);
			struct buf b = {0};

			if (kind == KIND_BITS_END || kind == KIND_NAMES_END)
				continue;
			words(&b, kind, value, NULL);
			words(&b, kind, value, state_vmcs12(&s));
			words_changed(&b, kind, value, random_next(&seed));
			buf_free(&b);
		}
	}
	snapshot_free(&s);
}

static void in_words(void **state)
{
	static const struct {
		enum kind kind;
		uint64_t value;
		const char *text;
	} rows[] = {
		{KIND_PIN, 0x9f,
		 "external-interrupt exiting, NMI exiting, process posted interrupts"},
		{KIND_PRIMARY, 1u << 31 | 1u << 0, "bit 0, activate secondary controls"},
		{KIND_SECONDARY, 0x22, "enable EPT, enable VPID"},
		{KIND_CR0, 0x80000021, "PE, NE, PG"},
		{KIND_CR4, 0x2020, "PAE, VMXE"},
		{KIND_EFER, 0xd01, "SCE, LME, LMA, NXE"},
		{KIND_RFLAGS, 0x3202, "IF, IOPL 3"},
		{KIND_DR7, 0x90501, "L0, LE, R/W0 1, LEN0 2"},
		{KIND_INTERRUPTIBILITY, 0x29, "blocking by STI, blocking by NMI, bit 5"},
		{KIND_PENDING_DEBUG, 0x5001, "B0, enabled breakpoint, BS"},
		{KIND_EXCEPTIONS, 0x4202, "#DB, bit 9, #PF"},
		{KIND_ACTIVITY, 3, "wait-for-SIPI"},
		{KIND_ACTIVITY, 4, "unknown"},
		{KIND_MP_STATE, 3, "KVM_MP_STATE_HALTED"},
		{KIND_NESTED_FLAGS, 0x13,
		 "KVM_STATE_NESTED_GUEST_MODE, "
		 "KVM_STATE_NESTED_RUN_PENDING, bit 4"},
		{KIND_ENTRY_EVENT, 0x80000b0e,
		 "valid, hardware exception, vector 0xe #PF, error code"},
		{KIND_ENTRY_EVENT, 0x80000071, "valid, external interrupt, vector 0x71"},
		{KIND_ENTRY_EVENT, 0x202, "not valid, NMI, vector 0x2"},
		{KIND_EXIT_EVENT, 0x80001603,
		 "valid, software exception, vector 0x3 #BP, NMI unblocking due to IRET"},
		{KIND_EXIT_REASON, 0x80000021, "INVALID_STATE, VM-entry failure"},
		{KIND_EXIT_REASON, 12, "HLT"},
		{KIND_EXIT_REASON, 99, "unknown"},
		{KIND_INTERRUPT_STATUS, 0x3151, "RVI 0x51, SVI 0x31"},
		{KIND_EPTP, 0x601e, "memory type WB, 4 levels, table 0x6000"},
		{KIND_EPTP, 0x605e,
		 "memory type WB, 4 levels, accessed and dirty flags, table 0x6000"},
		{KIND_ACCESS_RIGHTS, 0xa09b, "code, execute/read, accessed, DPL 0, P, L, G"},
		{KIND_ACCESS_RIGHTS, 0x8b, "TSS (busy), DPL 0, P"},
		{KIND_ACCESS_RIGHTS, 0x10000, "unusable"},
		{KIND_EOI2, 1ull << 3 | 1ull << 63, "0x83, 0xbf"},
		{KIND_PAT, 0x0007040600070406, "WB WT UC- UC WB WT UC- UC"},
		{KIND_LINK, ~0ull, "none"},
		{KIND_SIGNED, -16ull, "-0x10"},
		{KIND_SELECTOR, 0x2b, "index 5, GDT, RPL 3"},
		{KIND_INSTRUCTION_ERROR, 7, "VM entry with invalid control field(s)"},
		{KIND_LVT_TIMER, 0x500f2, "vector 0xf2, TSC-deadline, masked"},
		{KIND_NONE, 5, ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf b = {0};

		words(&b, rows[i].kind, rows[i].value, NULL);
		assert_string_equal(buf_text(&b), rows[i].text);
		buf_free(&b);
	}
}

/* An exit qualification means what the exit reason says. */
static void qualifications(void **state)
{
	static const struct {
		uint64_t reason, info, value;
		const char *text;
	} rows[] = {
		{28, 0, 0x300, "MOV to CR0, register 3"},
		{29, 0, 0x217, "MOV from DR7, register 2"},
		{30, 0, 0x00e50008, "IN, 1 bytes, port 0xe5"},
		{44, 0, 0x1080, "offset 0x80, linear write"},
		{45, 0, 0x51, "vector 0x51"},
		{56, 0, 0x300, "offset 0x300"},
		{48, 0, 0x182, "data write, linear address valid, final translation"},
		{0, 0x80000301, 0x4001, "B0, BS"},
		{0, 0x80000b0e, 0x4001, ""},
		{0x80000021, 0, 4, ""},
		{12, 0, 4, ""},
	};
	struct snapshot s = sample();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf b = {0};

		state_set(&s, "VM_EXIT_REASON", rows[i].reason);
		state_set(&s, "VM_EXIT_INTR_INFO", rows[i].info);
		words(&b, KIND_QUALIFICATION, rows[i].value, state_vmcs12(&s));
		assert_string_equal(buf_text(&b), rows[i].text);
		buf_free(&b);
	}
	snapshot_free(&s);
}

/* ---- formats ------------------------------------------------------------------------------ */

static void snapshot_file(void **state)
{
	static const char *const parts[] = {
		"snapshot file of midflight, 64 KiB of guest memory",
		"KVM_STATE_NESTED_GUEST_MODE",
		"KVM_STATE_NESTED_SMM_VMXON",
		"vmx.preemption_timer_deadline  0x1234567",
		"KVM_MP_STATE_HALTED",
		"events.nmi.pending",
		"RIP                            0x10",
		"virtual-APIC page at 0x1000",
		"VIRR                           0x51, 0xff",
		"VISR                           0x31",
		"VTPR                           0x20",
		"posted-interrupt descriptor at 0x2040",
		"PIR                            0x52",
		"ON (outstanding notification)  0x1",
		"NV (notification vector)       0xf2",
		"IRR                            0x20, 0xf2",
		"GUEST_INTR_STATUS              0x3151               RVI 0x51, SVI 0x31",
		"process posted interrupts",
		"vmcs12: host-state area\n",
		"shadow vmcs12: guest-state area: registers\n",
		"0x5ad0",
		"KVM's vmcs12, a shadow VMCS",
	};
	struct snapshot s = sample();
	struct buf file = encoded(&s);
	char *text = text_of(&file, false);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		assert_contains(text, parts[i]);
	assert_null(strstr(text, "HOST_CR3"));
	free(text);
	text = text_of(&file, true);
	assert_contains(text, "HOST_CR3");
	assert_contains(text, "R15                            0xf");
	assert_contains(text, "IA32_LSTAR");
	free(text);
	buf_free(&file);
	snapshot_free(&s);
}

/* An address that no control makes use of is called that. */
static void not_in_use(void **state)
{
	struct snapshot s = sample();
	struct buf file;
	char *text;

	(void)state;
	state_set(&s, "PIN_BASED_VM_EXEC_CONTROL", 0);
	file = encoded(&s);
	text = text_of(&file, false);
	assert_contains(text, "POSTED_INTR_DESC_ADDR          0x2040               not in use");
	assert_null(strstr(text, "posted-interrupt descriptor at"));
	free(text);
	buf_free(&file);
	snapshot_free(&s);
}

static void two_vcpus(void **state)
{
	struct snapshot s = sample();
	struct kvm_regs regs = {.rip = 0x2222};
	struct kvm_nested_state nested = {.size = sizeof(nested),
					  .hdr.vmx = {.vmxon_pa = 0x5000, .vmcs12_pa = ~0ull}};
	struct buf file;
	char *text;

	(void)state;
	snapshot_add(&s, "vcpu1.REGS", &regs, sizeof(regs));
	snapshot_add(&s, "vcpu1.NESTED_STATE", &nested, sizeof(nested));
	file = encoded(&s);
	text = text_of(&file, false);
	assert_contains(text, "vCPU 0, L2 is active");
	assert_contains(text, "vCPU 1\n");
	assert_contains(text, "0x2222");
	assert_contains(text, "there is no current VMCS");
	free(text);
	buf_free(&file);
	snapshot_free(&s);
}

static void nested_state_buffer(void **state)
{
	struct buf file = raw();
	char *text = text_of(&file, false), zeros[64] = {0};

	(void)state;
	assert_contains(text, "buffer of KVM_GET_NESTED_STATE");
	assert_contains(text, "GUEST_INTR_STATUS");
	assert_contains(text, "shadow vmcs12");
	free(text);
	/* A buffer that was larger than needed. */
	buf_append(&file, zeros, sizeof(zeros));
	text = text_of(&file, false);
	free(text);
	file.p[file.len - 1] = 1;
	refused(&file, "64 bytes stand behind a nested state of 8320 bytes");
	file.len = sizeof(struct kvm_nested_state);
	header(&file)->size = sizeof(struct kvm_nested_state);
	header(&file)->hdr.vmx.vmcs12_pa = ~0ull;
	text = text_of(&file, false);
	assert_contains(text, "no vmcs12: there is no current VMCS");
	free(text);
	header(&file)->hdr.vmx.vmxon_pa = ~0ull;
	text = text_of(&file, false);
	assert_contains(text, "no vmcs12: VMX operation is off");
	free(text);
	buf_free(&file);
}

/* With an enlightened VMCS the header has no address of it. */
static void enlightened(void **state)
{
	struct buf file = raw();
	char *text;

	(void)state;
	header(&file)->flags |= KVM_STATE_NESTED_EVMCS;
	header(&file)->hdr.vmx.vmcs12_pa = ~0ull;
	text = text_of(&file, false);
	assert_contains(text, "KVM_STATE_NESTED_EVMCS");
	assert_contains(text, "GUEST_INTR_STATUS");
	free(text);
	buf_free(&file);
}

static void refusals(void **state)
{
	struct buf file = {0};
	struct snapshot s = sample();
	uint8_t *shadow = state_vmcs12(&s) + VMCS12_BYTES;

	(void)state;
	refused(&file, "no format that is known (0 bytes)");
	buf_printf(&file, "just a text that is long enough to be a header of something");
	refused(&file, "no format that is known");
	buf_free(&file);

	file = raw();
	file.p[sizeof(struct kvm_nested_state)] ^= 1;
	refused(&file, "vmcs12 has revision 0x11e57ed1, known is 0x11e57ed0");
	file.p[sizeof(struct kvm_nested_state)] ^= 1;
	file.p[sizeof(struct kvm_nested_state) + 3] ^= (char)0x80;
	free(text_of(&file, false)); /* a shadow VMCS may be the current one */
	file.p[sizeof(struct kvm_nested_state) + VMCS12_BYTES] ^= 1;
	refused(&file, "the shadow vmcs12 has revision 0x91e57ed1");
	header(&file)->size = 128;
	file.len = 128;
	refused(&file, "ends before vmcs12");
	header(&file)->size = 129;
	refused(&file, "truncated: the nested state says that it has 129 bytes, 128 are there");
	header(&file)->size = 128;
	header(&file)->format = KVM_STATE_NESTED_FORMAT_SVM;
	refused(&file, "that of SVM");
	header(&file)->format = 2;
	refused(&file, "no format that is known");
	header(&file)->format = 0;
	header(&file)->flags = 0x200;
	refused(&file, "no format that is known");
	buf_free(&file);

	/* The same within a snapshot, and of the second vCPU. */
	shadow[0] ^= 1;
	file = encoded(&s);
	refused(&file, "the shadow vmcs12 has revision");
	file.p[file.len / 2] ^= 1;
	refused(&file, "checksum");
	file.len -= 9;
	refused(&file, "truncated");
	file.p[8] = 9;
	refused(&file, "version 9");
	buf_free(&file);
	snapshot_free(&s);
	s = (struct snapshot){0};
	snapshot_add(&s, "vcpu1.NESTED_STATE", "1234", 4);
	file = encoded(&s);
	refused(&file, "cut short");
	buf_free(&file);
	snapshot_free(&s);
}

/* Fields of any section may end anywhere: nothing is read behind them. */
static void short_sections(void **state)
{
	struct snapshot full = sample();

	(void)state;
	for (unsigned i = 0; i < full.sections; i++) {
		for (size_t cut = 1; cut <= full.section[i].len && cut < 200; cut += 41) {
			struct snapshot s = {0};
			struct buf file, text = {0};
			struct inspected loaded = {0};
			struct err e = {0};

			for (unsigned k = 0; k < full.sections; k++)
				snapshot_add(&s, full.section[k].name, full.section[k].data,
					     full.section[k].len - (k == i ? cut : 0));
			file = encoded(&s);
			if (!inspect_load(&loaded, &file, &e)) {
				inspect_print(&loaded, true, &text);
				inspect_brief(&loaded, &text);
				inspect_diff(&loaded, &loaded, &text);
			}
			inspect_free(&loaded);
			buf_free(&text);
			buf_free(&file);
			snapshot_free(&s);
		}
	}
	snapshot_free(&full);
}

static void damaged(void **state)
{
	struct buf file = raw();
	struct snapshot s = sample();
	struct buf sound = encoded(&s);
	uint64_t seed = 5;

	(void)state;
	for (size_t len = 0; len < file.len; len += len < 300 ? 1 : 97) {
		struct buf cut = {0}, text = {0};

		buf_append(&cut, file.p, len);
		inspect_snapshot(&cut, false, &text);
		assert_contains(text.p, "cannot be decoded");
		buf_free(&text);
		buf_free(&cut);
	}
	for (unsigned i = 0; i < 300; i++) {
		struct buf copy = {0}, text = {0};

		buf_append(&copy, file.p, file.len);
		copy.len = mutate((uint8_t *)copy.p, i % 2 ? copy.len : 160, 1 + i % 5, &seed);
		inspect_snapshot(&copy, i % 3 == 0, &text);
		inspect_compare(&copy, &sound, &text);
		assert_non_null(text.p);
		buf_free(&text);
		buf_free(&copy);
	}
	buf_free(&sound);
	buf_free(&file);
	snapshot_free(&s);
}

static void brief(void **state)
{
	static const char *const parts[] = {
		"nested state: flags 0xb (KVM_STATE_NESTED_GUEST_MODE",
		"vmcs12 0xc000",
		"preemption timer deadline 0x1234567",
		"vCPU: mp_state 0x3 (KVM_MP_STATE_HALTED)",
		"nmi.pending 0x1",
		"registers of L2: RIP 0x10",
		"GUEST_ACTIVITY_STATE 0x0 (active)",
		"GUEST_INTR_STATUS 0x3151 (RVI 0x51, SVI 0x31)",
		"controls on: posted interrupts, TPR shadow, EPT; off: preemption timer",
		"virtual-APIC page 0x1000: VTPR 0x20, VPPR 0x30; VIRR 0x51, 0xff; VISR 0x31",
		"posted-interrupt descriptor 0x2040: PIR 0x52; ON 1, SN 1, NV 0xf2, NDST 0x0",
	};
	struct snapshot s = sample();
	struct buf file = encoded(&s), text = {0};
	unsigned lines = 0;

	(void)state;
	inspect_snapshot(&file, true, &text);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		assert_contains(text.p, parts[i]);
	for (const char *p = text.p; (p = strchr(p, '\n')); p++)
		lines++;
	assert_in_range(lines, 10, 14);
	buf_free(&text);
	buf_free(&file);
	/* Secondary controls count only if they are activated. */
	state_set(&s, "CPU_BASED_VM_EXEC_CONTROL", 1u << 21);
	file = encoded(&s);
	inspect_snapshot(&file, true, &text);
	assert_contains(text.p, "controls on: posted interrupts, TPR shadow; off: ");
	buf_free(&text);
	buf_free(&file);
	snapshot_free(&s);
}

/* ---- comparing ---------------------------------------------------------------------------- */

static int compare(const struct snapshot *a, const struct snapshot *b, struct buf *text)
{
	struct buf one = encoded(a), two = encoded(b);
	int ret = inspect_compare(&one, &two, text);

	buf_free(&one);
	buf_free(&two);
	return ret;
}

static void same(void **state)
{
	struct snapshot s = sample();
	struct buf text = {0};

	(void)state;
	assert_int_equal(compare(&s, &s, &text), 0);
	assert_string_equal(buf_text(&text), "");
	buf_free(&text);
	snapshot_free(&s);
}

static void differences(void **state)
{
	static const char *const parts[] = {
		"vmcs12.GUEST_INTR_STATUS: 0x3151 (RVI 0x51, SVI 0x31) -> 0x52 (RVI 0x52, SVI 0x0)",
		"vmcs12.PIN_BASED_VM_EXEC_CONTROL: 0x80 -> 0x40 (+activate VMX-preemption timer, "
		"-process posted interrupts)",
		"NESTED_STATE.flags: 0xb -> 0x1 (-KVM_STATE_NESTED_RUN_PENDING, "
		"-KVM_STATE_NESTED_MTF_PENDING)",
		"REGS.rip: 0x10 -> 0x1234\n",
		"MP_STATE.mp_state: 0x3 (KVM_MP_STATE_HALTED) -> 0x0 (KVM_MP_STATE_RUNNABLE)",
		"VCPU_EVENTS.nmi.pending: 0x1 -> 0x0",
		"LAPIC.IRR: -0x20, +0x61\n",
		"MSRS.IA32_LSTAR: ",
		"SREGS2.cr0: 0x80010033 -> 0x80010031 (-MP)",
		"shadow_vmcs12.GUEST_RIP: 0x5ad0 -> 0x5ad1",
		"virtual-APIC page.VIRR: -0x51, +0x61",
		"virtual-APIC page.VTPR: 0x20 -> 0x30",
		"guest memory: 2 pages differ",
		"guest memory, virtual-APIC page: 1 page (0x1000)",
		"guest memory, MSR bitmap: 1 page (0x3000)",
	};
	struct snapshot a = sample(), b = sample();
	struct kvm_msr_entry *msr = state_section(&b, "MSRS");
	uint8_t *lapic = state_section(&b, "LAPIC"), *vapic;
	struct buf text = {0};
	int found;

	(void)state;
	state_set(&b, "GUEST_INTR_STATUS", 0x52);
	/* Compared bit by bit; the descriptor is then of no use. */
	state_set(&b, "PIN_BASED_VM_EXEC_CONTROL", 1u << 6);
	((struct kvm_nested_state *)state_section(&b, "NESTED_STATE"))->flags = 1;
	((struct kvm_regs *)state_section(&b, "REGS"))->rip = 0x1234;
	((struct kvm_mp_state *)state_section(&b, "MP_STATE"))->mp_state = 0;
	((struct kvm_vcpu_events *)state_section(&b, "VCPU_EVENTS"))->nmi.pending = 0;
	((struct kvm_sregs2 *)state_section(&b, "SREGS2"))->cr0 = 0x80010031;
	while (msr->index != 0xc0000082)
		msr++;
	msr->data++;
	lapic[0x210] = 0;
	state_set_vector(lapic + 0x200, 0x61, 16);
	vmcs12_set(state_vmcs12(&b) + VMCS12_BYTES, vmcs12_find("GUEST_RIP", 9), 0x5ad1);
	vapic = b.page[1];
	vapic[0x80] = 0x30;
	memset(vapic + 0x220, 0, 4);
	state_set_vector(vapic + 0x200, 0x61, 16);
	b.page[3][5] ^= 1;
	found = compare(&a, &b, &text);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		assert_contains(text.p, parts[i]);
	assert_int_equal(found, 14);
	buf_free(&text);
	snapshot_free(&a);
	snapshot_free(&b);
}

static void descriptor_differs(void **state)
{
	struct snapshot a = sample(), b = sample();
	uint8_t *pi = b.page[STATE_PI_DESC / SNAPSHOT_PAGE] + STATE_PI_DESC % SNAPSHOT_PAGE;
	struct buf text = {0};

	(void)state;
	pi[32] = 0;
	pi[34] = 0xf3;
	state_set_vector(pi, 0x99, 4);
	assert_int_equal(compare(&a, &b, &text), 5);
	assert_contains(text.p, "posted-interrupt descriptor.PIR: +0x99\n");
	assert_contains(text.p, "posted-interrupt descriptor.ON: 0x1 -> 0x0\n");
	assert_contains(text.p, "posted-interrupt descriptor.SN: 0x1 -> 0x0\n");
	assert_contains(text.p, "posted-interrupt descriptor.NV: 0xf2 -> 0xf3\n");
	assert_contains(text.p, "guest memory, posted-interrupt descriptor: 1 page (0x2000)\n");
	buf_free(&text);
	snapshot_free(&a);
	snapshot_free(&b);
}

/* Names of pages come from L1's log too; sections and MSRs of one alone are differences. */
static void one_sided(void **state)
{
	static const char log[] = "# @1 page name=\"L2 data\" gpa=0xc000 pages=3\n";
	struct snapshot a = sample(), b = sample();
	struct kvm_msr_entry entry = {.index = 0x123456};
	struct kvm_regs regs = {0};
	struct buf text = {0};

	(void)state;
	snapshot_add(&a, "SERIAL_LOG", log, sizeof(log) - 1);
	snapshot_add(&b, "SERIAL_LOG", log, sizeof(log) - 2);
	snapshot_add(&b, "TSC_KHZ", "abcd", 4);
	snapshot_add(&b, "vcpu1.REGS", &regs, sizeof(regs));
	memcpy(state_section(&b, "MSRS"), &entry, sizeof(entry));
	for (unsigned page = 12; page < 16; page++)
		b.page[page][0] ^= 1;
	compare(&a, &b, &text);
	assert_contains(text.p, "vCPUs: 1 -> 2");
	assert_contains(text.p, "TSC_KHZ: only in the second");
	assert_contains(text.p, "MSRS.IA32_TSC: only in the first");
	assert_contains(text.p, "MSRS.0x123456: only in the second");
	assert_contains(text.p, "SERIAL_LOG: 44 bytes -> 43 bytes");
	assert_contains(text.p, "guest memory, L2 data: 2 pages (0xd000-0xefff)");
	assert_contains(text.p, "guest memory, VMCS: 1 page (0xc000)");
	assert_contains(text.p, "guest memory, other: 1 page (0xf000)");
	buf_free(&text);
	snapshot_free(&a);
	snapshot_free(&b);
}

static void other_formats(void **state)
{
	struct snapshot s = sample();
	struct buf file = encoded(&s), buffer = raw(), nothing = {0}, text = {0};

	(void)state;
	assert_int_equal(inspect_compare(&file, &buffer, &text), 0);
	assert_contains(text.p, "compared is what both have");
	assert_contains(text.p, "not compared: VCPU_EVENTS, MP_STATE");
	assert_contains(text.p, "guest memory (only one has it)");
	assert_int_equal(inspect_compare(&nothing, &file, &text), -1);
	assert_contains(text.p, "the first cannot be decoded");
	assert_int_equal(inspect_compare(&file, &nothing, &text), -1);
	assert_contains(text.p, "the second cannot be decoded");
	buf_free(&text);
	buf_free(&buffer);
	buf_free(&file);
	snapshot_free(&s);
}

/* ---- QEMU's stream ------------------------------------------------------------------------ */

static void put(struct buf *b, uint64_t value, unsigned bytes)
{
	value = htobe64(value);
	buf_append(b, (const uint8_t *)&value + 8 - bytes, bytes);
}

static void put_string(struct buf *b, const char *s)
{
	put(b, strlen(s), 1);
	buf_append(b, s, strlen(s));
}

#define RAM_PAGES 16

/* What is spoiled in the stream's RAM. */
enum ram { RAM_SOUND, RAM_XBZRLE, RAM_BEYOND, RAM_NO_FOOTER, RAM_ODD_ZERO, RAM_LARGE, RAM_OTHER };

static void put_ram(struct buf *b, const struct snapshot *s, enum ram ram)
{
	put(b, 1, 1);
	put(b, 2, 4);
	put_string(b, "ram");
	put(b, 0, 4);
	put(b, 4, 4);
	put(b, (ram == RAM_LARGE ? 1ull << 40 : RAM_PAGES * 4096) + 4096 + 4, 8);
	put_string(b, "small");
	put(b, 4096, 8);
	put_string(b, "pc.ram");
	put(b, ram == RAM_LARGE ? 1ull << 40 : RAM_PAGES * 4096, 8);
	put(b, 0x10, 8);
	put(b, 0x7e, 1);
	put(b, 2, 4);
	put(b, 8, 1); /* a command, of three bytes */
	put(b, 7, 2);
	put(b, 3, 2);
	put(b, 0, 3);
	for (unsigned round = 2; round < 4; round++) {
		put(b, ram == RAM_OTHER ? 9 : round, 1);
		put(b, 2, 4);
		put(b, 0x08, 8);
		put_string(b, "small");
		buf_append(b, s->page[3], 4096);
		for (unsigned i = 0; i < RAM_PAGES; i++) {
			bool zero = !s->page[i] || round == 2;
			uint64_t flags = (zero ? 2 : 8) | (i ? 0x20 : 0);

			if (ram == RAM_XBZRLE)
				flags |= 0x40;
			put(b, (ram == RAM_BEYOND ? 4096 * RAM_PAGES : i * 4096u) | flags, 8);
			if (!i)
				put_string(b, "pc.ram");
			if (zero)
				put(b, ram == RAM_ODD_ZERO, 1);
			else
				buf_append(b, s->page[i], 4096);
		}
		put(b, 0x10, 8);
		put(b, ram == RAM_NO_FOOTER ? 0x7d : 0x7e, 1);
		put(b, 2, 4);
	}
}

static void put_segments(struct buf *b)
{
	for (unsigned i = 0; i < 6; i++) {
		put(b, 8 * i, 4);
		put(b, 0x1000 * i, 8);
		put(b, 0xffff, 4);
		put(b, 0xa09b00, 4);
	}
}

/* A stream of one vCPU with the nested state and memory of @s. */
static struct buf stream(const struct snapshot *s, enum ram ram)
{
	static const char description[] =
		"{\"page_size\": 4096, \"devices\": [{\"name\": \"cpu\", \"instance_id\": 0, "
		"\"vmsd_name\": \"cpu\", \"version\": 12, \"fields\": ["
		"{\"name\": \"env.regs\", \"array_len\": 16, \"size\": 8}, "
		"{\"name\": \"env.eip\", \"size\": 8}, {\"name\": \"env.hflags\", \"size\": 4}, "
		"{\"name\": \"env.segs\", \"array_len\": 6, \"size\": 20, \"struct\": "
		"{\"vmsd_name\": \"segment\", \"version\": 1, \"fields\": ["
		"{\"name\": \"selector\", \"size\": 4}, {\"name\": \"base\", \"size\": 8}, "
		"{\"name\": \"limit\", \"size\": 4}, {\"name\": \"flags\", \"size\": 4}]}}, "
		"{\"name\": \"env.interrupt_injected\", \"size\": 4}, "
		"{\"name\": \"env.exception_nr\", \"size\": 4}, "
		"{\"name\": \"env.mp_state\", \"size\": 4}, {\"name\": \"env.lstar\", \"size\": "
		"8}], "
		"\"subsections\": [{\"vmsd_name\": \"cpu/nested_state\", \"version\": 1, "
		"\"fields\": [{\"name\": \"env.nested_state\", \"size\": 8329, \"struct\": "
		"{\"vmsd_name\": \"cpu/kvm_nested_state\", \"version\": 1, \"fields\": ["
		"{\"name\": \"flags\", \"size\": 2}, {\"name\": \"format\", \"size\": 2}, "
		"{\"name\": \"size\", \"size\": 4}], \"subsections\": [{\"vmsd_name\": "
		"\"cpu/kvm_nested_state/vmx\", \"version\": 1, \"fields\": ["
		"{\"name\": \"hdr.vmx.vmxon_pa\", \"size\": 8}, "
		"{\"name\": \"hdr.vmx.vmcs12_pa\", \"size\": 8}, "
		"{\"name\": \"hdr.vmx.smm.flags\", \"size\": 2}], \"subsections\": ["
		"{\"vmsd_name\": \"cpu/kvm_nested_state/vmx/vmcs12\", \"version\": 1, \"fields\": ["
		"{\"name\": \"data.vmx[0].vmcs12\", \"array_len\": 4096, \"size\": 1}]}, "
		"{\"vmsd_name\": \"cpu/kvm_nested_state/vmx/shadow_vmcs12\", \"version\": 1, "
		"\"fields\": [{\"name\": \"data.vmx[0].shadow_vmcs12\", \"array_len\": 4096, "
		"\"size\": 1}]}]}]}}]}]}, "
		"{\"name\": \"apic\", \"instance_id\": 0, \"vmsd_name\": \"apic\", \"version\": 3, "
		"\"fields\": [{\"name\": \"apicbase\", \"size\": 4}, {\"name\": \"tpr\", \"size\": "
		"1}, "
		"{\"name\": \"irr\", \"array_len\": 8, \"size\": 4}]}]}";
	const struct snapshot_section *nested = snapshot_find(s, "NESTED_STATE");
	const struct kvm_nested_state *h = nested->data;
	struct buf b = {0};
	static const char *const vmx = "cpu/kvm_nested_state/vmx";

	put(&b, 0x5145564d, 4);
	put(&b, 3, 4);
	put(&b, 7, 1);
	put_string(&b, "pc");
	put_ram(&b, s, ram);
	put(&b, 4, 1);
	put(&b, 3, 4);
	put_string(&b, "cpu");
	put(&b, 0, 4);
	put(&b, 12, 4);
	for (unsigned i = 0; i < 16; i++)
		put(&b, 0x100 + i, 8);
	put(&b, 0x1234, 8);
	put(&b, 1u << 3 | 1u << 19, 4);
	put_segments(&b);
	put(&b, 0x31, 4);
	put(&b, UINT32_MAX, 4);
	put(&b, KVM_MP_STATE_HALTED, 4);
	put(&b, 0xabcdef, 8);
	put(&b, 5, 1);
	put_string(&b, "cpu/nested_state");
	put(&b, 1, 4);
	put(&b, h->flags, 2);
	put(&b, h->format, 2);
	put(&b, h->size, 4);
	put(&b, 5, 1);
	put_string(&b, vmx);
	put(&b, 1, 4);
	put(&b, h->hdr.vmx.vmxon_pa, 8);
	put(&b, h->hdr.vmx.vmcs12_pa, 8);
	put(&b, h->hdr.vmx.smm.flags, 2);
	for (unsigned i = 0; i < 2; i++) {
		put(&b, 5, 1);
		put_string(&b, i ? "cpu/kvm_nested_state/vmx/shadow_vmcs12"
				 : "cpu/kvm_nested_state/vmx/vmcs12");
		put(&b, 1, 4);
		buf_append(&b, (const uint8_t *)h + sizeof(*h) + i * VMCS12_BYTES, VMCS12_BYTES);
	}
	put(&b, 0x7e, 1);
	put(&b, 3, 4);
	put(&b, 4, 1);
	put(&b, 4, 4);
	put_string(&b, "apic");
	put(&b, 0, 4);
	put(&b, 3, 4);
	put(&b, 0xfee00900, 4);
	put(&b, 0x50, 1);
	for (unsigned i = 0; i < 8; i++)
		put(&b, i == 2 ? 2 : 0, 4);
	put(&b, 0x7e, 1);
	put(&b, 4, 4);
	put(&b, 0, 1);
	put(&b, 6, 1);
	put(&b, sizeof(description) - 1, 4);
	buf_append(&b, description, sizeof(description) - 1);
	return b;
}

static void qemu_stream(void **state)
{
	static const char *const parts[] = {
		"migration stream of QEMU, 64 KiB of guest memory",
		"KVM_MP_STATE_HALTED",
		"RIP                            0x1234",
		"RSP                            0x104",
		"RBP                            0x105",
		"R15                            0x10f",
		"CS.SELECTOR                    0x8",
		"GS.BASE                        0x5000",
		"CS.TYPE                        0xb",
		"CR8                            0x5",
		"events.interrupt.nr            0x31",
		"events.interrupt.shadow        0x3",
		"events.smi.smm                 0x1",
		"IRR                            0x41",
		"IA32_LSTAR                     0xabcdef",
		"VIRR                           0x51, 0xff",
		"PIR                            0x52",
		"GUEST_INTR_STATUS              0x3151               RVI 0x51, SVI 0x31",
		"shadow vmcs12: guest-state area: registers\n",
	};
	struct snapshot s = sample();
	struct buf file = stream(&s, RAM_SOUND), own = encoded(&s), diff = {0};
	char *text = text_of(&file, true);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		assert_contains(text, parts[i]);
	assert_null(strstr(text, "vmx.preemption_timer_deadline "));
	assert_contains(text, "not in such a stream: VCPU_EVENTS.flags, ");
	free(text);
	assert_int_equal(inspect_compare(&file, &file, &diff), 0);
	assert_true(inspect_compare(&own, &file, &diff) > 0);
	assert_contains(diff.p, "REGS.rip: 0x10 -> 0x1234");
	assert_null(strstr(diff.p, "guest memory"));
	assert_null(strstr(diff.p, "vmcs12."));
	assert_null(strstr(diff.p, "preemption_timer_deadline:"));
	assert_contains(diff.p, "NESTED_STATE.hdr.vmx.preemption_timer_deadline\n");
	assert_contains(diff.p, " MSRs");
	buf_free(&diff);
	buf_free(&own);
	buf_free(&file);
	snapshot_free(&s);
}

/* Memory in a form that is not read: the rest is told, and why it is missing. */
static void qemu_memory(void **state)
{
	static const char *const why[] = {
		[RAM_XBZRLE] = "pages with flags 0x42 are not read here",
		[RAM_BEYOND] = "page 0x10000 of it is odd",
		[RAM_NO_FOOTER] = "its RAM section has no footer",
		[RAM_ODD_ZERO] = "of it is odd",
		[RAM_LARGE] = "its list of RAM blocks",
		[RAM_OTHER] = "is not RAM",
	};
	struct snapshot s = sample();

	(void)state;
	for (unsigned i = RAM_XBZRLE; i <= RAM_OTHER; i++) {
		struct buf file = stream(&s, i);
		char *text = text_of(&file, false);

		assert_contains(text, "without guest memory: ");
		assert_contains(text, why[i]);
		assert_contains(text, "GUEST_INTR_STATUS");
		assert_null(strstr(text, "VIRR"));
		free(text);
		buf_free(&file);
	}
	snapshot_free(&s);
}

static void qemu_damaged(void **state)
{
	struct snapshot s = sample();
	struct buf file = stream(&s, RAM_SOUND);
	uint64_t seed = 11;

	(void)state;
	for (size_t len = 4; len < file.len; len += 997) {
		struct buf cut = {0};

		buf_append(&cut, file.p, len);
		refused(&cut, "");
		buf_free(&cut);
	}
	for (unsigned i = 0; i < 90; i++) {
		struct buf copy = {0}, text = {0};
		size_t skip = i % 3 == 0 ? file.len - 12000 : i % 3 == 1 ? 20 : file.len - 2400;

		buf_append(&copy, file.p, file.len);
		copy.len = skip + mutate((uint8_t *)copy.p + skip,
					 i % 3 == 1 ? 200 : file.len - skip, 1 + i % 2, &seed);
		if (i % 3 == 1)
			copy.len = file.len;
		inspect_snapshot(&copy, i % 2, &text);
		assert_non_null(text.p);
		buf_free(&text);
		buf_free(&copy);
	}
	buf_free(&file);
	snapshot_free(&s);
}

/* ---- the command -------------------------------------------------------------------------- */

/* Its exit status; what it prints goes nowhere. */
static int command(bool diff, char *first, char *second)
{
	char *files[] = {first, second};
	struct options o = {.diff = diff, .files = files, .file_count = second ? 2 : 1};
	int out = dup(1), err = dup(2), null = open("/dev/null", O_WRONLY | O_CLOEXEC), status;

	fflush(stdout);
	dup2(null, 1);
	dup2(null, 2);
	status = cmd_inspect(&o);
	fflush(stdout);
	dup2(out, 1);
	dup2(err, 2);
	close(out);
	close(err);
	close(null);
	return status;
}

static void exit_status(void **state)
{
	char dir[] = "/tmp/test_inspect.XXXXXX", *one, *two, *none, *bad;
	struct snapshot s = sample();
	struct err e = {0};

	(void)state;
	assert_non_null(mkdtemp(dir));
	one = xasprintf("%s/one", dir);
	two = xasprintf("%s/two", dir);
	bad = xasprintf("%s/bad", dir);
	none = xasprintf("%s/none", dir);
	assert_int_equal(snapshot_write(&s, one, &e), 0);
	state_set(&s, "GUEST_RIP", 1);
	assert_int_equal(snapshot_write(&s, two, &e), 0);
	assert_int_equal(write_file(dir, "bad", "text", 4, 0600, &e), 0);
	assert_int_equal(command(false, one, NULL), 0);
	assert_int_equal(command(false, one, two), 0);
	assert_int_equal(command(false, bad, NULL), 2);
	assert_int_equal(command(false, bad, one), 2);
	assert_int_equal(command(false, none, NULL), 2);
	assert_int_equal(command(false, dir, NULL), 2);
	assert_int_equal(command(true, one, one), 0);
	assert_int_equal(command(true, one, two), 1);
	assert_int_equal(command(true, one, bad), 2);
	assert_int_equal(command(true, none, one), 2);
	unlink(one);
	unlink(two);
	unlink(bad);
	rmdir(dir);
	free(one);
	free(two);
	free(bad);
	free(none);
	snapshot_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_fields),
		cmocka_unit_test(bits_once),
		cmocka_unit_test(any_number),
		cmocka_unit_test(in_words),
		cmocka_unit_test(qualifications),
		cmocka_unit_test(snapshot_file),
		cmocka_unit_test(not_in_use),
		cmocka_unit_test(two_vcpus),
		cmocka_unit_test(nested_state_buffer),
		cmocka_unit_test(enlightened),
		cmocka_unit_test(refusals),
		cmocka_unit_test(short_sections),
		cmocka_unit_test(damaged),
		cmocka_unit_test(brief),
		cmocka_unit_test(same),
		cmocka_unit_test(differences),
		cmocka_unit_test(descriptor_differs),
		cmocka_unit_test(one_sided),
		cmocka_unit_test(other_formats),
		cmocka_unit_test(qemu_stream),
		cmocka_unit_test(qemu_memory),
		cmocka_unit_test(qemu_damaged),
		cmocka_unit_test(exit_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
