// SPDX-License-Identifier: BSD-2-Clause
// The oracles' comparison, what it lets pass, the reader of L0's log, and buffers with a guard
// page.
#include "host/kvm/kvm_vm.h"
#include "tests/unit/unit.h"

#include "host/kvm/guarded.h"
#include "host/flight/flight.h"
#include "host/l0/l0_log.h"
#include "host/snapshot/oracle.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/socket.h>
#include <unistd.h>

#define TSC	     0x10
#define TSC_DEADLINE 0x6e0
#define VECTOR	     0x45

static struct oracle_report report;

static const struct kvm_msr_entry msrs[] = {
	{.index = TSC, .data = 1000},
	{.index = TSC_DEADLINE, .data = 0},
	{.index = 0xc0000081, .data = 7},
	{.index = 0x4b564d00, .data = 8},
};

static const struct kvm_cpuid_entry2 cpuid[] = {
	{.function = 7, .index = 0, .eax = 1},
	{.function = 7, .index = 1, .eax = 2},
};

static const struct {
	const char *name;
	size_t size;
} sections[] = {
	{"VCPU_EVENTS", sizeof(struct kvm_vcpu_events)},
	{"MP_STATE", sizeof(struct kvm_mp_state)},
	{"REGS", sizeof(struct kvm_regs)},
	{"SREGS", sizeof(struct kvm_sregs)},
	{"SREGS2", sizeof(struct kvm_sregs2)},
	{"DEBUGREGS", sizeof(struct kvm_debugregs)},
	{"LAPIC", sizeof(struct kvm_lapic_state)},
	{"XCRS", sizeof(struct kvm_xcrs)},
	{"NESTED_STATE", sizeof(struct kvm_nested_state) + 2 * KVM_STATE_NESTED_VMX_VMCS_SIZE},
	{"XSAVE", 4096},
	{"IRQCHIP", 3 * sizeof(struct kvm_irqchip)},
	{"PIT2", sizeof(struct kvm_pit_state2)},
	{"CLOCK", sizeof(struct kvm_clock_data)},
	{"TSC_OFFSET", 8},
};

/* A snapshot with every section, zeros but for MSRs, CPUID and the TSC's frequency (1 MHz). */
static void fill(struct snapshot *s)
{
	static const uint8_t zeros[2 * SNAPSHOT_PAGE + 4096];
	const uint32_t khz = 1000;

	memset(s, 0, sizeof(*s));
	for (unsigned i = 0; i < ARRAY_SIZE(sections); i++)
		snapshot_add(s, sections[i].name, zeros, sections[i].size);
	snapshot_add(s, "MSRS", msrs, sizeof(msrs));
	snapshot_add(s, "CPUID2", cpuid, sizeof(cpuid));
	snapshot_add(s, "TSC_KHZ", &khz, sizeof(khz));
}

static uint8_t *at(const struct snapshot *s, const char *section, size_t offset)
{
	const struct snapshot_section *found = snapshot_find(s, section);

	assert_non_null(found);
	assert_true(offset < found->len);
	return (uint8_t *)found->data + offset;
}

static void put32(const struct snapshot *s, const char *section, size_t offset, uint32_t value)
{
	memcpy(at(s, section, offset), &value, sizeof(value));
}

static void put_msr(const struct snapshot *s, uint32_t index, uint64_t data)
{
	struct kvm_msr_entry *entry = (struct kvm_msr_entry *)at(s, "MSRS", 0);

	while (entry->index != index)
		entry++;
	entry->data = data;
}

static void compare(const struct snapshot *before, const struct snapshot *after)
{
	memset(&report, 0, sizeof(report));
	oracle_compare("in place", before, after, &report);
}

/* Compares, and frees both. */
static unsigned compared(struct snapshot *before, struct snapshot *after)
{
	compare(before, after);
	snapshot_free(before);
	snapshot_free(after);
	return report.findings;
}

