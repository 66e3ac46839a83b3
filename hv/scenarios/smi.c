/* SPDX-License-Identifier: BSD-2-Clause */
/* An SMI meets L1 or L2, and the snapshot lies around or within its handler; told of below. */
#include "hv/page_names.h"
#include "hv/scenario.h"
#include "hv/smm.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/string.h"

#define INTR_INFO_EXTERNAL (1ull << 31) /* valid, type external interrupt */
#define OWN_VECTOR	   0x61

/* What the handler writes to the ICR; SDM, "Interrupt Command Register (ICR)". */
#define ICR_SMI	 (2u << 8)
#define ICR_NMI	 (4u << 8)
#define ICR_INIT (5u << 8 | 1u << 14)
#define ICR_SELF (1u << 18)

static struct l2 l2;

/* @icr: what the handler sends to its own CPU, or 0. */
static void handler_install(uint32_t icr)
{
	smi_handler_install();
	*(volatile uint32_t *)SMM_ICR = icr;
	page_announce("SMI handler", (void *)SMM_ENTRY, 1);
	page_announce("SMRAM state-save area", (void *)SMM_STATE_SAVE, 1);
}

static void handler_ran(unsigned times)
{
	ktap_check("SMIs handled", times, *(volatile uint32_t *)SMM_COUNT);
}

static void fly_l1_vmxon(void)
{
	handler_install(0);
	freeze_point();
	handler_ran(1);
	l2_create(&l2, "tell");
	l2_tells(&l2, 1);
}

static void fly_l1(void)
{
	handler_install(0);
	l2_create(&l2, "tell");
	if (!l2_tells(&l2, 1))
		return;
	freeze_point();
	handler_ran(1);
	if (vmcs_check_written())
		l2_tells(&l2, 1);
}

enum {
	PENDING = 1, /* two virtual interrupts behind RFLAGS.IF=0 */
	HIDING = 2,  /* L2 reads other bits in CR0 and CR4 than there are */
};

static void meet_l2(unsigned how)
{
	handler_install(0);
	l2_create(&l2, "smi");
	if (how & PENDING) {
		l2_pend(&l2, 0x51);
		l2_pend(&l2, 0x43);
	}
	if (!(how & HIDING)) {
		l2.shared->cr0 = vmcs_read(GUEST_CR0);
		l2.shared->cr4 = vmcs_read(GUEST_CR4);
		vmcs_write(CR0_READ_SHADOW, l2.shared->cr0);
		vmcs_write(CR4_READ_SHADOW, l2.shared->cr4);
	}
	expect_page(SMM_STATE_SAVE);
	if (!l2_tells(&l2, 1))
		return;
	handler_ran(1);
	if (!L2_TOOK(&l2) || !l2_tells(&l2, 2))
		return;
	if (how & PENDING)
		L2_TOOK(&l2, 0x51, 0x43);
}

static void fly_l2(void)
{
	meet_l2(0);
}

static void fly_l2_rvi(void)
{
	meet_l2(PENDING);
}

static void fly_l2_hiding(void)
{
	meet_l2(HIDING);
}

/* The handler sends @icr, which must come right behind RSM and take L2 to L1 with @intr_info. */
static void meet_exit(const char *half, uint32_t icr, enum vmx_exit_reason reason,
		      uint64_t intr_info)
{
	handler_install(icr);
	l2_create_plain(&l2, half);
	if (!l2_exits(&l2, reason))
		return;
	handler_ran(1);
	if (intr_info)
		ktap_check("VM_EXIT_INTR_INFO", intr_info, vmcs_read(VM_EXIT_INTR_INFO));
	if (reason == EXIT_REASON_EXTERNAL_INTERRUPT)
		wrmsr(MSR_X2APIC_EOI, 0);
	ktap_check("L2 executed nothing behind RSM", 0, l2.shared->frozen);
	/* RSM need not lead back into HLT: SMRAM has a switch for that, auto HALT restart. */
	vmcs_write(GUEST_ACTIVITY_STATE, 0);
	l2_tells(&l2, 1);
}

static void fly_irq(void)
{
	meet_exit("rvi_behind_if", ICR_SELF | OWN_VECTOR, EXIT_REASON_EXTERNAL_INTERRUPT,
		  INTR_INFO_EXTERNAL | OWN_VECTOR);
}

static void fly_nmi(void)
{
	meet_exit("rvi_behind_if", ICR_NMI, EXIT_REASON_EXCEPTION_NMI,
		  intr_info(INTR_NMI, VECTOR_NMI));
}

static void fly_init(void)
{
	meet_exit("rvi_behind_if", ICR_INIT, EXIT_REASON_INIT_SIGNAL, 0);
}

