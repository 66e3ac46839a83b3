/* SPDX-License-Identifier: BSD-2-Clause */
/* Code for L2; code.h. */
#include "tests/emulator/code.h"
#include "hv/page_names.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/string.h"

#define INSN_UD2 "\x0f\x0b"

static uint8_t *code_page;

void *code_l2(struct l2 *l2)
{
	void *data = page_alloc_named("L2 data");

	code_page = page_alloc_named("L2 code");
	l2_map(l2, CODE_VA, CODE_GPA, code_page);
	l2_map(l2, DATA_VA, DATA_GPA, data);
	vmcs_write(EXCEPTION_BITMAP, 0xffffffff);
	return data;
}

void code_put(const char *code, unsigned size)
{
	memcpy(code_page, code, size);
	memcpy(code_page + size, INSN_UD2, 2);
	vmcs_write(GUEST_RIP, CODE_VA);
}

bool code_exits(struct l2 *l2, uint32_t reason, uint64_t offset)
{
	enum l2_entry_result result = vmx_enter(&l2->regs, l2->launched);
	uint32_t found;

	if (!ktap_check("VM entry", L2_ENTRY_OK, result))
		return false;
	found = vmcs_read(VM_EXIT_REASON);
	if (!(found & VMX_EXIT_REASONS_FAILED_VMENTRY))
		l2->launched = true;
	return ktap_check("exit reason", reason, found) &
	       ktap_check("GUEST_RIP", offset, vmcs_read(GUEST_RIP) - CODE_VA);
}

bool code_faults(struct l2 *l2, uint8_t vector, uint64_t offset)
{
	return code_exits(l2, EXIT_REASON_EXCEPTION_NMI, offset) &&
	       ktap_check("vector of the exception", vector, vmcs_read(VM_EXIT_INTR_INFO) & 0xff);
}
