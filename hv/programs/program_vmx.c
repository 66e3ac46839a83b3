/* SPDX-License-Identifier: BSD-2-Clause */
/* L1's VMX instructions in programs, with operands that no hypervisor in its senses would use. */
#include "boot/trap.h"
#include "hv/ept.h"
#include "hv/page_names.h"
#include "hv/programs/program_parts.h"
#include "hv/vmx.h"
#include "hv/vmx_caps.h"
#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/string.h"

#define BEYOND	       (1ull << 50) /* no physical address of any CPU here */
#define NONCANONICAL   0x0800000000000000ull
#define UNMAPPED       0x0000700000000000ull
#define NO_FIELD       0x7ffe
#define NO_FIELD_LARGE 0x12345 /* of more bits than an encoding has */

struct operand {
	uint64_t word[2]; /* in memory */
	uint64_t reg;	  /* type, field, or value */
};

struct came {
	bool cf, zf;
	int vector; /* -1: no exception */
};

static uint8_t memory[256] __attribute__((aligned(64)));
static uint8_t other[PAGE_SIZE] __attribute__((aligned(4096)));
static uint8_t no_revision[PAGE_SIZE] __attribute__((aligned(4096)));

/* An instruction that may fault. P is where its operand lies, V a register. */
#define TRY(text)                                                            \
	asm volatile("test %%rsp, %%rsp\n1:\t" text "\n2:" FIXUP_1_TO_2      \
		     : "=@ccc"(came.cf), "=@ccz"(came.zf), [v] "+r"(op->reg) \
		     : [p] "r"(p), [i] "r"(2ull)                             \
		     : "memory")

/* Its operand in memory, by each way to say where that is; KVM decodes them alike. */
#define TRY_BY(before, after)                        \
	switch (way) {                               \
	case PROGRAM_WAY_INDEXED:                    \
		p -= 24;                             \
		TRY(before " 8(%[p],%[i],8)" after); \
		break;                               \
	case PROGRAM_WAY_ADDR32:                     \
		TRY(before " (%k[p])" after);        \
		break;                               \
	case PROGRAM_WAY_FS:                         \
		TRY(before " %%fs:(%[p])" after);    \
		break;                               \
	default:                                     \
		TRY(before " (%[p])" after);         \
	}                                            \
	break

static struct came do_insn(enum program_vmx_insn insn, enum program_way way, struct operand *op,
			   uint64_t p)
{
	struct came came = {0};

	trap_fixed = -1;
	switch (insn) {
	case PROGRAM_VMX_VMPTRLD:
		TRY_BY("vmptrld", "");
	case PROGRAM_VMX_VMCLEAR:
		TRY("vmclear (%[p])");
		break;
	case PROGRAM_VMX_VMPTRST:
		TRY("vmptrst (%[p])");
		break;
	case PROGRAM_VMX_VMXON:
		TRY("vmxon (%[p])");
		break;
	case PROGRAM_VMX_VMREAD:
		TRY_BY("vmread %[v],", "");
	case PROGRAM_VMX_VMWRITE:
		TRY_BY("vmwrite", ", %[v]");
	case PROGRAM_VMX_INVEPT:
		TRY("invept (%[p]), %[v]");
		break;
	case PROGRAM_VMX_INVVPID:
		TRY("invvpid (%[p]), %[v]");
		break;
	case PROGRAM_VMX_VMLAUNCH:
		TRY("vmlaunch");
		break;
	case PROGRAM_VMX_VMXOFF:
		TRY("vmxoff");
		break;
	default:
		break;
	}
	came.vector = trap_fixed;
	return came;
}

/* What number @n says of the pointer to a VMCS or VMXON region. */
static uint64_t region(unsigned n, uint64_t vmcs)
{
	switch (n % 8) {
	case 2:
		return page_gpa(no_revision);
	case 3:
		return BEYOND;
	case 4:
		return vmcs + 8;
	case 5:
		return vmcs;
	default:
		return page_gpa(other);
	}
}

/* INVEPT: types 0 to 3 of nothing, and type 1 of good and bad EPT pointers. */
static void operand_invept(struct operand *op, unsigned n)
{
	static const uint64_t change[] = {0, EPTP_AD, EPTP_WB, EPTP_WALK(8)};
	uint64_t eptp = 0;

	vmread(vmcs_encoding(EPT_POINTER), &eptp);
	op->reg = n < 4 ? n : 1;
	op->word[0] = n < 4 ? 0 : eptp ^ change[n - 4];
	op->word[1] = 0;
}