static void assert_one(const char *field, const char *text)
{
	if (report.findings != 1)
		fail_msg("%u findings instead of %s", report.findings, field);
	assert_string_equal(report.finding[0].oracle, "in place");
	assert_string_equal(report.finding[0].field, field);
	assert_contains(report.finding[0].text, text);
}

static void same(void **state)
{
	struct snapshot before, after;

	(void)state;
	fill(&before);
	fill(&after);
	assert_int_equal(compared(&before, &after), 0);
}

/* One changed byte of each kind of section is told by its field's name. */
static void names(void **state)
{
	static const struct {
		const char *section;
		size_t offset;
		const char *field;
	} cases[] = {
		{"VCPU_EVENTS", offsetof(struct kvm_vcpu_events, nmi.pending),
		 "VCPU_EVENTS.nmi.pending"},
		{"VCPU_EVENTS", offsetof(struct kvm_vcpu_events, exception_payload) + 7,
		 "VCPU_EVENTS.exception_payload"},
		{"VCPU_EVENTS", offsetof(struct kvm_vcpu_events, reserved) + 3, "VCPU_EVENTS.0x20"},
		{"MP_STATE", 0, "MP_STATE.mp_state"},
		{"REGS", offsetof(struct kvm_regs, r15) + 1, "REGS.r15"},
		{"SREGS", offsetof(struct kvm_sregs, ldt.type), "SREGS.ldt.type"},
		{"SREGS", offsetof(struct kvm_sregs, interrupt_bitmap[3]),
		 "SREGS.interrupt_bitmap[3]"},
		{"SREGS2", offsetof(struct kvm_sregs2, idt.limit) + 1, "SREGS2.idt.limit"},
		{"SREGS2", offsetof(struct kvm_sregs2, pdptrs[2]), "SREGS2.pdptrs[2]"},
		{"DEBUGREGS", offsetof(struct kvm_debugregs, db[1]), "DEBUGREGS.db[1]"},
		{"LAPIC", 0x80, "LAPIC.TPR"},
		{"LAPIC", 0x171, "LAPIC.ISR[7]"},
		{"LAPIC", 0x200, "LAPIC.IRR[0]"},
		{"LAPIC", 0x3f4, "LAPIC.0x3f4"},
		{"XCRS", offsetof(struct kvm_xcrs, xcrs[1].value), "XCRS.xcrs[1].value"},
		{"NESTED_STATE", offsetof(struct kvm_nested_state, hdr.vmx.vmcs12_pa),
		 "NESTED_STATE.hdr.vmx.vmcs12_pa"},
		{"NESTED_STATE", 128 + 916, "NESTED_STATE.vmcs12.GUEST_ACTIVITY_STATE"},
		{"NESTED_STATE", 128 + 4096 + 916,
		 "NESTED_STATE.shadow_vmcs12.GUEST_ACTIVITY_STATE"},
		{"NESTED_STATE", 128 + 4095, "NESTED_STATE.0x107f"},
		{"XSAVE", 24, "XSAVE.MXCSR"},
		{"XSAVE", 160 + 15 * 16 + 9, "XSAVE.XMM[15]"},
		{"XSAVE", 576 + 16, "XSAVE.YMM_HIGH[1]"},
		{"XSAVE", 4095, "XSAVE.0xfff"},
		{"IRQCHIP", sizeof(struct kvm_irqchip) + offsetof(struct kvm_irqchip, chip.pic.imr),
		 "IRQCHIP.slave.chip.pic.imr"},
		{"IRQCHIP",
		 2 * sizeof(struct kvm_irqchip) +
			 offsetof(struct kvm_irqchip, chip.ioapic.redirtbl[23]),
		 "IRQCHIP.ioapic.redirtbl[23]"},
		{"PIT2", offsetof(struct kvm_pit_state2, channels[2].mode),
		 "PIT2.channels[2].mode"},
		{"CLOCK", offsetof(struct kvm_clock_data, flags), "CLOCK.flags"},
		{"TSC_KHZ", 0, "TSC_KHZ.khz"},
		{"MSRS", 2 * sizeof(msrs[0]) + 8, "MSRS.IA32_STAR"},
		{"MSRS", 3 * sizeof(msrs[0]) + 15, "MSRS.0x4b564d00"},
		{"CPUID2", sizeof(cpuid[0]) + offsetof(struct kvm_cpuid_entry2, edx),
		 "CPUID2.0x7.0x1"},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct snapshot before, after;

		fill(&before);
		fill(&after);
		*at(&after, cases[i].section, cases[i].offset) ^= 0x10;
		compared(&before, &after);
		assert_one(cases[i].field, "expected 0");
	}
}

