/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the I/O bitmaps let pass, doing without them, and what happens while an access is out to the
 * host; scenarios/exits.c has what exits.
 */
#include "hv/scenario.h"
#include "l2guest/exits.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/page.h"

/* Nothing decodes these; one in each bitmap. */
#define PORT_A 0x1234
#define PORT_B 0x9abc

static struct l2 l2;

static void pass(uint16_t port, bool on)
{
	uint8_t *map = &l2.io_bitmap[port >> 15][port % 0x8000 / 8], bit = 1 << port % 8;

	*map = on ? *map & ~bit : *map | bit;
}

static bool out_passes(uint16_t port)
{
	l2.shared->arg[EXITS_RDX] = port;
	return l2_tells(&l2, 1);
}

static bool out_exits(uint16_t port)
{
	l2.shared->arg[EXITS_RDX] = port;
	if (!l2_exits(&l2, EXIT_REASON_IO_INSTRUCTION))
		return false;
	l2_skip();
	return ktap_check("EXIT_QUALIFICATION", (uint32_t)port << 16,
			  vmcs_read(EXIT_QUALIFICATION)) &&
	       l2_tells(&l2, 1);
}

static void start(void)
{
	l2_create_plain(&l2, "exits");
	l2.shared->arg[EXITS_WHICH] = INSN_BIT(OUT);
}

static void fly_pass(uint16_t first, uint16_t second)
{
	start();
	l2.shared->arg[EXITS_FREEZE] = 1;
	pass(first, true);
	pass(second, true);
	if (out_passes(first) && out_passes(second))
		out_exits(first + 1);
}

static void fly_pass_a(void)
{
	fly_pass(PORT_A, PORT_B);
}

static void fly_pass_b(void)
{
	fly_pass(PORT_B, PORT_A);
}

#define IO_PROMISE PROMISE("SDM, I/O-Bitmap Addresses: a port exits if its bit is 1")
#define IO_REST(proof)                                                                        \
	BUG("none known; KVM reads the bitmaps' pages only when L2 does I/O"),                \
		FAILURE("an access passes that L1 wants to see, or exits that L1 lets pass"), \
		FREEZE(port), PROOF(proof)
#define IO_BITMAPS_ON "CPU_BASED_VM_EXEC_CONTROL&0x2000000"

SCENARIO(io_pass_a, NEEDS(L2_BASE), FLY(fly_pass_a),
	 TITLE("OUT to a port that I/O bitmap A lets pass"), IO_PROMISE,
	 HOST("snapshot in L2 right before it"), IO_REST("l2 runnable " IO_BITMAPS_ON));
SCENARIO(io_pass_b, NEEDS(L2_BASE), FLY(fly_pass_b),
	 TITLE("OUT to a port that I/O bitmap B lets pass"), IO_PROMISE,
	 HOST("snapshot in L2 right before it"), IO_REST("l2 runnable " IO_BITMAPS_ON));

static void fly_changed(void)
{
	start();
	pass(PORT_B, true);
	if (!out_passes(PORT_B))
		return;
	pass(PORT_A, true);
	pass(PORT_B, false);
	freeze_point();
	if (out_passes(PORT_A))
		out_exits(PORT_B);
}

SCENARIO(io_bitmap_changed, NEEDS(L2_BASE), FLY(fly_changed),
	 TITLE("L1 changes both I/O bitmaps, is frozen, and enters L2 again"), IO_PROMISE,
	 HOST("snapshot in L1 between the change and VMRESUME"),
	 IO_REST("vmcs12 !l2 " IO_BITMAPS_ON));

static void fly_unconditional(void)
{
	start();
	pass(PORT_A, true);
	vmx_control_set(VMX_CPU_IO_BITMAPS, false);
	vmx_control_set(VMX_CPU_UNCOND_IO_EXITING, true);
	freeze_point();
	if (!out_exits(PORT_A))
		return;
	/* With bitmaps the other control counts for nothing. */
	vmx_control_set(VMX_CPU_IO_BITMAPS, true);
	if (!out_passes(PORT_A))
		return;
	vmx_control_set(VMX_CPU_IO_BITMAPS, false);
	vmx_control_set(VMX_CPU_UNCOND_IO_EXITING, false);
	out_passes(PORT_B);
}