static void operand_invvpid(struct operand *op, unsigned n)
{
	static const struct {
		uint64_t type, vpid, address;
	} descs[] = {{0, 1, 0x1000}, {1, 1, 0}, {2, 1, 0},	 {3, 1, 0},
		     {4, 1, 0},	     {1, 0, 0}, {1, 0x10001, 0}, {0, 1, NONCANONICAL}};

	op->reg = descs[n].type;
	op->word[0] = descs[n].vpid;
	op->word[1] = descs[n].address;
}

static void operand(struct operand *op, enum program_vmx_insn insn, unsigned n, uint64_t vmcs)
{
	const uint32_t fields[] = {vmcs_encoding(HOST_CR4),
				   vmcs_encoding(VM_EXIT_REASON),
				   NO_FIELD,
				   vmcs_encoding(CPU_BASED_VM_EXEC_CONTROL),
				   vmcs_encoding(VMCS_LINK_POINTER),
				   vmcs_encoding(GUEST_RIP),
				   NO_FIELD_LARGE,
				   vmcs_encoding(CR0_GUEST_HOST_MASK)};

	switch (insn) {
	case PROGRAM_VMX_INVEPT:
		operand_invept(op, n);
		break;
	case PROGRAM_VMX_INVVPID:
		operand_invvpid(op, n);
		break;
	case PROGRAM_VMX_VMREAD:
	case PROGRAM_VMX_VMWRITE:
		op->reg = fields[n];
		op->word[0] = 0;
		vmread(op->reg, &op->word[0]); /* so that nothing changes by it */
		break;
	default:
		op->word[0] = region(n, vmcs);
	}
}

/* What an enlightened L1, or one with a current VMCS, must not do. */
static bool allowed(enum program_vmx_insn insn, enum program_way way, bool enlightened)
{
	if (insn == PROGRAM_VMX_VMLAUNCH || insn == PROGRAM_VMX_VMXOFF)
		return way >= PROGRAM_WAY_OFF && !enlightened;
	return !enlightened || (way < PROGRAM_WAY_OFF &&
				(insn == PROGRAM_VMX_INVEPT || insn == PROGRAM_VMX_INVVPID ||
				 insn == PROGRAM_VMX_VMREAD));
}

uint64_t program_vmx(const struct program_step *s, uint64_t vmcs, bool enlightened, bool *cleared)
{
	const enum program_vmx_insn insn = s->a % PROGRAM_VMX_INSNS;
	const enum program_way way = s->b % PROGRAM_WAYS;
	const unsigned n = s->val % 8;
	struct operand op = {{0}, 0};
	uint64_t error = 0, p = (uint64_t)memory + (way == PROGRAM_WAY_UNALIGNED ? 3 : 0);
	struct came came;

	if (!allowed(insn, way, enlightened))
		return 0;
	operand(&op, insn, n, vmcs);
	memcpy((void *)p, op.word, sizeof(op.word));
	memset(other, 0, sizeof(other));
	*(uint32_t *)other = vmx_revision();
	*(uint32_t *)no_revision = vmx_revision() ^ 1;
	wrmsr(MSR_IA32_FS_BASE, 0);
	*cleared = way >= PROGRAM_WAY_OFF ||
		   (insn == PROGRAM_VMX_VMCLEAR && op.word[0] == vmcs && !enlightened);
	if (way >= PROGRAM_WAY_OFF)
		vmclear(vmcs);
	if (way == PROGRAM_WAY_OFF)
		vmx_off();
	if (way == PROGRAM_WAY_NONCANONICAL)
		p = NONCANONICAL;
	if (way == PROGRAM_WAY_UNMAPPED)
		p = UNMAPPED;
	came = do_insn(insn, way, &op, p);
	if (way == PROGRAM_WAY_OFF) {
		if (insn == PROGRAM_VMX_VMXON && came.vector < 0 && !came.cf && !came.zf)
			vmxoff();
		vmx_on();
	} else if (came.zf) {
		vmread(vmcs_encoding(VM_INSTRUCTION_ERROR), &error);
	}
	memcpy(op.word, memory, sizeof(op.word));
	return (uint64_t)(came.vector + 1) << 56 | (uint64_t)came.cf << 55 |
	       (uint64_t)came.zf << 54 | error << 32 |
	       (insn == PROGRAM_VMX_VMREAD ? op.word[0] & 0xffffffff : 0);
}