static void fly_halted(void)
{
	meet_exit("hlt", ICR_SELF | OWN_VECTOR, EXIT_REASON_EXTERNAL_INTERRUPT,
		  INTR_INFO_EXTERNAL | OWN_VECTOR);
}

static void fly_twice(void)
{
	handler_install(ICR_SMI);
	l2_create_plain(&l2, "rvi_behind_if");
	if (l2_tells(&l2, 1))
		handler_ran(2);
}

/* Without a host there is nobody to send an SMI. */
#define ABOUT                                                                                     \
	PROMISE("SDM, System Management Mode, Default Treatment of SMIs and SMM with VMX "        \
		"Operation and SMX Operation: an SMI leaves VMX operation for a while, and RSM "  \
		"brings everything back, non-root operation included"),                           \
		BUG("Tsukata 2023: nested state of a vCPU in SMM refused on migration (EINVAL); " \
		    "and the selftests restore nested state last because KVM must know of SMM "   \
		    "first")
#define IN_HANDLER                                                                               \
	HOST("an SMI; snapshot at a freeze point inside the handler, where KVM keeps VMXON and " \
	     "L2 apart"),                                                                        \
		ORDER("selftests")

SCENARIO(smi_in_l1_vmxon, NEEDS(L2_BASE), FLY(fly_l1_vmxon, .possible = hop_host_there), ORDINARY,
	 TITLE("an SMI meets L1 that has no current VMCS; frozen in the handler"), ABOUT,
	 IN_HANDLER, FAILURE("VMXON lost, or in force within SMM: a fault in the handler"),
	 FREEZE(port), ACT(smi, first), PROOF("smm !smm-l2 !l2 vmxon !vmcs12 events.smi.smm=1"));
SCENARIO(smi_in_l1, NEEDS(L2_BASE), FLY(fly_l1, .possible = hop_host_there),
	 TITLE("an SMI meets L1 that has a current VMCS; frozen in the handler"), ABOUT, IN_HANDLER,
	 FAILURE("the current VMCS or its fields lost behind RSM"), FREEZE(port), ACT(smi, first),
	 PROOF("smm !smm-l2 !l2 vmxon vmcs12 events.smi.smm=1"));
SCENARIO(smi_in_l2, NEEDS(L2_APICV), FLY(fly_l2, .possible = hop_host_there),
	 TITLE("an SMI meets L2; frozen in the handler"), ABOUT, IN_HANDLER,
	 FAILURE("RSM leads to L1, to nowhere, or to an L2 with other registers"), FREEZE(port),
	 ACT(smi, first), PROOF("smm smm-l2 !l2 vmxon vmcs12 events.smi.smm=1"));
SCENARIO(smi_read_shadow, NEEDS(L2_APICV), FLY(fly_l2_hiding, .possible = hop_host_there),
	 TITLE("an SMI meets L2 that reads other bits in CR0 and CR4 than there are; frozen in the "
	       "handler"),
	 ABOUT, IN_HANDLER, FAILURE("behind RSM L2 reads the bits that L1 hides from it"),
	 FREEZE(port), ACT(smi, first), PROOF("smm smm-l2 !l2 events.smi.smm=1"));
SCENARIO(smi_in_l2_rvi, NEEDS(L2_APICV), FLY(fly_l2_rvi, .possible = hop_host_there),
	 TITLE("an SMI meets L2 with virtual interrupts behind RFLAGS.IF=0; frozen in the handler"),
	 ABOUT, IN_HANDLER, FAILURE("RVI or a vector lost behind RSM, or taken with RFLAGS.IF=0"),
	 FREEZE(port), ACT(smi, first),
	 PROOF("smm smm-l2 !l2 events.smi.smm=1 rvi=0x51 virr:0x51 virr:0x43"));
SCENARIO(smi_in_l2_irq, NEEDS(L2_BASE), FLY(fly_irq, .possible = hop_host_there),
	 TITLE("an interrupt for L1 waits while an SMI that met L2 is handled; frozen in the "
	       "handler"),
	 ABOUT, IN_HANDLER, FAILURE("L2 goes on behind RSM, or the vector is lost"), FREEZE(port),
	 ACT(smi, first), PROOF("smm smm-l2 !l2 events.smi.smm=1 irr:0x61"));
SCENARIO(smi_in_l2_nmi, NEEDS(L2_BASE), FLY(fly_nmi, .possible = hop_host_there),
	 TITLE("an NMI waits while an SMI that met L2 is handled; frozen in the handler"), ABOUT,
	 IN_HANDLER, FAILURE("L2 goes on behind RSM, or the NMI is lost"), FREEZE(port),
	 ACT(smi, first),
	 PROOF("smm smm-l2 !l2 events.smi.smm=1 events.nmi.pending=1 events.nmi.masked=1"));
