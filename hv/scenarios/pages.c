/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pages that a VMCS names lie elsewhere in the host's memory than they did, or play two roles;
 * told of below.
 */
#include "hv/ept.h"
#include "hv/scenario.h"
#include "hv/steps.h"
#include "hv/vmx.h"
#include "lib/ktap.h"
#include "lib/page.h"

#define VTPR	     0x35
#define SELF_VECTOR  0x61
#define POST_VECTOR  0x92
#define NOTIFY_TICKS 2000000
#define MSR_VALUE    0x123456789000
#define WRITTEN	     0x3c5a96e1f0d2b487

/* out %al, $FREEZE_IO_PORT; mov $0xc0de, %eax; ret */
#define FREEZE_CODE   (0x00c30000c0deb80000ull | FREEZE_IO_PORT << 8 | 0xe6)
#define FREEZE_RESULT 0xc0de

static struct l2 l2;

/* Behind the freeze point L2 writes TPR, which stands in the virtual-APIC page, and L1 finds it. */
static void fly_vapic(void)
{
	l2_create(&l2, "steps");
	expect_page(page_gpa(l2.vapic));
	l2.vtpr = VTPR;
	l2.posted[SELF_VECTOR]++;
	L2_STEPS(&l2, STEP(FREEZE, 0), STEP(WRMSR, MSR_X2APIC_TPR), VTPR,
		 STEP(WRMSR, MSR_X2APIC_SELF_IPI), SELF_VECTOR, STEP(WAIT, 1));
	if (l2_tells(&l2, 1))
		L2_TOOK(&l2, SELF_VECTOR);
}

/* Behind the freeze point the notification comes for what was posted before. */
static void fly_descriptor(void)
{
	l2_create(&l2, "steps");
	expect_page(page_gpa(l2.pi) & ~(PAGE_SIZE - 1));
	L2_STEPS(&l2, STEP(FREEZE, 0), STEP(WAIT, 1));
	l2_post(&l2, POST_VECTOR);
	l2_notify_in(NOTIFY_TICKS);
	if (l2_tells(&l2, 1))
		L2_TOOK(&l2, POST_VECTOR);
}

/* MSR index in the high half of a bitmap's read part; SDM, "MSR-Bitmap Address". */
#define HIGH_READ(index) (1024 + ((index)-0xc0000000) / 8)

/* Of two MSRs that L2 reads, the first passes and the second exits. */
static void reads_msrs(void)
{
	L2_STEPS(&l2, STEP(WRMSR, MSR_IA32_STAR), MSR_VALUE, STEP(FREEZE, 0),
		 STEP(RDMSR, MSR_IA32_STAR), STEP(RDMSR, MSR_IA32_LSTAR));
	if (!l2_exits(&l2, EXIT_REASON_MSR_READ))
		return;
	ktap_check("MSR that exits", MSR_IA32_LSTAR, l2.regs.rcx);
	l2.regs.rax = (uint32_t)WRITTEN;
	l2.regs.rdx = WRITTEN >> 32;
	l2_skip();
	if (!l2_tells(&l2, 1))
		return;
	ktap_check("MSR that passes", MSR_VALUE, l2.shared->val[3]);
	ktap_check("MSR that L1 answers", WRITTEN, l2.shared->val[4]);
}

static void fly_msr_bitmap(void)
{
	l2_create_plain(&l2, "steps");
	l2.msr_bitmap[HIGH_READ(MSR_IA32_LSTAR)] |= 1 << MSR_IA32_LSTAR % 8;
	expect_page(page_gpa(l2.msr_bitmap));
	reads_msrs();
}

/* Behind the freeze point L2 touches a page for which there is no translation yet. */
static void fly_ept_root(void)
{
	l2_create_plain(&l2, "steps");
	expect_page(page_gpa(l2.ept));
	*l2_data_page(&l2, 0) = WRITTEN;
	L2_STEPS(&l2, STEP(FREEZE, 0), STEP(READ, l2_data_va(&l2, 0)),
		 STEP(WRITE, l2_data_va(&l2, 1)), WRITTEN);
	if (!l2_tells(&l2, 1))
		return;
	ktap_check("what L2 read", WRITTEN, l2.shared->val[1]);
	ktap_check("what L2 wrote", WRITTEN, *l2_data_page(&l2, 1));
}