/* Two fields side by side are two findings; a difference of many bytes is one. */
static void told_once(void **state)
{
	struct snapshot before, after;

	(void)state;
	fill(&before);
	fill(&after);
	memset(at(&after, "REGS", 0), 0xff, 16);
	memset(at(&after, "XSAVE", 160), 0xff, 16);
	assert_int_equal(compared(&before, &after), 3);
	assert_string_equal(report.finding[0].field, "REGS.rax");
	assert_string_equal(report.finding[0].text, "expected 0x0, found 0xffffffffffffffff");
	assert_string_equal(report.finding[1].field, "REGS.rbx");
	assert_string_equal(report.finding[2].text, "expected 00000000000000000000000000000000, "
						    "found ffffffffffffffffffffffffffffffff");
}

/* No more than there is room for is kept, the rest is counted. */
static void too_many(void **state)
{
	struct snapshot before, after;

	(void)state;
	fill(&before);
	fill(&after);
	memset(at(&after, "XSAVE", 1024), 1, 2048);
	assert_int_equal(compared(&before, &after), ORACLE_FINDINGS_MAX);
	assert_int_equal(report.findings + report.more, 2048 / 8);
}

static void missing(void **state)
{
	struct snapshot before, after;

	(void)state;
	fill(&before);
	fill(&after);
	snapshot_add(&before, "EXTRA", "x", 1);
	compared(&before, &after);
	assert_one("EXTRA", "is missing");

	fill(&before);
	fill(&after);
	snapshot_add(&after, "EXTRA", "x", 1);
	compared(&before, &after);
	assert_one("EXTRA", "was not there before");

	/* What the driver adds is not KVM's. */
	fill(&before);
	fill(&after);
	snapshot_add(&before, "UART", "x", 1);
	assert_int_equal(compared(&before, &after), 0);

	fill(&before);
	fill(&after);
	snapshot_add(&before, "SHORT", "x", 1);
	snapshot_add(&after, "SHORT", "xy", 2);
	compared(&before, &after);
	assert_one("SHORT", "expected 1 bytes, found 2");
}

static void missing_entries(void **state)
{
	struct snapshot before = {0}, after = {0};

	(void)state;
	snapshot_add(&before, "MSRS", msrs, sizeof(msrs));
	snapshot_add(&after, "MSRS", msrs + 1, sizeof(msrs) - sizeof(msrs[0]));
	compared(&before, &after);
	assert_one("MSRS.IA32_TSC", "is missing");

	snapshot_add(&before, "CPUID2", cpuid, sizeof(cpuid[0]));
	snapshot_add(&after, "CPUID2", cpuid, sizeof(cpuid));
	compared(&before, &after);
	assert_one("CPUID2.0x7.0x1", "was not there before");
}

