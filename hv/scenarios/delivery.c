/* SPDX-License-Identifier: BSD-2-Clause */
/* The delivery of L2's own events is interrupted by a missing page; told of below. */
#include "hv/steps.h"
#include "hv/page_names.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"

enum what { INTERRUPT, INT_80, UD2, INT_3 }; /* l2guest/halves/delivery.c */

#define STACK_VA  L2_SPARE_VA(1)
#define STACK_GPA L2_SPARE_GPA(1)
#define IDT_GPA	  L2_SPARE_GPA(0)
#define MARK	  0x1d7ab1e /* in RAX: L2 is where the event comes */

static struct l2 l2;
static void *idt, *stack;

/* IDT and stack have pages of their own. With interrupts, 0x51 comes first, and 0x43 waits. */
static bool start(enum what what, bool freeze)
{
	l2_create(&l2, "delivery");
	if (!l2_tells(&l2, 1))
		return false;
	idt = l2_own_idt(&l2);
	stack = page_alloc_named("L2 stack of the event");
	l2_map(&l2, STACK_VA, STACK_GPA, stack);
	l2.shared->arg[0] = what;
	l2.shared->arg[1] = STACK_VA + PAGE_SIZE;
	l2.shared->arg[2] = freeze;
	l2.shared->arg[3] = MARK;
	if (what == INTERRUPT) {
		l2_pend(&l2, 0x51);
		l2_pend(&l2, 0x43);
	}
	return true;
}

static void end(enum what what)
{
	if (!l2_tells(&l2, 2))
		return;
	if (what == INTERRUPT)
		L2_TOOK(&l2, 0x51, 0x43);
	else if (what == INT_80)
		L2_TOOK(&l2, 0x80);
	ktap_check("exceptions of L2", what == UD2 || what == INT_3, l2.shared->val[0]);
}

/* L1's EPT lacks the page: it gets the event back, and injects it when the page is there. */
static void violation(enum what what, uint64_t gpa, uint32_t info, unsigned len)
{
	void *page = gpa == IDT_GPA ? idt : stack;

	l2_unmap(&l2, gpa);
	vmcs_let_go(VM_ENTRY_INSTRUCTION_LEN); /* checked by hand: the snapshot comes first */
	if (!l2_exits(&l2, EXIT_REASON_EPT_VIOLATION))
		return;
	freeze_point();
	ktap_check("exit reason", EXIT_REASON_EPT_VIOLATION, vmcs_read(VM_EXIT_REASON));
	ktap_check("VM_ENTRY_INSTRUCTION_LEN, as L1 wrote it", 0,
		   vmcs_read(VM_ENTRY_INSTRUCTION_LEN));
	ktap_check("page", gpa, vmcs_read(GUEST_PHYSICAL_ADDRESS) & ~(PAGE_SIZE - 1));
	if (len)
		ktap_check("instruction length", len, vmcs_read(VM_EXIT_INSTRUCTION_LEN));
	if (!ktap_check("IDT-vectoring information", info, vmcs_read(IDT_VECTORING_INFO_FIELD)))
		return;
	l2_map(&l2, gpa == IDT_GPA ? L2_SPARE_VA(0) : STACK_VA, gpa, page);
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, info);
	vmcs_write(VM_ENTRY_INSTRUCTION_LEN, len);
	if (what == INT_80)
		l2.posted[0x80]++;
	end(what);
}

static void fly_vectoring_irq(void)
{
	if (start(INTERRUPT, false))
		violation(INTERRUPT, IDT_GPA, intr_info(INTR_EXTERNAL, 0x51), 0);
}

static void fly_vectoring_int(void)
{
	if (start(INT_80, false))
		violation(INT_80, STACK_GPA, intr_info(INTR_SOFT_INT, 0x80), 2);
}

static void fly_vectoring_ud(void)
{
	if (start(UD2, false))
		violation(UD2, IDT_GPA, intr_info(INTR_HARD_EXCEPTION, VECTOR_UD), 0);
}

static void fly_vectoring_int3(void)
{
	if (start(INT_3, false))
		violation(INT_3, IDT_GPA, intr_info(INTR_SOFT_EXCEPTION, 3), 1);
}

/* The host lacks the page: KVM waits for it, and L1 hears nothing of that. */
static void missing(enum what what, void **page)
{
	if (!start(what, true))
		return;
	if (what == INT_80)
		l2.posted[0x80]++;
	expect_page(page_gpa(*page));
	end(what);
}

