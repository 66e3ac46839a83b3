/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VMX instructions, in VMX root mode. All of them return true for VMsucceed (CF=0 and ZF=0);
 * after false, VM_INSTRUCTION_ERROR tells why if a VMCS is current. SDM, "VMX Instruction
 * Reference".
 */
#ifndef HV_VMX_H
#define HV_VMX_H

#include <stdbool.h>
#include <stdint.h>

enum vmx_exit_reason {
#define R(name, number) EXIT_REASON_##name = (number),
#include "hv/exit_reasons.def"
#undef R
};

#define VMX_EXIT_REASONS_FAILED_VMENTRY 0x80000000u

static inline bool vmxon(uint64_t pa)
{
	bool ok;

	asm volatile("vmxon %1" : "=@cca"(ok) : "m"(pa) : "memory");
	return ok;
}

static inline void vmxoff(void)
{
	asm volatile("vmxoff" ::: "cc", "memory");
}

static inline bool vmclear(uint64_t pa)
{
	bool ok;

	asm volatile("vmclear %1" : "=@cca"(ok) : "m"(pa) : "memory");
	return ok;
}

static inline bool vmptrld(uint64_t pa)
{
	bool ok;

	asm volatile("vmptrld %1" : "=@cca"(ok) : "m"(pa) : "memory");
	return ok;
}

static inline bool vmread(uint64_t encoding, uint64_t *val)
{
	bool ok;

	asm volatile("vmread %2, %1" : "=@cca"(ok), "=r"(*val) : "r"(encoding) : "memory");
	return ok;
}

static inline bool vmwrite(uint64_t encoding, uint64_t val)
{
	bool ok;

	asm volatile("vmwrite %2, %1" : "=@cca"(ok) : "r"(encoding), "r"(val) : "memory");
	return ok;
}

/* INVEPT all contexts / INVVPID all contexts. */
static inline bool invept_all(void)
{
	struct {
		uint64_t eptp, zero;
	} desc = {0, 0};
	bool ok;

	asm volatile("invept %1, %2" : "=@cca"(ok) : "m"(desc), "r"(2ull) : "memory");
	return ok;
}

/*
 * Interruption information (VM entry, VM exit, IDT vectoring), valid; SDM, "Information for VM
 * Exits Due to Vectored Events". Exceptions with an error code have INTR_ERROR_CODE besides.
 */
enum intr_type {
	INTR_EXTERNAL = 0,
	INTR_NMI = 2,
	INTR_HARD_EXCEPTION = 3,
	INTR_SOFT_INT = 4,
	INTR_PRIV_EXCEPTION = 5,
	INTR_SOFT_EXCEPTION = 6
};
#define INTR_ERROR_CODE (1u << 11)
static inline uint32_t intr_info(enum intr_type type, uint8_t vector)
{
	return 1u << 31 | (uint32_t)type << 8 | vector;
}

/* GUEST_ACTIVITY_STATE, and bits of GUEST_INTERRUPTIBILITY_INFO. */
enum {
	GUEST_ACTIVITY_ACTIVE,
	GUEST_ACTIVITY_HLT,
	GUEST_ACTIVITY_SHUTDOWN,
	GUEST_ACTIVITY_WAIT_SIPI
};
#define GUEST_INTR_STATE_STI	(1u << 0)
#define GUEST_INTR_STATE_MOV_SS (1u << 1)
#define GUEST_INTR_STATE_NMI	(1u << 3)

/* SDM, "MSR Entry Format". */
struct msr_entry {
	uint32_t index, reserved;
	uint64_t value;
};

/* L2's general registers, which the VMCS does not hold. rsp is in the VMCS. */
struct l2_regs {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
};

enum l2_entry_result { L2_ENTRY_OK, L2_ENTRY_FAIL_INVALID, L2_ENTRY_FAIL_VALID };

/*
 * VMLAUNCH or VMRESUME with @regs; returns after the next VM exit with them updated. Interrupts off
 * on entry and on return; the VMCS must have HOST_RIP = vmx_exit_landing. l2_entry.S.
 */
enum l2_entry_result vmx_enter(struct l2_regs *regs, bool launched);

/* Values for HOST_RIP and, of this CPU, HOST_RSP. */
extern const uint8_t vmx_exit_landing[];
uint64_t vmx_host_rsp(void);

#endif
