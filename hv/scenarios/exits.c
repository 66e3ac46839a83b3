/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L2's first instruction behind the snapshot must still exit: one scenario for each, as the VM
 * entry behind the first exit sets everything up anew. All are told of below.
 */
#include "hv/scenario.h"
#include "l2guest/exits.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/print.h"

#define EMULATED   0x1122334455667788ull /* what L1 puts into L2's RAX for the instruction */
#define NO_CONTROL VMX_CONTROLS

static struct l2 l2;

struct row {
	uint8_t insn, control, reason;
	bool off_too;				 /* without the control L2 can simply execute it */
	bool masks;				 /* L1 owns CR0.TS and CR4.DE ... */
	bool ts;				 /* ... and L2 reads TS as this */
	uint32_t qualification, info, info_mask; /* VMX_INSTRUCTION_INFO */
	uint32_t rax;
	uint16_t rcx, rdx;
	uint16_t pass_port; /* port that passes, or 0 */
};

static bool check_exit(const struct row *row)
{
	const uint64_t *val = l2.shared->val;

	return ktap_check("GUEST_RIP", val[EXITS_RIP], vmcs_read(GUEST_RIP)) &
	       ktap_check("VM_EXIT_INSTRUCTION_LEN", val[EXITS_NEXT] - val[EXITS_RIP],
			  vmcs_read(VM_EXIT_INSTRUCTION_LEN)) &
	       ktap_check("EXIT_QUALIFICATION",
			  row->insn == INSN_INVLPG ? l2.regs.rbx : row->qualification,
			  vmcs_read(EXIT_QUALIFICATION)) &
	       ktap_check("VMX_INSTRUCTION_INFO", row->info,
			  row->info_mask ? vmcs_read(VMX_INSTRUCTION_INFO) & row->info_mask : 0) &
	       (row->insn != INSN_REP_INSB ||
		ktap_check("GUEST_LINEAR_ADDRESS", l2.regs.rdi, vmcs_read(GUEST_LINEAR_ADDRESS))) &
	       ktap_check("IDT_VECTORING_INFO_FIELD", 0, vmcs_read(IDT_VECTORING_INFO_FIELD));
}

static void fly(const struct row *row)
{
	l2_create_plain(&l2, "exits");
	l2.shared->arg[EXITS_WHICH] = 1ull << row->insn;
	l2.shared->arg[EXITS_RAX] = row->rax;
	l2.shared->arg[EXITS_RCX] = row->rcx;
	l2.shared->arg[EXITS_RDX] = row->rdx;
	l2.shared->arg[EXITS_FREEZE] = 1;
	if (row->control != NO_CONTROL)
		vmx_control_set(row->control, true);
	if (row->pass_port)
		l2.io_bitmap[row->pass_port >> 15][row->pass_port % 0x8000 / 8] &=
			~(1 << row->pass_port % 8);
	if (row->masks) {
		vmcs_write(CR0_GUEST_HOST_MASK, CR0_NE | CR0_TS);
		vmcs_write(CR0_READ_SHADOW, row->ts ? CR0_TS : 0);
		vmcs_write(CR4_GUEST_HOST_MASK, CR4_VMXE | CR4_DE);
	}
	if (!l2_exits(&l2, row->reason) || !check_exit(row))
		return;
	l2_skip();
	l2.regs.rax = EMULATED;
	if (!l2_tells(&l2, 1) || !ktap_check("L2's RAX", EMULATED, l2.shared->val[EXITS_GOT_RAX]) ||
	    !row->off_too)
		return;
	vmx_control_set(row->control, false);
	l2_tells(&l2, 1);
}

#define EXITS_PROMISE "SDM, Instructions That Cause VM Exits: "
#define EXITS_REST                                                                             \
	HOST("snapshot right before the instruction; L2 executes it first of all"),            \
		BUG("none known; what L1 wants to see of L2 is in vmcs12 alone, KVM derives "  \
		    "vmcs02 from it anew"),                                                    \
		FAILURE("the instruction is executed in L2 without L1, or the exit's reason, " \
			"qualification, RIP or length are wrong"),                             \
		FREEZE(port)

