// SPDX-License-Identifier: BSD-2-Clause
// The language of proofs: each term where it holds and where it does not, what is said then, and
// wording that cannot be understood.
#include "tests/unit/state.h"

#include "host/snapshot/proof.h"

static void check(const struct snapshot *s, const char *proof, int expected, const char *text)
{
	struct err e = {{0}};
	int ret = proof_check(s, proof, &e);

	if (ret != expected)
		fail_msg("'%s': %d, expected %d (%s)", proof, ret, expected, e.text);
	if (expected == 1)
		assert_string_equal(e.text, "");
	else if (s || expected < 0)
		assert_contains(e.text, text);
}

/* Terms that hold in state_sample(). */
static const char *const true_terms[] = {
	"l2",
	"run-pending",
	"mtf-pending",
	"vmxon",
	"vmcs12",
	"smm",
	"smm-l2",
	"shadow-vmcs12",
	"preemption-timer",
	"halted",
	"virr:0x51",
	"virr:81",
	"virr:255",
	"visr:0x31",
	"pir:0x52",
	"on",
	"sn",
	"irr:0x20",
	"irr:242",
	"isr:0x41",
	"rvi=0x51",
	"svi=0x31",
	"svi&0x30",
	"vtpr=0x20",
	"vppr=48",
	"GUEST_INTR_STATUS=0x3151",
	"HOST_RIP=0x101010",
	"TSC_OFFSET=0xffffff0000000000",
	"revision_id=0x11e57ed0",
	"rip=16",
	"rsp=3",
	"rflags=17",
	"rflags&1",
	"rax=0xa",
	"rbx=0xb",
	"rcx=0xc",
	"rdx=0xd",
	"rsi=1",
	"rdi=2",
	"rbp=4",
	"r8=8",
	"r9=9",
	"r10=10",
	"r11=11",
	"r12=12",
	"r13=13",
	"r14=14",
	"r15=15",
	"cr0=0x80010033",
	"cr2=0xc20",
	"cr3=0xd000",
	"cr4&0x2000",
	"cr8=5",
	"efer&0x500",
	"dr0=1",
	"dr1=2",
	"dr2=3",
	"dr3=4",
	"dr6=0xffff0ff1",
	"dr7=0x455",
	"events.exception.injected=1",
	"events.exception.pending=1",
	"events.exception.nr=14",
	"events.interrupt.injected=1",
	"events.interrupt.nr=0x51",
	"events.interrupt.soft=1",
	"events.interrupt.shadow=2",
	"events.nmi.injected=1",
	"events.nmi.pending=1",
	"events.nmi.masked=1",
	"events.smi.smm=1",
	"events.smi.pending=1",
	"events.smi.latched_init=1",
	"events.triple_fault.pending=1",
	"events.flags=0x2d",
	"msr:0x10=0x10ffffff10",
	"msr:0xc0000080&0x80",
	"mem:0x3000=0x4444444444444444",
	"mem:0x1020=1",
	"mem:0x203f=0x66", /* not aligned */
	"mem:0x204a&4",
	"mem:0x2ffc=0x4444444400000000",
	"mem:0xfff8=0x4444444444444444",
	"mem:0=0",
};

/* Terms that do not, and what must be said. */
static const struct {
	const char *term, *text;
} false_terms[] = {
	{"runnable", "'runnable': mp_state is 0x3 (halted)"},
	{"init-received", "mp_state is 0x3 (halted)"},
	{"sipi-received", "mp_state is 0x3 (halted)"},
	{"uninitialized", "mp_state is 0x3 (halted)"},
	{"virr:0x50", "'virr:0x50': virr has 0x51 0xff"},
	{"virr:0", "virr has 0x51 0xff"},
	{"visr:0x51", "visr has 0x31"},
	{"pir:0x12", "pir has 0x52"},
	{"irr:0x41", "irr has 0x20 0xf2"},
	{"isr:0x40", "isr has 0x41"},
	{"rvi=0x31", "'rvi=0x31': rvi is 0x51"},
	{"svi&4", "svi is 0x31"},
	{"vtpr=0", "vtpr is 0x20"},
	{"GUEST_INTR_STATUS=0", "GUEST_INTR_STATUS is 0x3151"},
	{"rip=17", "'rip=17': rip is 0x10"},
	{"cr3=0", "cr3 is 0xd000"},
	{"dr6&0x2000", "dr6 is 0xffff0ff1"},
	{"events.nmi.masked=0", "events.nmi.masked is 0x1"},
	{"msr:0x10=7", "msr:0x10 is 0x10ffffff10"},
	{"mem:0x1020=2", "mem:0x1020 is 0x1"},
};

