/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L2's TLB-flush hypercalls, which L0 answers in L1's stead, and the exit by which L1 hears of them
 * if its partition assist page asks for that; told of below.
 */
#include "hv/enlightened.h"
#include "hv/evmcs.h"
#include "hv/page_names.h"
#include "hv/scenario.h"
#include "hv/vmx.h"
#include "l2guest/evmcs.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/print.h"

#define DIRECT_FLUSH_BIT 17 /* CPUID.4000000AH:EAX */
#define VM_ID		 0x77
#define VP_ID		 0x5

static struct l2 l2;
static uint32_t *tlb_lock_count; /* first word of the partition assist page; TLFS */

static bool possible(char *why, size_t size)
{
	uint32_t eax = cpuid(0x4000000a, 0).eax;

	if (eax >> DIRECT_FLUSH_BIT & 1)
		return true;
	format(why, size, "no direct flush: CPUID.4000000AH:EAX[%u]=0 (0x%x)", DIRECT_FLUSH_BIT,
	       eax);
	return false;
}

static void build(bool trap)
{
	void *e;

	l2_create_plain(&l2, "evmcs");
	e = vmcs_enlightened();
	tlb_lock_count = page_alloc_named("partition assist page");
	*tlb_lock_count = trap;
	vp_assist()->nested_features |= VP_ASSIST_DIRECT_HYPERCALL;
	*evmcs_u32(e, EVMCS_ENLIGHTENMENTS) |= EVMCS_NESTED_FLUSH;
	*evmcs_u32(e, EVMCS_VP_ID) = VP_ID;
	*evmcs_u64(e, EVMCS_VM_ID) = VM_ID;
	*evmcs_u64(e, EVMCS_PARTITION_ASSIST_PAGE) = page_gpa(tlb_lock_count);
	evmcs_dirty(e, EVMCS_ENLIGHTENMENTS_CONTROL);
}

/* L2 flushes: L1 hears of it by the exit, if @trap, and L2 has the right answer at point 1. */
static bool flush(bool trap, bool freeze)
{
	l2.shared->arg[0] = EVMCS_DO_FLUSH | (freeze ? EVMCS_DO_FREEZE : 0);
	l2.shared->val[EVMCS_VAL_FLUSH] = ~0ull;
	if (trap && !l2_exits(&l2, EXIT_REASON_TRAP_AFTER_FLUSH))
		return false;
	return l2_tells(&l2, 1) &&
	       ktap_check("what the flush gave", 0, l2.shared->val[EVMCS_VAL_FLUSH]);
}

static void fly_l2(bool trap)
{
	build(trap);
	if (!l2_tells(&l2, 1) || !flush(trap, false))
		return;
	flush(trap, true);
	flush(trap, false); /* whatever came of that, L2 is at point 1 */
}

static void fly_flush(void)
{
	fly_l2(false);
}

static void fly_trap(void)
{
	fly_l2(true);
}

static void fly_trap_l1(void)
{
	build(true);
	if (!l2_tells(&l2, 1) || !flush(true, false))
		return;
	freeze_point();
	if (flush(true, false))
		flush(true, false);
}

/* Before the first entry of all. */
static void fly_trap_first(void)
{
	build(true);
	freeze_point();
	if (l2_tells(&l2, 1))
		flush(true, false);
}

/* L1 asks for the exit only when L2 has been restored and has come back. */
static void fly_trap_later(void)
{
	build(false);
	if (!l2_tells(&l2, 1) || !flush(false, true))
		return;
	*tlb_lock_count = 1;
	flush(true, false);
}

/* Frozen within L1 behind the exit by the flush. */
static void fly_trapped(void)
{
	build(true);
	if (!l2_tells(&l2, 1))
		return;
	l2.shared->arg[0] = EVMCS_DO_FLUSH;
	if (!l2_exits(&l2, EXIT_REASON_TRAP_AFTER_FLUSH))
		return;
	freeze_point();
	ktap_check("exit reason", EXIT_REASON_TRAP_AFTER_FLUSH, vmcs_read(VM_EXIT_REASON));
	if (l2_tells(&l2, 1) &&
	    ktap_check("what the flush gave", 0, l2.shared->val[EVMCS_VAL_FLUSH]))
		flush(true, false);
}

#define LOST "KVM keeps partition assist page, VM id and VP id only from the last VM entry"
#define SCEN(id, fn, title, host, bug, proof)                                                      \
	SCENARIO(                                                                                  \
		id, NEEDS(EVMCS, L2_BASE), FLY(fn, .possible = possible), TITLE(title),            \
		PROMISE("TLFS, Direct Virtual Flush: L0 answers L2's flush hypercalls, and exits " \
			"to L1 if TlbLockCount is not 0"),                                         \
		HOST(host), BUG(bug),                                                              \
		FAILURE("the hypercall exits to L1 or fails, or L1 does not hear of the flush"),   \
		FREEZE(port), PROOF(proof))

SCEN(evmcs_flush, fly_flush, "L2 flushes by hypercall, which L1 need not hear of", "snapshot in L2",
     "none known", "l2 runnable evmcs");
SCEN(evmcs_flush_trap, fly_trap, "L2 flushes by hypercall, and L1 wants to hear of it",
     "snapshot in L2 before the hypercall", LOST, "l2 runnable evmcs");
SCEN(evmcs_flush_trap_l1, fly_trap_l1, "L1 whose L2 flushes by hypercall, of which it hears",
     "snapshot in L1 between an exit and VMRESUME", LOST, "vmxon evmcs !l2");
SCEN(evmcs_flush_trap_first, fly_trap_first, "L1 will hear of its L2's flushes, and L2 never ran",
     "snapshot in L1 before VMLAUNCH", "none known", "vmxon !evmcs !l2");
SCEN(evmcs_flush_trap_later, fly_trap_later, "L1 asks for the exit by flushes after the restore",
     "snapshot in L2 before a hypercall", LOST, "l2 runnable evmcs");
SCEN(evmcs_flush_trapped, fly_trapped, "L1 behind the exit by its L2's flush",
     "snapshot in L1 right behind the synthetic exit", LOST,
     "vmxon evmcs !l2 VM_EXIT_REASON=0x10000031");