/* What may differ in any way or direction that time takes. */
static void time_goes_on(void **state)
{
	struct snapshot before, after;

	(void)state;
	fill(&before);
	fill(&after);
	*at(&after, "TSC_OFFSET", 3) = 1;
	*at(&after, "CLOCK", offsetof(struct kvm_clock_data, clock)) = 1;
	*at(&after, "CLOCK", offsetof(struct kvm_clock_data, realtime)) = 1;
	*at(&after, "PIT2", offsetof(struct kvm_pit_state2, channels[2].count_load_time)) = 1;
	put_msr(&after, TSC, 1001);
	put32(&before, "LAPIC", 0x390, 100);
	put32(&after, "LAPIC", 0x390, 99);
	put32(&before, "NESTED_STATE", 128 + 928, 100);
	put32(&after, "NESTED_STATE", 128 + 928, 99);
	put32(&after, "NESTED_STATE", 128 + 416, 0x1234);
	assert_int_equal(compared(&before, &after), 0);

	fill(&before);
	fill(&after);
	*at(&before, "CLOCK", offsetof(struct kvm_clock_data, clock)) = 1;
	compared(&before, &after);
	assert_one("CLOCK.clock", "expected 0x1, found 0x0");

	fill(&before);
	fill(&after);
	put32(&after, "LAPIC", 0x390, 1);
	compared(&before, &after);
	assert_one("LAPIC.CURRENT_COUNT", "expected 0x0, found 0x1");

	fill(&before);
	fill(&after);
	put32(&before, "LAPIC", 0x320, 1u << 17); /* periodic: it starts again */
	put32(&after, "LAPIC", 0x320, 1u << 17);
	put32(&after, "LAPIC", 0x390, 1);
	assert_int_equal(compared(&before, &after), 0);
}

static void tsc(void **state)
{
	static const uint64_t wrong[] = {999, 0, 1000 + 60 * 1000000, 1ull << 40, ~0ull};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct snapshot before, after;

		fill(&before);
		fill(&after);
		put_msr(&after, TSC, wrong[i]);
		compared(&before, &after);
		assert_one("MSRS.IA32_TSC", "expected 0x3e8, found");
	}
}

/* Saves before and after L1's timer has fired at TSC 1500, or had the time to. */
static void timer_saves(struct snapshot *before, struct snapshot *after, uint64_t now)
{
	fill(before);
	fill(after);
	put32(before, "LAPIC", 0x320, 2u << 17 | VECTOR);
	put32(after, "LAPIC", 0x320, 2u << 17 | VECTOR);
	put_msr(before, TSC_DEADLINE, 1500);
	put_msr(after, TSC, now);
}

static void timer(void **state)
{
	const size_t irr = 0x200 + VECTOR / 32 * 16;
	struct snapshot before, after;

	(void)state;
	timer_saves(&before, &after, 1500);
	put32(&after, "LAPIC", irr, 1u << VECTOR % 32);
	assert_int_equal(compared(&before, &after), 0);

	timer_saves(&before, &after, 1499); /* too early */
	compared(&before, &after);
	assert_one("MSRS.IA32_TSC_DEADLINE", "expected 0x5dc, found 0x0");

	timer_saves(&before, &after, 1500); /* set to another time */
	put_msr(&after, TSC_DEADLINE, 1600);
	compared(&before, &after);
	assert_one("MSRS.IA32_TSC_DEADLINE", "found 0x640");

	timer_saves(&before, &after, 1500); /* another vector */
	put32(&after, "LAPIC", irr, 1u << (VECTOR + 1) % 32);
	compared(&before, &after);
	assert_one("LAPIC.IRR[2]", "expected 0x0, found 0x40");

	timer_saves(&before, &after, 1500); /* its place in another register */
	put32(&after, "LAPIC", irr + 16, 1u << VECTOR % 32);
	compared(&before, &after);
	assert_one("LAPIC.IRR[3]", "expected 0x0, found 0x20");

	timer_saves(&before, &after, 1500); /* one that waited is gone */
	put32(&before, "LAPIC", irr, 1u << VECTOR % 32);
	compared(&before, &after);
	assert_one("LAPIC.IRR[2]", "expected 0x20, found 0x0");

	fill(&before); /* one-shot */
	fill(&after);
	put32(&before, "LAPIC", 0x320, VECTOR);
	put32(&after, "LAPIC", 0x320, VECTOR);
	put32(&before, "LAPIC", 0x390, 5);
	put32(&after, "LAPIC", irr, 1u << VECTOR % 32);
	assert_int_equal(compared(&before, &after), 0);
}