/* Terms about what is not there hold neither plain nor negated. */
static const struct {
	const char *term, *text;
} missing[] = {
	{"msr:0x12345=0", "'msr:0x12345=0': no such MSR"},
	{"mem:0x10000=0", "0x10000 is not in guest memory"},
	{"mem:0xfff9=0", "0xfff9 is not in guest memory"},
	{"mem:0xffffffffffffffff=0", "is not in guest memory"},
};

static void true_and_false(void **state)
{
	struct snapshot s = state_sample();
	char term[80];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(true_terms); i++) {
		check(NULL, true_terms[i], 0, "");
		check(&s, true_terms[i], 1, "");
		snprintf(term, sizeof(term), "!%s", true_terms[i]);
		check(NULL, term, 0, "");
		check(&s, term, 0, term);
	}
	for (size_t i = 0; i < ARRAY_SIZE(false_terms); i++) {
		check(NULL, false_terms[i].term, 0, "");
		check(&s, false_terms[i].term, 0, false_terms[i].text);
		snprintf(term, sizeof(term), "!%s", false_terms[i].term);
		check(&s, term, 1, "");
	}
	for (size_t i = 0; i < ARRAY_SIZE(missing); i++) {
		check(&s, missing[i].term, 0, missing[i].text);
		snprintf(term, sizeof(term), "!%s", missing[i].term);
		check(&s, term, 0, missing[i].text + 1);
	}
	snapshot_free(&s);
}

/* The flags, when none is set. */
static void flags_clear(void **state)
{
	static const char *const words[] = {
		"l2",	  "run-pending", "mtf-pending",	     "vmxon",	 "vmcs12", "smm",
		"smm-l2", "on",		 "preemption-timer", "virr:0x51"};
	struct snapshot s = state_sample();
	struct kvm_nested_state *nested = state_section(&s, "NESTED_STATE");
	struct kvm_mp_state *mp = state_section(&s, "MP_STATE");

	(void)state;
	nested->flags = 0;
	nested->size -= KVM_STATE_NESTED_VMX_VMCS_SIZE;
	nested->hdr.vmx.smm.flags = 0;
	nested->hdr.vmx.flags = 0;
	nested->hdr.vmx.vmxon_pa = ~0ull;
	nested->hdr.vmx.vmcs12_pa = ~0ull;
	mp->mp_state = KVM_MP_STATE_RUNNABLE;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		check(&s, words[i], 0, words[i]);
	check(&s, "l2", 0, "'l2': flags is 0x0");
	check(&s, "vmxon", 0, "hdr.vmx.vmxon_pa is 0xffffffffffffffff");
	check(&s, "shadow-vmcs12", 0, "size is 0x1080");
	check(&s, "!l2 !run-pending !mtf-pending !vmxon !vmcs12 !smm !smm-l2 !shadow-vmcs12", 1,
	      "");
	check(&s, "!preemption-timer runnable", 1, "");
	/* There is no page to look at. */
	check(&s, "!virr:0x50", 0, "VMX operation is off");
	check(&s, "!rvi=1", 0, "VMX operation is off");
	snapshot_free(&s);
}

static void registers_of_vectors(void **state)
{
	struct snapshot s = state_sample();
	struct kvm_lapic_state *lapic = state_section(&s, "LAPIC");
	char term[16];

	(void)state;
	memset(lapic, 0, sizeof(*lapic));
	check(&s, "irr:0", 0, "irr has no vector");
	for (unsigned v = 0; v < 256; v++) {
		uint8_t *pir =
			s.page[STATE_PI_DESC / SNAPSHOT_PAGE] + STATE_PI_DESC % SNAPSHOT_PAGE;

		memset(pir, 0, 32);
		memset(lapic, 0, sizeof(*lapic));
		state_set_vector(pir, v, 4);
		state_set_vector((uint8_t *)lapic->regs + 0x200, v, 16);
		snprintf(term, sizeof(term), "pir:%u", v);
		check(&s, term, 1, "");
		snprintf(term, sizeof(term), "irr:%u", v);
		check(&s, term, 1, "");
		snprintf(term, sizeof(term), "pir:%u", v ^ 32);
		check(&s, term, 0, "pir has 0x");
		snprintf(term, sizeof(term), "isr:%u", v);
		check(&s, term, 0, "isr has no vector");
	}
	snapshot_free(&s);
}

