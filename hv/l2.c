/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs L2 and checks, at every VM exit, what must always hold. */
#include "hv/l2.h"
#include "boot/ap.h"
#include "boot/layout.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/x2apic.h"

#define FIRST_VECTOR 32
#define CHECK_TEXT   64
#define FAILURES_MAX 50 /* of L2's own checks, then L1 gives up */

void l2_post(struct l2 *l2, uint8_t vector)
{
	pi_post(l2->pi, vector);
	pi_notify(l2->pi);
	l2->posted[vector]++;
}

void l2_notify_in(uint64_t ticks)
{
	apic_timer_arm(L2_NOTIFICATION_VECTOR, ticks);
}

bool l2_wake_up_lost(struct l2 *l2, uint64_t hop, uint8_t vector, bool sent)
{
	unsigned where = vapic_find(l2->vapic, l2->pi, vector);
	bool lost = sent && !apic_irr(L2_NOTIFICATION_VECTOR) &&
		    !apic_isr(L2_NOTIFICATION_VECTOR) &&
		    l2->shared->irq_count[vector] != l2->posted[vector];

	if (lost)
		ktap_fail("check=\"lost wake-up\" hop=%lu vector=0x%x on=%u in_pir=%d in_virr=%d "
			  "in_visr=%d activity_state=%lu rvi=0x%lx",
			  hop, vector, l2->pi->control & PI_ON, !!(where & IN_PIR),
			  !!(where & IN_VIRR), !!(where & IN_VISR), vmcs_read(GUEST_ACTIVITY_STATE),
			  vmcs_read(GUEST_INTR_STATUS) & 0xff);
	hop_nudged(lost);
	return lost;
}

void l2_wake(void)
{
	vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	l2_notify_in(1);
	while (!apic_timer_expired())
		cpu_relax();
}

/* One posting is in one place: counted by L2's handler, or once in PIR, VIRR or VISR. */
static bool check_vector(struct l2 *l2, unsigned vector, bool all_taken)
{
	unsigned where = vapic_find(l2->vapic, l2->pi, vector);
	uint32_t taken = l2->shared->irq_count[vector];
	uint32_t under_way = !!(where & IN_PIR) + !!(where & IN_VIRR) + !!(where & IN_VISR);

	/* Inside the handler the vector may be counted already and still be in service. */
	if ((where & IN_VISR) && taken + under_way == l2->posted[vector] + 1)
		under_way--;
	if (vector == l2->by_host && taken + under_way == l2->posted[vector] + 1)
		return true;
	if (taken + under_way != l2->posted[vector]) {
		ktap_fail("check=\"%s\" vector=0x%x expected=%u found=%u in_pir=%d in_virr=%d "
			  "in_visr=%d",
			  taken + under_way < l2->posted[vector] ? "interrupt lost"
								 : "interrupt taken twice",
			  vector, l2->posted[vector], taken + under_way, !!(where & IN_PIR),
			  !!(where & IN_VIRR), !!(where & IN_VISR));
		return false;
	}
	if (all_taken && where) {
		ktap_fail("check=\"interrupt not delivered\" vector=0x%x in_pir=%d in_virr=%d "
			  "in_visr=%d",
			  vector, !!(where & IN_PIR), !!(where & IN_VIRR), !!(where & IN_VISR));
		return false;
	}
	return true;
}

bool l2_check_interrupts(struct l2 *l2, bool all_taken)
{
	uint16_t status;
	uint32_t pir = 0;
	bool ok = true;

	if (!l2->apicv)
		return true;
	status = vmcs_read(GUEST_INTR_STATUS);
	for (unsigned v = FIRST_VECTOR; v < 256; v++)
		ok &= check_vector(l2, v, all_taken);
	for (unsigned i = 0; i < 8; i++)
		pir |= l2->pi->pir[i];
	/* L1 sets ON with each posting and only notification processing clears both. */
	ok &= ktap_check("ON agrees with PIR", pir ? PI_ON : 0, l2->pi->control);
	/* RVI and SVI name the highest vector of VIRR and VISR; SDM, "Virtual-Interrupt Delivery".
	 */
	ok &= ktap_check("RVI agrees with VIRR", vapic_highest(l2->vapic, VAPIC_VIRR),
			 status & 0xff);
	ok &= ktap_check("SVI agrees with VISR", vapic_highest(l2->vapic, VAPIC_VISR), status >> 8);
	ok &= ktap_check("VTPR", l2->vtpr, l2->vapic->reg[VAPIC_VTPR / 4]);
	return ok;
}