/* The freeze point is in the page. */
static void fly_code(void)
{
	l2_create_plain(&l2, "steps");
	expect_page(page_gpa(l2_data_page(&l2, 0)));
	*l2_data_page(&l2, 0) = FREEZE_CODE;
	L2_STEPS(&l2, STEP(RUN, l2_data_va(&l2, 0)), STEP(WRITE, l2_data_va(&l2, 0) + 8), WRITTEN);
	if (!l2_tells(&l2, 1))
		return;
	ktap_check("what the code in the page gave", FREEZE_RESULT, l2.shared->val[0]);
	ktap_check("what L2 wrote", WRITTEN, l2_data_page(&l2, 0)[1]);
}

/* All of it at once. */
static void fly_all(void)
{
	l2_create(&l2, "steps");
	l2.vtpr = VTPR;
	*l2_data_page(&l2, 0) = WRITTEN;
	L2_STEPS(&l2, STEP(READ, l2_data_va(&l2, 0)), STEP(FREEZE, 0), STEP(WAIT, 1),
		 STEP(WRMSR, MSR_X2APIC_TPR), VTPR, STEP(WRMSR, MSR_X2APIC_SELF_IPI), SELF_VECTOR,
		 STEP(WAIT, 2), STEP(READ, l2_data_va(&l2, 0)), STEP(WRITE, l2_data_va(&l2, 1)),
		 WRITTEN);
	l2_post(&l2, POST_VECTOR);
	l2_notify_in(NOTIFY_TICKS);
	l2.posted[SELF_VECTOR]++;
	if (!l2_tells(&l2, 1))
		return;
	L2_TOOK(&l2, POST_VECTOR, SELF_VECTOR);
	ktap_check("what L2 read", WRITTEN, l2.shared->val[8]);
	ktap_check("what L2 wrote", WRITTEN, *l2_data_page(&l2, 1));
}

#define PAGE_ABOUT                                                                             \
	BUG("Griffoul 2025: KVM keeps using the host memory that such a page had when L2 was " \
	    "entered"),                                                                        \
		FREEZE(port)
#define REFILL(page)                                                                              \
	HOST("with L2 active, " page                                                              \
	     " is thrown away by madvise() and written again with the same content, as a VMM "    \
	     "with a balloon or late pages may do it, before the restored L2 goes on (without a " \
	     "snapshot: while L2 stands still)"),                                                 \
		PAGE_ABOUT, ACT(refill, restored)

SCENARIO(refill_vapic, NEEDS(L2_APICV), FLY(fly_vapic),
	 TITLE("the virtual-APIC page gets other host memory while L2 is active"),
	 PROMISE("SDM, Virtualizing MSR-Based APIC Accesses: L2's TPR is in the virtual-APIC page"),
	 FAILURE("what L2 writes to its TPR does not arrive in L1's memory"),
	 REFILL("the virtual-APIC page"), PROOF("l2 runnable vtpr=0"));
SCENARIO(refill_descriptor, NEEDS(L2_APICV), FLY(fly_descriptor),
	 TITLE("the posted-interrupt descriptor gets other host memory while L2 is active"),
	 PROMISE("SDM, Posted-Interrupt Processing: the processor clears ON and moves the PIR to "
		 "VIRR"),
	 FAILURE("the posting stays in the descriptor, or is taken twice"),
	 REFILL("the descriptor's page"), PROOF("l2 runnable on pir:0x92"));
SCENARIO(refill_msr_bitmap, NEEDS(L2_BASE), FLY(fly_msr_bitmap),
	 TITLE("the MSR bitmap gets other host memory while L2 is active"),
	 PROMISE("SDM, MSR-Bitmap Address: the bitmap says which MSR accesses exit"),
	 FAILURE("an access exits that should pass, or passes that should exit"),
	 REFILL("the MSR bitmap"), PROOF("l2 runnable"));