static void all_vectors(void **state)
{
	struct snapshot s = state_sample(), empty = {0};
	struct buf text = {0};

	(void)state;
	proof_vectors(&s, &text);
	assert_string_equal(buf_text(&text), "virr 0x51 0xff, visr 0x31, pir 0x52, irr 0x20 0xf2, "
					     "isr 0x41");
	buf_free(&text);
	state_set(&s, "PIN_BASED_VM_EXEC_CONTROL", 0);
	memset(state_section(&s, "LAPIC"), 0, sizeof(struct kvm_lapic_state));
	proof_vectors(&s, &text);
	assert_string_equal(buf_text(&text), "virr 0x51 0xff, visr 0x31");
	buf_free(&text);
	proof_vectors(&empty, &text);
	assert_int_equal(text.len, 0);
	snapshot_free(&s);
}

/* Pages that vmcs12's controls do not use prove nothing. */
static void unused_pages(void **state)
{
	struct snapshot s = state_sample();

	(void)state;
	state_set(&s, "PIN_BASED_VM_EXEC_CONTROL", 0);
	check(&s, "virr:0x51", 1, "");
	check(&s, "on", 0, "'on': vmcs12 does not use POSTED_INTR_DESC_ADDR");
	check(&s, "!pir:1", 0, "'!pir:1': vmcs12 does not use POSTED_INTR_DESC_ADDR");
	state_set(&s, "CPU_BASED_VM_EXEC_CONTROL", 0);
	check(&s, "vtpr=0x20", 0, "vmcs12 does not use VIRTUAL_APIC_PAGE_ADDR");
	state_set(&s, "CPU_BASED_VM_EXEC_CONTROL", 1u << 21);
	state_set(&s, "VIRTUAL_APIC_PAGE_ADDR", 0x10000);
	check(&s, "virr:0x51", 0, "0x10220 is not in guest memory");
	snapshot_free(&s);
}

/* SREGS2 is what a restore takes; SREGS if there is no such section. */
static void either_sregs(void **state)
{
	struct snapshot s = state_sample();
	struct kvm_sregs *one = state_section(&s, "SREGS");
	struct kvm_sregs2 *two = state_section(&s, "SREGS2");

	(void)state;
	one->cr3 = 0x1111;
	two->cr3 = 0x2222;
	check(&s, "cr3=0x2222", 1, "");
	for (unsigned i = 0; i < s.sections; i++)
		if (!strcmp(s.section[i].name, "SREGS2"))
			snprintf(s.section[i].name, sizeof(s.section[i].name), "OTHER");
	check(&s, "cr3=0x1111", 1, "");
	snapshot_free(&s);
}

static void lists(void **state)
{
	struct snapshot s = state_sample();

	(void)state;
	check(&s, "", 1, "");
	check(&s, "  l2   halted !runnable ", 1, "");
	check(&s, "l2 runnable cr3=0", 0, "'runnable'");
	check(&s, "l2 cr3=0 runnable", 0, "'cr3=0'");
	/* What cannot be understood comes first. */
	check(&s, "l2 runnable nonsense", -1, "'nonsense'");
	snapshot_free(&s);
}

static void nothing_saved(void **state)
{
	struct snapshot s = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(true_terms); i++)
		check(&s, true_terms[i], 0, true_terms[i]);
	check(&s, "l2", 0, "no NESTED_STATE in the snapshot");
	check(&s, "!l2", 0, "no NESTED_STATE in the snapshot");
	check(&s, "!cr3=1", 0, "no SREGS in the snapshot");
	check(&s, "!virr:1", 0, "no nested state in the snapshot");

	/* Sections that are too short. */
	for (size_t i = 0; i < ARRAY_SIZE(true_terms); i++) {
		static const char *const names[] = {"NESTED_STATE", "VCPU_EVENTS", "REGS",
						    "SREGS",	    "LAPIC",	   "DEBUGREGS",
						    "MP_STATE",	    "MSRS"};

		for (size_t k = 0; k < ARRAY_SIZE(names); k++)
			snapshot_add(&s, names[k], "", 1);
		check(&s, true_terms[i], 0, true_terms[i]);
		snapshot_free(&s);
	}
}

