/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L1 in VMX root operation: without a current VMCS, and VMX instructions whose operands KVM must
 * decode itself; told of below.
 */
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"

/* VM-instruction error numbers */
#define ERROR_VMCLEAR_ADDRESS 2
#define ERROR_VMPTRLD_ADDRESS 9
#define ERROR_MOV_SS	      26
#define ERROR_INV_OPERAND     28

#define SINGLE_CONTEXT 1
#define WALK_LENGTH    (7ull << 3) /* of an EPTP */
#define SIX_LEVELS     (5ull << 3)

static struct l2 l2;
static uint64_t slot[4];

/* VMXON was executed and no VMCS is current, as in most hypervisors in the field. */
static void fly_vmxon_only(void)
{
	uint64_t vmcs;

	freeze_point();
	/* Without VMXON this is #UD, which ends the run with the trap's name. */
	vmcs = vmcs_new();
	if (ktap_check("VMPTRLD succeeds", 1, vmptrld(vmcs))) {
		l2_create(&l2, "tell");
		l2_tells(&l2, 1);
	}
}

SCENARIO(vmxon_only, NEEDS(L2_BASE), FLY(fly_vmxon_only), ORDINARY,
	 TITLE("VMXON executed, no current VMCS"),
	 PROMISE("SDM, Virtual-Machine Control Structures: after VMXON there is no current VMCS "
		 "until VMPTRLD"),
	 HOST("snapshot with L1 in VMX root operation and KVM's nested state a bare header"),
	 BUG("rust-vmm kvm issue 385: a header-only state taken for none, and VMXON lost"),
	 FAILURE("#UD at L1's next VMX instruction (trap in L1)"), FREEZE(port),
	 PROOF("vmxon !vmcs12 !l2"));

static void fails(const char *what, bool ok, uint64_t error)
{
	ktap_check(what, 0, ok);
	ktap_check("VM_INSTRUCTION_ERROR", error, vmcs_read(VM_INSTRUCTION_ERROR));
}

/* The field is none that KVM shadows, so that each of these exits to it. */
static void memory_operands(uint64_t expected)
{
	const uint64_t field = vmcs_encoding(HOST_CR4);
	bool read, read_32, written;

	slot[0] = slot[2] = 0;
	asm volatile("vmread %2, (%3, %4, 8)"
		     : "=@cca"(read), "+m"(slot)
		     : "r"(field), "r"(slot), "r"(2ull));
	ktap_check("VMREAD to memory, base and index", expected, read ? slot[2] : ~0ull);
	asm volatile("vmread %2, (%k3)" : "=@cca"(read_32), "+m"(slot) : "r"(field), "r"(slot));
	ktap_check("VMREAD to memory, 32-bit address", expected, read_32 ? slot[0] : ~0ull);
	slot[1] = expected | CR4_OSXSAVE;
	asm volatile("vmwrite %1, %2" : "=@cca"(written) : "m"(slot[1]), "r"(field));
	ktap_check("VMWRITE from memory", slot[1], written ? vmcs_read(HOST_CR4) : ~0ull);
	vmcs_write(HOST_CR4, expected);
}

static bool invept(uint64_t type, uint64_t eptp)
{
	const uint64_t descriptor[2] = {eptp, 0};
	bool ok;

	asm volatile("invept %1, %2" : "=@cca"(ok) : "m"(descriptor), "r"(type) : "memory");
	return ok;
}

static bool invvpid(uint64_t type, uint64_t vpid)
{
	const uint64_t descriptor[2] = {vpid, 0};
	bool ok;

	asm volatile("invvpid %1, %2" : "=@cca"(ok) : "m"(descriptor), "r"(type) : "memory");
	return ok;
}

/* If it entered L2 all the same, L1 would go on in its handler of exits, and the run would end. */
static bool launch_behind_mov_ss(void)
{
	uint32_t ss;
	bool ok;

	asm volatile("mov %%ss, %1; mov %1, %%ss; vmlaunch" : "=@cca"(ok), "=&r"(ss)::"memory");
	return ok;
}

static void fly_operands(void)
{
	uint64_t eptp, cr4;

	l2_create_plain(&l2, "tell");
	eptp = vmcs_read(EPT_POINTER);
	cr4 = vmcs_read(HOST_CR4);
	freeze_point();
	memory_operands(cr4);
	fails("VMCLEAR of an unaligned address", vmclear(l2.vmcs + 1), ERROR_VMCLEAR_ADDRESS);
	fails("VMPTRLD of an unaligned address", vmptrld(l2.vmcs + 1), ERROR_VMPTRLD_ADDRESS);
	ktap_check("INVEPT of L2's EPTP", 1, invept(SINGLE_CONTEXT, eptp));
	fails("INVEPT of an EPTP with six levels",
	      invept(SINGLE_CONTEXT, (eptp & ~WALK_LENGTH) | SIX_LEVELS), ERROR_INV_OPERAND);
	fails("INVVPID with reserved bits", invvpid(SINGLE_CONTEXT, 1 << 16), ERROR_INV_OPERAND);
	fails("VMLAUNCH in the shadow of MOV SS", launch_behind_mov_ss(), ERROR_MOV_SS);
	l2_tells(&l2, 1);
}

SCENARIO(vmx_operands, NEEDS(L2_BASE, VMX_CPU2_VPID), FLY(fly_operands), ORDINARY,
	 TITLE("L1's next VMX instructions have memory operands, or are refused"),
	 PROMISE("SDM, VMX Instruction Reference: VMREAD and VMWRITE of memory, whatever the "
		 "addressing; VMfailValid with 2, 9, 26 or 28 leaves the current VMCS as it is"),
	 HOST("snapshot in L1 right before them; KVM decodes these operands itself"),
	 BUG("none known"), FAILURE("another value, or another VM-instruction error"), FREEZE(port),
	 PROOF("vmcs12 !l2"));