SCENARIO(refill_ept_root, NEEDS(L2_BASE), FLY(fly_ept_root),
	 TITLE("the root of L1's EPT gets other host memory while L2 is active"),
	 PROMISE("SDM, EPT Translation Mechanism: L2's accesses go where the EPT says"),
	 FAILURE("an EPT violation, or L2 and L1 see different memory"),
	 REFILL("the root of the EPT"), PROOF("l2 runnable"));
SCENARIO(refill_l2_code, NEEDS(L2_BASE), FLY(fly_code),
	 TITLE("the page that L2 executes gets other host memory"),
	 PROMISE("SDM, EPT Translation Mechanism: L2's accesses go where the EPT says"),
	 FAILURE("L2 executes or writes something else than the page"),
	 REFILL("the page that it executes"), PROOF("l2 runnable"));
SCENARIO(move_l2, NEEDS(L2_APICV), FLY(fly_all),
	 TITLE("all memory gets other host addresses while L2 is active"),
	 PROMISE("SDM, APIC Virtualization and Virtual Interrupts: virtual-APIC page and "
		 "descriptor are where the VMCS says"),
	 HOST("with L2 active, the VMM deletes the memory slot and sets it anew with a copy, "
	      "before the restored L2 goes on (without a snapshot: while L2 stands still)"),
	 FAILURE("TPR, a posting or L2's memory is not the one that L1 sees"), PAGE_ABOUT,
	 ACT(move, restored), PROOF("l2 runnable vtpr=0 on pir:0x92"));

/* ---- two roles ------------------------------------------------------------------------------ */

#define DESCRIPTOR_OFFSET 0xc00 /* of the virtual-APIC page: no register is there */

static void fly_vapic_and_descriptor(void)
{
	l2_create(&l2, "steps");
	l2.pi = (struct pi_desc *)((uint8_t *)l2.vapic + DESCRIPTOR_OFFSET);
	vmcs_write(POSTED_INTR_DESC_ADDR, page_gpa(l2.pi));
	l2.vtpr = VTPR;
	L2_STEPS(&l2, STEP(FREEZE, 0), STEP(WRMSR, MSR_X2APIC_TPR), VTPR, STEP(WAIT, 1));
	l2_post(&l2, POST_VECTOR);
	l2_notify_in(NOTIFY_TICKS);
	if (l2_tells(&l2, 1))
		L2_TOOK(&l2, POST_VECTOR);
}

/* One page is both bitmaps: its bytes 0x400 and on say which high MSRs and low ports exit. */
static void fly_two_bitmaps(void)
{
	l2_create_plain(&l2, "steps");
	l2.msr_bitmap = l2.io_bitmap[0];
	l2.msr_bitmap[HIGH_READ(MSR_IA32_STAR)] &= ~(1 << MSR_IA32_STAR % 8);
	l2.msr_bitmap[HIGH_READ(MSR_IA32_STAR) + 2048] &= ~(1 << MSR_IA32_STAR % 8);
	vmcs_write(MSR_BITMAP, page_gpa(l2.msr_bitmap));
	reads_msrs();
}

#define TWO_ABOUT                                                                        \
	HOST("snapshot in L2; KVM maps the page once for each role"), BUG("none known"), \
		FAILURE("the restore fails, or one of the roles is lost"), FREEZE(port)

SCENARIO(vapic_with_descriptor, NEEDS(L2_APICV), FLY(fly_vapic_and_descriptor),
	 TITLE("the posted-interrupt descriptor lies in the virtual-APIC page"),
	 PROMISE("SDM, Posted-Interrupt Processing: the descriptor may be at any address that is a "
		 "multiple of 64"),
	 TWO_ABOUT, PROOF("l2 runnable on pir:0x92"));
SCENARIO(two_bitmaps, NEEDS(L2_BASE), FLY(fly_two_bitmaps),
	 TITLE("MSR bitmap and I/O bitmap are one page"),
	 PROMISE("SDM, MSR-Bitmap Address and I/O-Bitmap Addresses: the processor only reads them"),
	 TWO_ABOUT, PROOF("l2 runnable"));
