/* SPDX-License-Identifier: BSD-2-Clause */
/* Talks with the host around a hop. */
#include "hv/hop.h"
#include "boot/cmdline.h"
#include "boot/trap.h"
#include "hv/l2.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/page.h"
#include "lib/print.h"
#include "lib/uart.h"

static unsigned failures_before, nudges_told;
static uint64_t digest, digest_rounds; /* of this hop; 0: not told */
static uint64_t current_hop;
static bool met_l2; /* an NMI of the host's in this hop, and nothing was lost before */
static bool cured;  /* by that, perhaps: it is to be flown again */

void freeze_point(void)
{
	outb(FREEZE_IO_PORT, 0);
}

void expect_vector(uint8_t vector, const struct l2 *l2)
{
	ktap_event("expect", "hop=%lu vector=0x%x notification=0x%x descriptor=0x%lx", current_hop,
		   vector, L2_NOTIFICATION_VECTOR, l2 && l2->pi ? page_gpa(l2->pi) : 0);
}

void expect_page(uint64_t gpa)
{
	ktap_event("expect", "hop=%lu page=0x%lx", current_hop, gpa);
}

void expect_quiet(uint64_t hop, uint64_t ticks)
{
	ktap_event("expect", "hop=%lu quiet=%lu", hop, ticks);
}

static void hop_reset(uint64_t hop)
{
	failures_before = ktap_failures();
	current_hop = hop;
	digest = 0;
	met_l2 = cured = false;
}

/* As hop_begin, but goes on only when the host is prepared for the freeze point. */
void hop_begin_waiting(uint64_t hop)
{
	int byte = 'g';

	hop_reset(hop);
	ktap_event("ready", "hop=%lu wait=1", hop);
	if (cmdline.sync_host)
		while ((byte = uart_receive()) == -1)
			cpu_relax();
	if (byte != 'g')
		ktap_error_and_end("what=\"unexpected byte from the host\" found=0x%x", byte);
}

void hop_begin(uint64_t hop)
{
	if (cmdline.wait) {
		hop_begin_waiting(hop);
		return;
	}
	hop_reset(hop);
	ktap_event("ready", "hop=%lu", hop);
}

void hop_nudged(bool lost)
{
	met_l2 |= !lost;
	ktap_event("nudged", "hop=%lu lost=%d activity_state=%lu rip=0x%lx", current_hop, lost,
		   vmcs_read(GUEST_ACTIVITY_STATE), vmcs_read(GUEST_RIP));
}

enum hop_answer hop_outcome(enum hop_answer answer)
{
	if (!met_l2 || hop_again(answer) || ktap_failures() != failures_before)
		return answer;
	cured = true;
	return hop_posted(answer) ? HOP_POSTED_RETRY : HOP_RETRY;
}

static void __attribute__((noreturn)) triple_fault(void)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none;

	asm volatile("lidt %0; ud2" ::"m"(none));
	__builtin_unreachable();
}

static void __attribute__((noreturn)) by_l2(uint16_t port, uint8_t value)
{
	struct l2_regs regs = {.rax = value, .rdx = port};
	uint8_t *bitmap = (uint8_t *)vmcs_read(IO_BITMAP_A);

	bitmap[port / 8] &= ~(1 << port % 8);
	vmcs_write(GUEST_RIP, l2_out_address());
	vmcs_write(GUEST_RFLAGS, 2);
	vmcs_write(GUEST_ACTIVITY_STATE, 0);
	vmcs_write(GUEST_INTERRUPTIBILITY_INFO, 0);
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, 0);
	vmx_enter(&regs, true);
	ktap_error_and_end("what=\"L2 did not reset the machine\" reason=0x%lx",
			   vmcs_read(VM_EXIT_REASON));
}

/*
 * Resets of the machine that come from the guest itself: L2, whose VMCS is current and which was
 * entered before, writes to a port, as one does that all devices were passed through to; or L1 dies
 * of a triple fault. Returns if @byte asks for none.
 */
static void reset_if_wanted(int byte)
{
	switch (byte) {
	case 'c':
		by_l2(0xcf9, 0x06);
	case 'b':
		by_l2(0x64, 0xfe);
	case 't':
		triple_fault();
	}
}

enum hop_answer hop_answer(void)
{
	int byte;

	/* An NMI that met L1 itself proves that L1 is awake: nothing was lost. */
	for (; nudges_told != trap_count(VECTOR_NMI); nudges_told++)
		ktap_event("nudged", "hop=%lu lost=0 in=l1", current_hop);
	if (!cmdline.sync_host)
		return HOP_KEEP;
	byte = uart_receive();
	reset_if_wanted(byte);
	switch (byte) {
	case -1:
		return HOP_NONE;
	case 'e':
		cmdline.hops = current_hop;
		return HOP_KEEP;
	case 'k':
		return HOP_KEEP;
	case 'p':
		return HOP_POSTED;
	case 'q':
		return HOP_POSTED_RETRY;
	case 'r':
		return HOP_RETRY;
	}
	ktap_error_and_end("what=\"unexpected byte from the host\" found=0x%x", byte);
}

uint64_t hop_current(void)
{
	return current_hop;
}

bool hop_host_there(char *why, size_t size)
{
	if (!cmdline.sync_host)
		format(why, size, "no host to post interrupts (sync=none)");
	return cmdline.sync_host;
}

enum hop_answer hop_wait(void)
{
	enum hop_answer answer;

	while ((answer = hop_answer()) == HOP_NONE)
		cpu_relax();
	return answer;
}

void hop_digest(uint64_t value, uint64_t rounds)
{
	digest = value;
	digest_rounds = rounds;
}

void hop_end(uint64_t hop, enum hop_answer answer)
{
	if (hop_again(answer))
		ktap_event("missed", "hop=%lu%s", hop, cured ? " nudged=1" : "");
	else if (digest)
		ktap_event("hop", "hop=%lu failed=%u digest=0x%lx rounds=%lu", hop,
			   ktap_failures() - failures_before, digest, digest_rounds);
	else
		ktap_event("hop", "hop=%lu failed=%u", hop, ktap_failures() - failures_before);
	if (cmdline.breakage == BREAK_TRUNCATE && hop == cmdline.hops)
		ktap_truncate();
}