/* After a VM exit the CPU must be in the state that the host-state area describes. */
static bool check_host_state(void)
{
	return ktap_check("CR0 after VM exit", vmcs_read(HOST_CR0), read_cr0()) &
	       ktap_check("CR3 after VM exit", vmcs_read(HOST_CR3), read_cr3()) &
	       ktap_check("CR4 after VM exit", vmcs_read(HOST_CR4), read_cr4()) &
	       ktap_check("IA32_EFER after VM exit", vmcs_read(HOST_IA32_EFER),
			  rdmsr(MSR_IA32_EFER)) &
	       ktap_check("SS after VM exit", SEL_DATA, read_ss());
}

/* An NMI exit leaves NMIs blocked until the next IRET; SDM, "Handling Multiple NMIs". */
static void unblock_nmi(void)
{
	asm volatile("mov %%rsp, %%rax\n\t"
		     "push %0\n\t"
		     "push %%rax\n\t"
		     "pushf\n\t"
		     "push %1\n\t"
		     "lea 1f(%%rip), %%rax\n\t"
		     "push %%rax\n\t"
		     "iretq\n"
		     "1:"
		     :
		     : "i"(SEL_DATA), "i"(SEL_CODE)
		     : "rax", "memory", "cc");
}

/* A text in L2's image, which may go over a page's end. */
static void copy_text(const struct l2 *l2, uint64_t va, char text[CHECK_TEXT])
{
	unsigned i;

	for (i = 0; i + 1 < CHECK_TEXT; i++) {
		const char *c = l2_image_address(l2, va + i);

		if (!c || !*c || *c == '"')
			break;
		text[i] = *c;
	}
	text[i] = '\0';
}

static enum l2_exit handle_call(struct l2 *l2)
{
	char check[CHECK_TEXT];

	l2_skip();
	switch (l2->regs.rax) {
	case L2_CALL_LEG:
	case L2_CALL_SLEEP:
	case L2_CALL_TELL:
		return L2_EXIT_CALL;
	case L2_CALL_CHECK:
		copy_text(l2, l2->regs.rbx, check);
		ktap_fail("check=\"%s\" expected=0x%lx found=0x%lx", check, l2->regs.rcx,
			  l2->regs.rdx);
		return ktap_failures() < FAILURES_MAX ? L2_EXIT_AGAIN : L2_EXIT_BROKEN;
	case L2_CALL_TRAP:
		ktap_fail("check=\"exception in L2\" vector=%lu error=0x%lx rip=0x%lx",
			  l2->regs.rbx, l2->regs.rcx, l2->regs.rdx);
		return L2_EXIT_BROKEN;
	}
	ktap_fail("check=\"call from L2\" found=0x%lx rip=0x%lx", l2->regs.rax,
		  vmcs_read(GUEST_RIP));
	return L2_EXIT_BROKEN;
}

/* One entry. True if L2 ran and exited; all that must hold at any exit was checked into @ok. */
static bool enter(struct l2 *l2, bool *ok)
{
	enum l2_entry_result entry = vmx_enter(&l2->regs, l2->launched);

	if (entry != L2_ENTRY_OK) {
		ktap_fail("check=\"VM entry\" found=%s VM_INSTRUCTION_ERROR=%lu",
			  entry == L2_ENTRY_FAIL_VALID ? "VMfailValid" : "VMfailInvalid",
			  entry == L2_ENTRY_FAIL_VALID ? vmcs_read(VM_INSTRUCTION_ERROR) : 0);
		return false;
	}
	if (!(vmcs_read(VM_EXIT_REASON) & VMX_EXIT_REASONS_FAILED_VMENTRY))
		l2->launched = true;
	*ok = vmcs_check_written() & check_host_state() & l2_check_interrupts(l2, false);
	return true;
}

static bool is_nmi(uint32_t reason)
{
	return reason == EXIT_REASON_EXCEPTION_NMI &&
	       vmcs_read(VM_EXIT_INTR_INFO) == intr_info(INTR_NMI, VECTOR_NMI);
}