static void memory(void **state)
{
	static uint8_t bytes[2 * SNAPSHOT_PAGE];
	struct snapshot before = {0}, after = {0};

	(void)state;
	memset(bytes, 0, sizeof(bytes));
	bytes[8] = 1;
	snapshot_set_memory(&before, bytes, sizeof(bytes));
	compare(&before, &after); /* not looked at */
	assert_int_equal(report.findings, 0);
	bytes[SNAPSHOT_PAGE + 17] = 2;
	snapshot_set_memory(&after, bytes, sizeof(bytes));
	compared(&before, &after);
	assert_one("MEMORY.0x1010", "expected 0x0, found 0x200");
}

/* Where KVM writes the time at which an MSR was restored, memory may differ, and nowhere else. */
static void wall_clock(void **state)
{
	static uint8_t bytes[2 * SNAPSHOT_PAGE];
	const struct kvm_msr_entry clock = {.index = 0x4b564d00, .data = SNAPSHOT_PAGE + 16};
	struct snapshot before = {0}, after = {0};

	(void)state;
	memset(bytes, 0, sizeof(bytes));
	snapshot_set_memory(&before, bytes, sizeof(bytes));
	snapshot_add(&before, "MSRS", &clock, sizeof(clock));
	snapshot_add(&after, "MSRS", &clock, sizeof(clock));
	bytes[SNAPSHOT_PAGE + 27] = 1; /* its last byte */
	bytes[SNAPSHOT_PAGE + 32] = 2;
	snapshot_set_memory(&after, bytes, sizeof(bytes));
	compared(&before, &after);
	assert_one("MEMORY.0x1020", "expected 0x0, found 0x2");
}

/* A restore that is refused is a finding; a VM that cannot be made is an error. */
static void refused(void **state)
{
	const struct kvm_vm vm = {
		.fds = {-1, -1, -1, NULL}, .vcpu = {{.fd = -1}, {.fd = -1}}, .vcpus = 2};
	struct order order = {.steps = 2, .step = {"MSR_VMX_CAPABILITIES", "REGS"}};
	struct snapshot saved;
	struct err e = {0};

	(void)state;
	fill(&saved); /* it has no memory */
	memset(&report, 0, sizeof(report));
	assert_int_equal(oracle_run(&vm, &saved, &order, &report, &e), -1);
	assert_contains(e.text, "guest memory");
	assert_int_equal(report.findings, 4);
	assert_string_equal(report.finding[0].oracle, "buffer size");
	assert_contains(report.finding[0].text, "8320 bytes; with these: Bad file descriptor");
	assert_contains(report.finding[1].text, "with one less: Bad file descriptor");
	assert_string_equal(report.finding[2].oracle, "in place");
	assert_string_equal(report.finding[2].field, "KVM_SET_REGS");
	assert_contains(report.finding[2].text, "refused: KVM_SET_REGS: Bad file descriptor");
	/* The second vCPU has nothing to restore. */
	assert_string_equal(report.finding[3].field, "vcpu1.save");
	snapshot_free(&saved);
}

/* ---- L0's log ----------------------------------------------------------------------------- */

