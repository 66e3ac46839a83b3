/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs L2 and checks, at every VM exit, what must always hold. */
#include "hv/l2.h"
#include "boot/layout.h"
#include "hv/hop.h"
#include "lib/cpu.h"
#include "lib/ktap.h"

#define CHECK_TEXT   64
#define FAILURES_MAX 50 /* of L2's own checks, then L1 gives up */

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
void l2_unblock_nmi(void)
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
		ktap_fail("check=\"VM entry\" found=%s instruction_error=%lu",
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
		l2_unblock_nmi();
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
			l2_unblock_nmi();
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