static void wording(void **state)
{
	static const struct {
		const char *term, *text;
	} rows[] = {
		{"L2", "no such term"},
		{"l2s", "no such term"},
		{"!", "no such term"},
		{"!!l2", "no such term"},
		{"halted,l2", "no such term"},
		{"GUEST_RIP", "no such term"},
		{"virr", "no such term"},
		{"l2:1", "no such term"},
		{"vir:1", "no such term"},
		{"virr:", "no vector from 0 to 255"},
		{"virr:256", "no vector from 0 to 255"},
		{"virr:-1", "no vector from 0 to 255"},
		{"virr:0x", "no vector from 0 to 255"},
		{"virr:1:2", "no vector from 0 to 255"},
		{"virr:0xffffffffffffffffff", "no vector"},
		{"l2=1", "no such key"},
		{"=1", "no such key"},
		{"&", "no such key"},
		{"guest_rip=1", "no such key"},
		{"GUEST_RI=1", "no such key"},
		{"r16=1", "no such key"},
		{"dr4=0", "no such key"},
		{"events.nmi=1", "no such key"},
		{"virr:1=1", "no such key"},
		{"a-key-that-is-longer-than-any-that-there-could-ever-be-in-such-a-table=1",
		 "no such key"},
		{"rip=", "no number"},
		{"rip=0x", "no number"},
		{"rip=1 2", "no such term"},
		{"rip=0x1ffffffffffffffff", "no number"},
		{"rip==1", "no number"},
		{"rip=1&1", "no number"},
		{"rip=-1", "no number"},
		{"rvi=0x100", "wider"},
		{"GUEST_CS_SELECTOR=0x10000", "wider"},
		{"TPR_THRESHOLD=0x100000000", "wider"},
		{"events.nmi.pending&0x100", "wider"},
		{"rip&0", "asks for no bit"},
		{"msr:=1", "follows the colon is no number"},
		{"msr:0x100000000=1", "follows the colon is no number"},
		{"msr:tsc=1", "follows the colon is no number"},
		{"msr:0x10", "no such term"},
		{"mem:x=1", "follows the colon is no number"},
	};
	struct snapshot s = state_sample();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		check(NULL, rows[i].term, -1, rows[i].text);
		check(&s, rows[i].term, -1, rows[i].text);
	}
	check(NULL, "l2 rvi=0x100", -1, "proof: in 'rvi=0x100'");
	snapshot_free(&s);
}

/* Whatever the text, the answer is one of three. */
static void any_text(void **state)
{
	struct snapshot s = state_sample();
	uint64_t seed = 5;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		char text[160] = "l2 !virr:0x51 rvi=0x51 msr:0x10&1 mem:0x1000=7 GUEST_RIP=1 on";
		struct err e = {{0}};
		size_t len = mutate((uint8_t *)text, strlen(text), 3, &seed);
		int ret;

		text[len] = '\0';
		ret = proof_check(&s, text, &e);
		assert_true(ret >= -1 && ret <= 1);
		assert_true((ret == 1) == !*e.text);
	}
	snapshot_free(&s);
}

/* What a sweep asks for must be understood. */
static void sweep_states(void **state)
{
	static const char *const proofs[] = {
#define S(name, proof, text) proof,
#include "host/search/sweep_states.def"
#undef S
	};
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(proofs); i++)
		if (proof_check(NULL, proofs[i], &e))
			fail_msg("%s", e.text);
	assert_true(ARRAY_SIZE(proofs) <= 32); /* bits of hop_record.states */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sweep_states),	 cmocka_unit_test(true_and_false),
		cmocka_unit_test(flags_clear),	 cmocka_unit_test(registers_of_vectors),
		cmocka_unit_test(all_vectors),	 cmocka_unit_test(unused_pages),
		cmocka_unit_test(either_sregs),	 cmocka_unit_test(lists),
		cmocka_unit_test(nothing_saved), cmocka_unit_test(wording),
		cmocka_unit_test(any_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