static void log_lines(void **state)
{
	static const struct {
		const char *record, *text; /* NULL: nothing to tell */
	} cases[] = {
		{"4,1,2,-;WARNING: CPU: 0 PID: 7 at arch/x86/kvm/x86.c:1 f+0x1/0x2 [kvm]\n",
		 "WARNING: CPU: 0 PID: 7 at arch/x86/kvm/x86.c:1 f+0x1/0x2 [kvm]"},
		{"1,1,2,-;BUG: kernel NULL pointer dereference, address: 8\n SUBSYSTEM=x\n",
		 "BUG: kernel NULL pointer dereference, address: 8"},
		{"2,1,2,-;kernel BUG at arch/x86/kvm/x86.c:1!\n",
		 "kernel BUG at arch/x86/kvm/x86.c:1!"},
		{"4,1,2,c;Oops: 0000 [#1] SMP", "Oops: 0000 [#1] SMP"},
		{"4,1,2,-,caller=T7;INFO: possible recursive locking detected\n",
		 "INFO: possible recursive locking detected"},
		{"0,1,2,-;general protection fault: 0000 [#1]\n",
		 "general protection fault: 0000 [#1]"},
		{"4,1,2,-;unchecked MSR access error: WRMSR to 0x1\n",
		 "unchecked MSR access error: WRMSR to 0x1"},
		{"6,1,2,-;kvm: nested entry\n", NULL},
		{"6,1,2,-;quiet\n DEVICE=WARNING: this is a key's value\n", NULL},
		{"12,1,2,-;WARNING: from a user's program\n", NULL},
		{"4,1,2,-\n", NULL},
		{";WARNING: no priority\n", NULL},
		{"x;WARNING: no number\n", NULL},
		{"", NULL},
	};
	char text[100];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		bool found = l0_log_line(cases[i].record, text, sizeof(text));

		if (found != !!cases[i].text)
			fail_msg("wrong: %s", cases[i].record);
		if (found)
			assert_string_equal(text, cases[i].text);
	}
	assert_true(l0_log_line("4,1,2,-;WARNING: long\n", text, 5));
	assert_string_equal(text, "WARN");
}

/* What ends a run, and what only fails a flight. */
static void log_signs(void **state)
{
	static const struct {
		const char *line;
		enum l0_sign sign;
	} cases[] = {
		{"BUG: kernel NULL pointer dereference, address: 8", L0_CRASH},
		{"BUG: unable to handle page fault for address: ffffc90000000000", L0_CRASH},
		{"kernel BUG at arch/x86/kvm/x86.c:1!", L0_CRASH},
		{"Oops: 0002 [#1] PREEMPT SMP NOPTI", L0_CRASH},
		{"invalid opcode: 0000 [#1] PREEMPT SMP", L0_CRASH},
		{"Oops: general protection fault, probably for non-canonical address", L0_CRASH},
		{"general protection fault, probably for non-canonical address 0xdead", L0_CRASH},
		{"traps: sh[7] general protection fault ip:1 sp:2 error:0", L0_COMPLAINT},
		{"Kernel panic - not syncing: sysrq triggered crash", L0_CRASH},
		{"watchdog: BUG: soft lockup - CPU#0 stuck for 22s!", L0_HANG},
		{"rcu: INFO: rcu_preempt self-detected stall on CPU", L0_HANG},
		{"rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", L0_HANG},
		{"INFO: task kworker/0:1:12 blocked for more than 120 seconds.", L0_HANG},
		{"WARNING: CPU: 0 PID: 1 at arch/x86/kvm/vmx/nested.c:1", L0_COMPLAINT},
		{"BUG: sleeping function called from invalid context", L0_COMPLAINT},
		{"BUG: KASAN: slab-out-of-bounds in x", L0_COMPLAINT},
		{"kvm: nothing\nOops behind the line's end", L0_QUIET},
		{"", L0_QUIET},
	};
	static const char console[] =
		"lab: L0 is ready\nWARNING: x\n\n[   18.1] BUG: soft lockup\nOops\n";
	char text[100];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		if (l0_log_sign(cases[i].line) != cases[i].sign)
			fail_msg("wrong: %s", cases[i].line);
	assert_int_equal(l0_log_console(console, text, sizeof(text)), L0_HANG);
	assert_string_equal(text, "BUG: soft lockup");
	assert_int_equal(l0_log_console("lab: L0 is ready\nWARNING: x", text, sizeof(text)),
			 L0_QUIET);
	assert_int_equal(l0_log_console("", text, sizeof(text)), L0_QUIET);
}