SCENARIO(io_unconditional, NEEDS(L2_BASE, VMX_CPU_UNCOND_IO_EXITING), FLY(fly_unconditional),
	 ORDINARY, TITLE("unconditional I/O exiting, then bitmaps, then neither"),
	 PROMISE("SDM, Primary Processor-Based VM-Execution Controls: unconditional I/O exiting is "
		 "ignored if use I/O bitmaps is 1"),
	 HOST("snapshot in L1 right before VMLAUNCH"),
	 IO_REST("vmcs12 !l2 CPU_BASED_VM_EXEC_CONTROL&0x1000000 "
		 "!CPU_BASED_VM_EXEC_CONTROL&0x2000000"));

#define INSB_QUALIFICATION (FREEZE_IO_PORT << 16 | 0x18) /* string, in */

static void start_out(void)
{
	start();
	l2.shared->arg[EXITS_WHICH] = INSN_BIT(INSB);
	l2.shared->arg[EXITS_RDX] = FREEZE_IO_PORT;
	expect_page(page_gpa(l2.io_bitmap[0]));
}

static bool has_read(void)
{
	return ktap_check("what L2 has read", FREEZE_IO_BYTE, l2.shared->val[EXITS_MEMORY]);
}

static void fly_out(void)
{
	start_out();
	if (l2_tells(&l2, 1))
		has_read();
}

static void fly_out_nmi(void)
{
	start_out();
	if (l2_exits(&l2, EXIT_REASON_EXCEPTION_NMI) &&
	    ktap_check("VM_EXIT_INTR_INFO", intr_info(INTR_NMI, VECTOR_NMI),
		       vmcs_read(VM_EXIT_INTR_INFO)) &&
	    ktap_check("GUEST_RIP", l2.shared->val[EXITS_NEXT], vmcs_read(GUEST_RIP)) && has_read())
		l2_tells(&l2, 1);
}

/* It is too late for the access that is out, the next one exits. */
static void fly_out_intercept(void)
{
	start_out();
	if (!l2_tells(&l2, 1) || !has_read() || !l2_exits(&l2, EXIT_REASON_IO_INSTRUCTION))
		return;
	ktap_check("EXIT_QUALIFICATION", INSB_QUALIFICATION, vmcs_read(EXIT_QUALIFICATION));
	ktap_check("GUEST_RIP", l2.shared->val[EXITS_RIP], vmcs_read(GUEST_RIP));
}

#define WHILE_OUT(id, fly, what, title, act, failure, proof)                                   \
	SCENARIO(id, NEEDS(L2_BASE), FLY(fly, .possible = hop_host_there),                     \
		 TITLE("an access of L2 is out to the host when " title),                      \
		 PROMISE("Linux, Documentation/virt/kvm/api.rst, KVM_EXIT_IO: the next "       \
			 "KVM_RUN completes the access"),                                      \
		 HOST("INSB of L2 is out to the host, which then " act                         \
		      "; KVM_RUN(immediate_exit) completes it; snapshot behind that"),         \
		 BUG("KVM: x86: Don't (re)check L1 intercepts when completing userspace I/O"), \
		 FAILURE(failure), FREEZE(port), ACT(what, out), PROOF("l2 runnable " proof))

WHILE_OUT(
	io_out_intercept, fly_out_intercept, intercept, "L1's I/O bitmap begins to forbid it",
	"sets its bit in L1's I/O bitmap",
	"the access exits to L1 although the host has answered it, is done twice, or the next one "
	"passes",
	IO_BITMAPS_ON);
WHILE_OUT(io_out_nmi, fly_out_nmi, nmi, "an NMI comes", "sends an NMI",
	  "the NMI comes before the access is complete, or the access is done twice",
	  "events.nmi.pending=1");
WHILE_OUT(io_out_in_place, fly_out, in_place, "L2's state is read and set again in the same vCPU",
	  "reads all of the vCPU's state and sets it again",
	  "the access is done twice or not at all, or L2 has other registers behind it",
	  IO_BITMAPS_ON);