static void fly_missing_idt(void)
{
	missing(INTERRUPT, &idt);
}

static void fly_missing_stack(void)
{
	missing(INTERRUPT, &stack);
}

static void fly_missing_int(void)
{
	missing(INT_80, &stack);
}

static void fly_missing_ud(void)
{
	missing(UD2, &stack);
}

#define EVENT_LOST FAILURE("the event lost, doubled, or of another type")
#define NONE_KNOWN BUG("none known"), EVENT_LOST
#define VIOLATION                                                                                 \
	PROMISE("SDM, Information for VM Exits That Occur During Event Delivery: the exit tells " \
		"the event, and L1 can inject it again"),                                         \
		HOST("snapshot in L1 right behind the VM exit"), EVENT_LOST, FREEZE(port)
SCENARIO(vectoring_irq, NEEDS(L2_APICV), FLY(fly_vectoring_irq),
	 TITLE("L2's IDT is not mapped when a virtual interrupt comes: EPT violation"), VIOLATION,
	 BUG("none known"),
	 PROOF("!l2 vmcs12 VM_EXIT_REASON=48 IDT_VECTORING_INFO_FIELD=0x80000051 svi=0x51 "
	       "rvi=0x43"));
SCENARIO(vectoring_int, NEEDS(L2_APICV), FLY(fly_vectoring_int),
	 TITLE("L2's stack is not mapped when it executes INT: EPT violation"), VIOLATION,
	 BUG("found here: KVM writes the length of INT to VM_ENTRY_INSTRUCTION_LEN, which is L1's"),
	 PROOF("!l2 vmcs12 VM_EXIT_REASON=48 IDT_VECTORING_INFO_FIELD=0x80000480 "
	       "VM_EXIT_INSTRUCTION_LEN=2"));
SCENARIO(vectoring_int3, NEEDS(L2_ANY), FLY(fly_vectoring_int3),
	 TITLE("L2's IDT is not mapped when it executes INT3: EPT violation"), VIOLATION,
	 BUG("none known"),
	 PROOF("!l2 vmcs12 VM_EXIT_REASON=48 IDT_VECTORING_INFO_FIELD=0x80000603 "
	       "VM_EXIT_INSTRUCTION_LEN=1"));
SCENARIO(vectoring_ud, NEEDS(L2_ANY), FLY(fly_vectoring_ud),
	 TITLE("L2's IDT is not mapped when it gets #UD: EPT violation"), VIOLATION,
	 BUG("none known"),
	 PROOF("!l2 vmcs12 VM_EXIT_REASON=48 IDT_VECTORING_INFO_FIELD=0x80000306"));

#define MISSING                                                                                  \
	PROMISE("SDM, Event Delivery: an event is delivered once; a page that the host lacks "   \
		"shows to nobody"),                                                              \
		HOST("snapshot while KVM waits for a page that the delivery needs"), NONE_KNOWN, \
		FREEZE(page)
SCENARIO(delivery_idt, NEEDS(L2_APICV), FLY(fly_missing_idt),
	 TITLE("the delivery of a virtual interrupt waits for the page of L2's IDT"), MISSING,
	 PROOF("l2 events.interrupt.injected=1 events.interrupt.nr=0x51 svi=0x51 rvi=0x43 "
	       "rax=0x1d7ab1e"));
SCENARIO(delivery_stack, NEEDS(L2_APICV), FLY(fly_missing_stack),
	 TITLE("the delivery of a virtual interrupt waits for the page of L2's stack"), MISSING,
	 PROOF("l2 events.interrupt.injected=1 events.interrupt.nr=0x51 svi=0x51 rvi=0x43 "
	       "rax=0x1d7ab1e"));
SCENARIO(delivery_int, NEEDS(L2_APICV), FLY(fly_missing_int),
	 TITLE("the delivery of L2's INT 0x80 waits for the page of L2's stack"), MISSING,
	 PROOF("l2 events.exception.injected=0 events.nmi.injected=0 rax=0x1d7ab1e"));
SCENARIO(delivery_ud, NEEDS(L2_ANY), FLY(fly_missing_ud),
	 TITLE("the delivery of L2's #UD waits for the page of L2's stack"), MISSING,
	 PROOF("l2 events.exception.injected=1 events.exception.nr=6 rax=0x1d7ab1e"));