/* After an Oops nothing flies any more; a new run begins afresh. */
static void log_death(void **state)
{
	static const char oops[] = "1,1,1,-;BUG: unable to handle page fault\n";
	struct flight_config config = {0};
	struct flight_result result = {0};
	struct l0_past past;
	struct buf text = {0};
	const char *line;
	int fds[2];

	(void)state;
	memset(&report, 0, sizeof(report));
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds), 0);
	l0_log_use(fds[0], &past);
	assert_int_equal(l0_log_death(&line), L0_QUIET);
	assert_true(send(fds[1], oops, strlen(oops), 0) > 0);
	l0_log_read(&report, &text);
	assert_int_equal(report.findings, 1);
	assert_int_equal(l0_log_death(&line), L0_CRASH);
	assert_string_equal(line, "BUG: unable to handle page fault");
	flight_run(&config, &result);
	assert_true(result.interrupted);
	assert_string_equal(result.verdict.finding[0],
			    "not flown: L0 itself: BUG: unable to handle page fault");
	flight_result_free(&result);
	l0_log_use(-1, &past);
	assert_int_equal(l0_log_death(&line), L0_QUIET);
	buf_free(&text);
	close(fds[0]);
	close(fds[1]);
}

static void log_unread(void **state)
{
	struct buf text = {0};

	(void)state;
	memset(&report, 0, sizeof(report));
	l0_log_read(&report, &text);
	assert_int_equal(report.findings, 0);
	assert_int_equal(text.len, 0);
}

/* What was there before the run is told apart from what comes in it. */
static void log_read(void **state)
{
	static const char *const records[] = {
		"4,1,1,-;WARNING: burnt\n",
		"6,2,2,-;kvm: nothing\n",
		"4,3,2000003,-;WARNING: CPU: 0 at nested.c:1\n KEY=VALUE\n",
		"6,4,2000004,-;Call Trace:\n",
	};
	struct l0_past past;
	struct buf text = {0};
	int fds[2];

	(void)state;
	memset(&report, 0, sizeof(report));
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_true(send(fds[1], records[i], strlen(records[i]), 0) > 0);
	l0_log_use(fds[0], &past);
	assert_int_equal(past.complaints, 1);
	assert_string_equal(past.last, "WARNING: burnt");
	for (unsigned i = 2; i < 4; i++)
		assert_true(send(fds[1], records[i], strlen(records[i]), 0) > 0);
	l0_log_read(&report, &text);
	assert_int_equal(report.findings, 1);
	assert_string_equal(report.finding[0].oracle, L0_LOG);
	assert_string_equal(report.finding[0].text, "WARNING: CPU: 0 at nested.c:1");
	assert_string_equal(text.p, "[    2.000003] WARNING: CPU: 0 at nested.c:1\n"
				    "[    2.000004] Call Trace:\n");
	l0_log_use(-1, &past);
	buf_free(&text);
	close(fds[0]);
	close(fds[1]);
}

/* ---- buffers ------------------------------------------------------------------------------ */

static void guarded(void **state)
{
	static const size_t sizes[] = {1, 4, 520, 4095, 4096, 4097, 8320, 16384, 20000};
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t size = sizes[i];
		uint8_t *p = guarded_alloc(size), *copy;

		for (size_t n = 0; n < size; n++)
			assert_int_equal(p[n], 0);
		memset(p, 0x5a, size);
		assert_int_equal(write(fd[1], p + size - 1, 1), 1);
		assert_int_equal(write(fd[1], p + size, 1), -1);
		assert_int_equal(errno, EFAULT);
		copy = guarded_copy(p, size);
		assert_memory_equal(copy, p, size);
		guarded_free(copy);
		guarded_free(p);
	}
	guarded_free(NULL);
	close(fd[0]);
	close(fd[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same),		cmocka_unit_test(names),
		cmocka_unit_test(told_once),	cmocka_unit_test(too_many),
		cmocka_unit_test(missing),	cmocka_unit_test(missing_entries),
		cmocka_unit_test(time_goes_on), cmocka_unit_test(tsc),
		cmocka_unit_test(timer),	cmocka_unit_test(memory),
		cmocka_unit_test(wall_clock),	cmocka_unit_test(refused),
		cmocka_unit_test(log_lines),	cmocka_unit_test(log_signs),
		cmocka_unit_test(log_death),	cmocka_unit_test(log_unread),
		cmocka_unit_test(log_read),	cmocka_unit_test(guarded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