#define EXITS(id, name, insn_, control_, need_, possible_, proof_, ...)                   \
	static void fly_##id(void)                                                        \
	{                                                                                 \
		static const struct row row = {                                           \
			.insn = INSN_##insn_, .control = control_, __VA_ARGS__};          \
                                                                                          \
		fly(&row);                                                                \
	}                                                                                 \
	SCENARIO(id, NEEDS(L2_BASE, need_), FLY(fly_##id, .possible = possible_),         \
		 TITLE(name " exits to L1 after a restore"), PROMISE(EXITS_PROMISE name), \
		 EXITS_REST, PROOF("l2 runnable " proof_))

#define PRIMARY(id, name, insn, control, bit, ...)                \
	EXITS(id, name, insn, VMX_##control, VMX_##control, NULL, \
	      "CPU_BASED_VM_EXEC_CONTROL&" #bit, __VA_ARGS__)
#define SECONDARY(id, name, insn, control, bit, ...)              \
	EXITS(id, name, insn, VMX_##control, VMX_##control, NULL, \
	      "SECONDARY_VM_EXEC_CONTROL&" #bit, __VA_ARGS__)

PRIMARY(exit_rdtsc, "RDTSC", RDTSC, CPU_RDTSC_EXITING, 0x1000, .reason = EXIT_REASON_RDTSC,
	.off_too = true);
PRIMARY(exit_rdpmc, "RDPMC", RDPMC, CPU_RDPMC_EXITING, 0x800, .reason = EXIT_REASON_RDPMC);
PRIMARY(exit_invlpg, "INVLPG", INVLPG, CPU_INVLPG_EXITING, 0x200, .reason = EXIT_REASON_INVLPG,
	.off_too = true);
/* Qualification of MOV DR: the debug register, from it (bit 4), the general register in 11:8. */
PRIMARY(exit_mov_to_dr, "MOV to DR1", MOV_TO_DR, CPU_MOV_DR_EXITING, 0x800000,
	.reason = EXIT_REASON_DR_ACCESS, .qualification = 0x1, .off_too = true);
PRIMARY(exit_mov_from_dr, "MOV from DR3", MOV_FROM_DR, CPU_MOV_DR_EXITING, 0x800000,
	.reason = EXIT_REASON_DR_ACCESS, .qualification = 0x113, .off_too = true);
PRIMARY(exit_pause, "PAUSE", PAUSE, CPU_PAUSE_EXITING, 0x40000000,
	.reason = EXIT_REASON_PAUSE_INSTRUCTION, .off_too = true);
PRIMARY(exit_hlt, "HLT", HLT, CPU_HLT_EXITING, 0x80, .reason = EXIT_REASON_HLT);
/* Qualification of MOV CR: the control register, from it (bit 4), the general register in 11:8. */
PRIMARY(exit_cr3_load, "MOV to CR3", MOV_TO_CR3, CPU_CR3_LOAD_EXITING, 0x8000,
	.reason = EXIT_REASON_CR_ACCESS, .qualification = 0x603, .off_too = true);
PRIMARY(exit_cr3_store, "MOV from CR3", MOV_FROM_CR3, CPU_CR3_STORE_EXITING, 0x10000,
	.reason = EXIT_REASON_CR_ACCESS, .qualification = 0x113, .off_too = true);
PRIMARY(exit_cr8_load, "MOV to CR8", MOV_TO_CR8, CPU_CR8_LOAD_EXITING, 0x80000,
	.reason = EXIT_REASON_CR_ACCESS, .qualification = 0x208, .off_too = true);
PRIMARY(exit_cr8_store, "MOV from CR8", MOV_FROM_CR8, CPU_CR8_STORE_EXITING, 0x100000,
	.reason = EXIT_REASON_CR_ACCESS, .qualification = 0x118, .off_too = true);
SECONDARY(exit_wbinvd, "WBINVD", WBINVD, CPU2_WBINVD_EXITING, 0x40, .reason = EXIT_REASON_WBINVD,
	  .off_too = true);
/* Instruction information of RDRAND: the register in 6:3, 64 bits in 12:11. */
SECONDARY(exit_rdrand, "RDRAND", RDRAND, CPU2_RDRAND_EXITING, 0x800, .reason = EXIT_REASON_RDRAND,
	  .info = 0x1010, .info_mask = 0x1878, .off_too = true);
/*
 * Of SIDT and STR: 64-bit addresses (9:7), memory (10, STR only), DS (17:15), no index (22), base
 * RBX (26:23), which instruction (29:28). The qualification is the displacement.
 */
SECONDARY(exit_sidt, "SIDT", SIDT, CPU2_DESC, 0x4, .reason = EXIT_REASON_GDTR_IDTR,
	  .qualification = 0x4, .info = 0x11c18100, .info_mask = 0x3fc38380, .off_too = true);
SECONDARY(exit_str, "STR", STR, CPU2_DESC, 0x4, .reason = EXIT_REASON_LDTR_TR, .qualification = 0x4,
	  .info = 0x11c18100, .info_mask = 0x3fc38780, .off_too = true);
/* These exit whatever the controls say. */
EXITS(exit_cpuid, "CPUID", CPUID, NO_CONTROL, L2_BASE, NULL, "vmcs12", .reason = EXIT_REASON_CPUID);
EXITS(exit_xsetbv, "XSETBV", XSETBV, NO_CONTROL, L2_BASE, NULL, "cr4&0x40000",
      .reason = EXIT_REASON_XSETBV, .rax = 7);

/* Qualification for CR0 and CR4: the register, what is done (5:4), the operand of LMSW (31:16). */
EXITS(exit_clts, "CLTS", CLTS, NO_CONTROL, L2_BASE, NULL, "CR0_GUEST_HOST_MASK=0x28",
      .reason = EXIT_REASON_CR_ACCESS, .qualification = 0x20, .masks = true, .ts = true);
EXITS(exit_lmsw, "LMSW", LMSW, NO_CONTROL, L2_BASE, NULL, "CR0_GUEST_HOST_MASK=0x28",
      .reason = EXIT_REASON_CR_ACCESS, .qualification = 0xb0030, .masks = true,
      .rax = CR0_PE | CR0_MP | CR0_TS);
EXITS(exit_cr0_load, "MOV to CR0", MOV_TO_CR0, NO_CONTROL, L2_BASE, NULL,
      "CR0_GUEST_HOST_MASK=0x28", .reason = EXIT_REASON_CR_ACCESS, .masks = true,
      .rax = CR0_PG | CR0_WP | CR0_ET | CR0_TS | CR0_MP | CR0_PE);
EXITS(exit_cr4_load, "MOV to CR4", MOV_TO_CR4, NO_CONTROL, L2_BASE, NULL,
      "CR4_GUEST_HOST_MASK=0x2008", .reason = EXIT_REASON_CR_ACCESS, .qualification = 4,
      .masks = true, .rax = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_DE);

/*
 * Qualification of I/O: bytes - 1 (2:0), in (3), string (4), REP (5), the port (31:16). All ports
 * exit but the freeze point's, and the first port of the two words, of which the second exits.
 */
#define IO(id, name, insn, ...)                                                           \
	EXITS(id, name, insn, NO_CONTROL, L2_BASE, NULL,                                  \
	      "CPU_BASED_VM_EXEC_CONTROL&0x2000000 !CPU_BASED_VM_EXEC_CONTROL&0x1000000", \
	      .reason = EXIT_REASON_IO_INSTRUCTION, __VA_ARGS__)
IO(exit_io_bitmap_a, "OUT to a port of I/O bitmap A", OUT, .rdx = 0x1234,
   .qualification = 0x12340000);
IO(exit_io_bitmap_b, "OUT to a port of I/O bitmap B", OUT, .rdx = 0x9abc,
   .qualification = 0x9abc0000);
IO(exit_io_across, "IN of a word from the last port of bitmap A on", INW, .rdx = 0x7fff,
   .qualification = 0x7fff0009, .pass_port = 0x7fff);
IO(exit_io_wrap, "IN of a word around the end of the I/O space", INW, .rdx = 0xffff,
   .qualification = 0xffff0009, .pass_port = 0xffff);
/* Instruction information of INS: the address size (9:7). */
IO(exit_io_rep_ins, "REP INSB", REP_INSB, .rcx = 3, .rdx = 0x1234, .qualification = 0x12340038,
   .info = 0x100, .info_mask = 0x380);

/* Where it is missing MONITOR and MWAIT are #UD, whatever the controls say. */
static bool has_monitor(char *why, size_t size)
{
	return vmx_cpuid_has(1, 0, CPUID_ECX, 3, "MONITOR/MWAIT", why, size);
}

EXITS(exit_monitor, "MONITOR", MONITOR, VMX_CPU_MONITOR_EXITING, VMX_CPU_MONITOR_EXITING,
      has_monitor, "CPU_BASED_VM_EXEC_CONTROL&0x20000000",
      .reason = EXIT_REASON_MONITOR_INSTRUCTION);
EXITS(exit_mwait, "MWAIT", MWAIT, VMX_CPU_MWAIT_EXITING, VMX_CPU_MWAIT_EXITING, has_monitor,
      "CPU_BASED_VM_EXEC_CONTROL&0x400", .reason = EXIT_REASON_MWAIT_INSTRUCTION);

static void fly_none(void)
{
	l2_create_plain(&l2, "exits");
	l2.shared->arg[EXITS_WHICH] = INSN_BIT(RDTSC) | INSN_BIT(INVLPG) | INSN_BIT(MOV_TO_DR) |
				      INSN_BIT(MOV_FROM_DR) | INSN_BIT(PAUSE) | INSN_BIT(RDRAND) |
				      INSN_BIT(SIDT) | INSN_BIT(STR) | INSN_BIT(MOV_TO_CR3) |
				      INSN_BIT(MOV_FROM_CR3);
	l2.shared->arg[EXITS_FREEZE] = 1;
	l2_tells(&l2, 1);
}

SCENARIO(exit_none, NEEDS(L2_BASE), FLY(fly_none),
	 TITLE("what L1 lets L2 execute does not exit after a restore"),
	 PROMISE(EXITS_PROMISE "with the control 0 there is no VM exit"),
	 HOST("snapshot right before RDTSC, INVLPG, MOV DR, PAUSE, RDRAND, SIDT, STR, MOV CR3"),
	 BUG("none known"), FAILURE("an exit that L1 did not ask for"), FREEZE(port),
	 PROOF("l2 runnable !CPU_BASED_VM_EXEC_CONTROL&0x200 !CPU_BASED_VM_EXEC_CONTROL&0x1000 "
	       "!CPU_BASED_VM_EXEC_CONTROL&0x800000 !SECONDARY_VM_EXEC_CONTROL&0x4"));

static bool has_cr3_target(char *why, size_t size)
{
	unsigned targets = vmx_cr3_targets();

	if (!targets)
		format(why, size, "no CR3-target values: IA32_VMX_MISC[24:16]=0");
	return targets;
}

static void fly_cr3_target(void)
{
	l2_create_plain(&l2, "exits");
	l2.shared->arg[EXITS_WHICH] = INSN_BIT(MOV_TO_CR3);
	l2.shared->arg[EXITS_FREEZE] = 1;
	vmx_control_set(VMX_CPU_CR3_LOAD_EXITING, true);
	vmcs_write(CR3_TARGET_VALUE0, l2.shared->cr3);
	vmcs_write(CR3_TARGET_COUNT, 1);
	if (!l2_tells(&l2, 1))
		return;
	vmcs_write(CR3_TARGET_COUNT, 0);
	l2_exits(&l2, EXIT_REASON_CR_ACCESS);
}

SCENARIO(exit_cr3_target, NEEDS(L2_BASE, VMX_CPU_CR3_LOAD_EXITING),
	 FLY(fly_cr3_target, .possible = has_cr3_target),
	 TITLE("MOV to CR3 of a CR3-target value does not exit after a restore"),
	 PROMISE(EXITS_PROMISE "MOV to CR3 exits unless the value is among the CR3-target values"),
	 HOST("snapshot right before the instruction"), BUG("none known"),
	 FAILURE("an exit that L1 did not ask for"), FREEZE(port),
	 PROOF("l2 runnable CPU_BASED_VM_EXEC_CONTROL&0x8000 CR3_TARGET_COUNT=1"));