static void unexpected(uint32_t reason)
{
	ktap_fail("check=\"unexpected VM exit\" reason=%s number=0x%x qualification=0x%lx "
		  "intr_info=0x%lx rip=0x%lx gpa=0x%lx idt_vectoring=0x%lx activity_state=%lu",
		  vmcs_exit_reason_name(reason), reason, vmcs_read(EXIT_QUALIFICATION),
		  vmcs_read(VM_EXIT_INTR_INFO), vmcs_read(GUEST_RIP),
		  vmcs_read(GUEST_PHYSICAL_ADDRESS), vmcs_read(IDT_VECTORING_INFO_FIELD),
		  vmcs_read(GUEST_ACTIVITY_STATE));
}

uint64_t vmx_host_rsp(void)
{
	static uint64_t slots[CPUS][2] __attribute__((aligned(16)));

	return (uint64_t)(slots + cpu_index() + 1);
}

static enum l2_exit run_once(struct l2 *l2)
{
	uint32_t reason;
	bool ok;

	if (!enter(l2, &ok))
		return L2_EXIT_BROKEN;
	reason = vmcs_read(VM_EXIT_REASON);
	if (reason == EXIT_REASON_VMCALL) {
		enum l2_exit exit = handle_call(l2);

		return ok ? exit : L2_EXIT_BROKEN;
	}
	if (is_nmi(reason)) {
		unblock_nmi();
		return ok ? L2_EXIT_NUDGE : L2_EXIT_BROKEN;
	}
	unexpected(reason);
	return L2_EXIT_BROKEN;
}

enum l2_exit l2_run(struct l2 *l2)
{
	enum l2_exit exit;

	while ((exit = run_once(l2)) == L2_EXIT_AGAIN)
		;
	return exit;
}

bool l2_exits(struct l2 *l2, enum vmx_exit_reason reason)
{
	uint32_t found;
	bool ok, all = true;

	do {
		if (!enter(l2, &ok))
			return false;
		all &= ok;
		found = vmcs_read(VM_EXIT_REASON);
		if (found == EXIT_REASON_VMCALL) {
			enum l2_exit exit = handle_call(l2);

			if (exit == L2_EXIT_AGAIN) {
				all = false;
				continue;
			}
			if (exit == L2_EXIT_BROKEN)
				return false;
		}
		if (is_nmi(found))
			unblock_nmi();
		break;
	} while (true);
	if (found == reason)
		return all;
	if (is_nmi(found))
		hop_nudged(false);
	unexpected(found);
	return false;
}

bool l2_tells(struct l2 *l2, uint64_t point)
{
	if (!l2_exits(l2, EXIT_REASON_VMCALL))
		return false;
	if (l2->regs.rax == L2_CALL_TELL && l2->regs.rbx == point)
		return true;
	ktap_fail("check=\"L2 has come to\" expected=%lu found=%lu call=%lu", point, l2->regs.rbx,
		  l2->regs.rax);
	return false;
}

bool l2_entry_fails(struct l2 *l2, uint32_t error)
{
	enum l2_entry_result entry = vmx_enter(&l2->regs, l2->launched);

	if (entry == L2_ENTRY_OK) {
		unexpected(vmcs_read(VM_EXIT_REASON));
		return false;
	}
	if (!error)
		return ktap_check("VM entry gives VMfailInvalid", L2_ENTRY_FAIL_INVALID, entry);
	return ktap_check("VM entry gives VMfailValid", L2_ENTRY_FAIL_VALID, entry) &&
	       ktap_check("VM_INSTRUCTION_ERROR", error, vmcs_read(VM_INSTRUCTION_ERROR));
}

void l2_skip(void)
{
	vmcs_write(GUEST_RIP, vmcs_read(GUEST_RIP) + vmcs_read(VM_EXIT_INSTRUCTION_LEN));
}

void l2_pend(struct l2 *l2, uint8_t vector)
{
	uint16_t status = vmcs_read(GUEST_INTR_STATUS);

	l2->vapic->reg[(VAPIC_VIRR + vector / 32 * 16) / 4] |= 1u << vector % 32;
	if ((status & 0xff) < vector)
		vmcs_write(GUEST_INTR_STATUS, (status & 0xff00) | vector);
	l2->posted[vector]++;
}

bool l2_took(struct l2 *l2, const uint8_t *vectors)
{
	const struct l2_shared *s = l2->shared;
	uint32_t i = l2->irqs_seen;
	bool ok = true;

	for (; *vectors; vectors++, i++)
		ok &= ktap_check("vector taken, in order", *vectors,
				 i < s->irqs && i < L2_LOG ? s->irq_log[i] : 0);
	ok &= ktap_check("interrupts taken", i, s->irqs);
	l2->irqs_seen = i;
	return ok;
}
