/* SPDX-License-Identifier: BSD-2-Clause */
/* A TPR shadow, and nothing else of APICv; told of below. */
#include "hv/page_names.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"

static struct l2 l2;

static uint32_t vtpr(void)
{
	return l2.vapic->reg[VAPIC_VTPR / 4];
}

static void create(unsigned threshold)
{
	l2_create_plain(&l2, "tpr");
	vmx_control_set(VMX_CPU_TPR_SHADOW, true);
	l2.vapic = page_alloc_named("virtual-APIC page");
	vmcs_write(VIRTUAL_APIC_PAGE_ADDR, page_gpa(l2.vapic));
	vmcs_write(TPR_THRESHOLD, threshold);
	l2.vapic->reg[VAPIC_VTPR / 4] = threshold << 4; /* VM entry asks for no less */
	l2.shared->arg[0] = 9;
	l2.shared->arg[1] = 5;
	l2.shared->arg[2] = 3;
}

static void check_end(void)
{
	if (!ktap_check("VTPR", 0x50, vtpr()) || !l2_tells(&l2, 2))
		return;
	ktap_check("VTPR at last", 0x30, vtpr());
	ktap_check("CR8 behind the snapshot", 9, l2.shared->val[0]);
	ktap_check("CR8", 5, l2.shared->val[1]);
	ktap_check("CR8 at last", 3, l2.shared->val[2]);
	ktap_check("TPR of L1's own APIC", 0, rdmsr(MSR_X2APIC_TPR));
	ktap_check("CR8 of L1", 0, read_cr8());
}

static void fly_shadow(void)
{
	create(0);
	if (l2_tells(&l2, 1))
		check_end();
}

static void fly_threshold(void)
{
	create(6);
	if (!l2_exits(&l2, EXIT_REASON_TPR_BELOW_THRESHOLD) || !ktap_check("VTPR", 0x50, vtpr()))
		return;
	vmcs_write(TPR_THRESHOLD, 3);
	if (l2_tells(&l2, 1))
		check_end();
}

SCENARIO(tpr_shadow, NEEDS(L2_BASE, VMX_CPU_TPR_SHADOW), FLY(fly_shadow),
	 TITLE("L2's CR8 is its TPR shadow, without any more of APICv"),
	 PROMISE("SDM, Virtualizing CR8-Based TPR Accesses: MOV from and to CR8 use VTPR"),
	 HOST("snapshot between L2's write of CR8 and its read"), BUG("none known"),
	 FAILURE("L2 reads L1's TPR, or changes it"), FREEZE(port),
	 PROOF("l2 runnable vtpr=0x90 cr8=0 TPR_THRESHOLD=0"));
SCENARIO(tpr_threshold, NEEDS(L2_BASE, VMX_CPU_TPR_SHADOW), FLY(fly_threshold),
	 TITLE("L2 is about to lower its TPR below L1's threshold"),
	 PROMISE("SDM, TPR Virtualization: VTPR[7:4] below the TPR threshold causes a trap-like VM "
		 "exit"),
	 HOST("snapshot before L2's write of CR8"), BUG("none known"),
	 FAILURE("no exit, or one with the write not done"), FREEZE(port),
	 PROOF("l2 runnable vtpr=0x90 cr8=0 TPR_THRESHOLD=6"));