SCENARIO(smi_in_l2_init, NEEDS(L2_BASE), FLY(fly_init, .possible = hop_host_there),
	 TITLE("an INIT waits while an SMI that met L2 is handled; frozen in the handler"), ABOUT,
	 IN_HANDLER, FAILURE("L2 goes on behind RSM, or the INIT is lost"), FREEZE(port),
	 ACT(smi, first), PROOF("smm smm-l2 !l2 events.smi.smm=1 events.smi.latched_init=1"));
SCENARIO(smi_in_l2_twice, NEEDS(L2_BASE), FLY(fly_twice, .possible = hop_host_there),
	 TITLE("a second SMI waits while one that met L2 is handled; frozen in the handler"), ABOUT,
	 IN_HANDLER, FAILURE("the second SMI lost, or taken within the first handler"),
	 FREEZE(port), ACT(smi, first),
	 PROOF("smm smm-l2 !l2 events.smi.smm=1 events.smi.pending=1"));
SCENARIO(smi_rsm_done, NEEDS(L2_APICV), FLY(fly_l2, .possible = hop_host_there),
	 TITLE("RSM executed, L2 not yet entered again"), ABOUT,
	 HOST("an SMI; snapshot while KVM waits within RSM for the state-save area: "
	      "nested_run_pending"),
	 FAILURE("L2 starts with other registers, twice, or not at all"), FREEZE(page),
	 ACT(smi, first), PROOF("l2 run-pending !smm !smm-l2 events.smi.smm=0"));
SCENARIO(smi_pending, NEEDS(L2_APICV), FLY(fly_l2_rvi, .possible = hop_host_there),
	 TITLE("an SMI is pending when L2 is saved"), ABOUT,
	 HOST("snapshot at an instruction of L2; an SMI before the save"),
	 FAILURE("the SMI lost or handled twice, or L2 goes on with other registers"), FREEZE(port),
	 ACT(smi, paused), PROOF("l2 runnable !smm events.smi.smm=0"));
SCENARIO(smi_restored, NEEDS(L2_APICV), FLY(fly_l2_rvi, .possible = hop_host_there),
	 TITLE("an SMI before the restored L2 runs for the first time"), ABOUT,
	 HOST("snapshot at an instruction of L2; an SMI before the first KVM_RUN, when no page of "
	      "vmcs12 is mapped yet"),
	 FAILURE("the SMI lost or handled twice, or L2 goes on with other registers"), FREEZE(port),
	 ACT(smi, restored), PROOF("l2 runnable rvi=0x51 events.smi.smm=0"));
SCENARIO(smi_halted, NEEDS(L2_BASE), FLY(fly_halted, .possible = hop_host_there),
	 TITLE("an SMI meets a restored L2 that sleeps in HLT"), ABOUT,
	 HOST("snapshot of the sleeping L2; an SMI when the restored vCPU has blocked again"),
	 FAILURE("L2 sleeps through the SMI, or the interrupt behind RSM is lost"), FREEZE(blocked),
	 ACT(smi, blocked), PROOF("l2 halted"));
SCENARIO(smi_halted_paused, NEEDS(L2_BASE), FLY(fly_halted, .possible = hop_host_there),
	 TITLE("an SMI is pending when an L2 that sleeps in HLT is saved"), ABOUT,
	 HOST("snapshot of the sleeping L2; an SMI before the save"),
	 FAILURE("L2 sleeps through the SMI, or the interrupt behind RSM is lost"), FREEZE(blocked),
	 ACT(smi, paused), PROOF("l2 halted"));
SCENARIO(smi_halted_restored, NEEDS(L2_BASE), FLY(fly_halted, .possible = hop_host_there),
	 TITLE("an SMI before a restored L2 that sleeps in HLT runs for the first time"), ABOUT,
	 HOST("snapshot of the sleeping L2; an SMI before the first KVM_RUN"),
	 FAILURE("L2 sleeps through the SMI, or the interrupt behind RSM is lost"), FREEZE(blocked),
	 ACT(smi, restored), PROOF("l2 halted"));
SCENARIO(smi_from_hlt, NEEDS(L2_BASE), FLY(fly_halted, .possible = hop_host_there),
	 TITLE("an SMI meets an L2 that sleeps in HLT; frozen in the handler"), ABOUT, IN_HANDLER,
	 FAILURE("RSM does not lead to L2, or the interrupt behind RSM is lost"), FREEZE(port),
	 ACT(smi, asleep), PROOF("smm smm-l2 !l2 runnable events.smi.smm=1 irr:0x61"));
