/* SPDX-License-Identifier: BSD-2-Clause */
/* An L2 in its interrupt handler, and its virtual x2APIC registers; told of below. */
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/string.h"

static struct l2 l2;

static void create_in_handler(uint8_t vector)
{
	l2_create(&l2, "in_handler");
	l2.shared->arg[0] = vector;
}

/* The EOI exit of vector 0x51, with 0x43 waiting: behind the WRMSR, and virtualized already. */
static bool is_eoi_exit(void)
{
	uint64_t rip = vmcs_read(GUEST_RIP);
	const uint8_t *opcode = l2_image_address(&l2, rip - 2),
		      *last = l2_image_address(&l2, rip - 1);

	return ktap_check("exit reason", EXIT_REASON_EOI_INDUCED, vmcs_read(VM_EXIT_REASON)) &
	       ktap_check("vector of the EOI", 0x51, vmcs_read(EXIT_QUALIFICATION)) &
	       ktap_check("guest interrupt status", 0x43, vmcs_read(GUEST_INTR_STATUS)) &
	       ktap_check("instruction before RIP: WRMSR", 0x0f30,
			  opcode && last ? (uint64_t)*opcode << 8 | *last : 0);
}

static void eoi_exit(bool in_l1)
{
	create_in_handler(in_l1 ? 0 : 0x51);
	vmcs_write(EOI_EXIT_BITMAP1, 1ull << (0x51 - 64));
	l2_pend(&l2, 0x51);
	l2_pend(&l2, 0x43);
	if (!l2_exits(&l2, EXIT_REASON_EOI_INDUCED))
		return;
	if (in_l1)
		freeze_point();
	if (is_eoi_exit() && L2_TOOK(&l2, 0x51) && l2_tells(&l2, 1))
		L2_TOOK(&l2, 0x43);
}

static void fly_eoi_exit(void)
{
	eoi_exit(false);
}

static void fly_eoi_exit_l1(void)
{
	eoi_exit(true);
}

/* One vector that exits for each of the four fields, and between them some that do not. */
static void fly_eoi_exits(void)
{
	static const uint8_t vectors[] = {0xe3, 0xc2, 0x92, 0x81, 0x61, 0x51, 0x42, 0x34};
	static const struct {
		uint8_t vector;
		enum vmcs_field field;
	} exits[] = {{0xe3, EOI_EXIT_BITMAP3},
		     {0x92, EOI_EXIT_BITMAP2},
		     {0x51, EOI_EXIT_BITMAP1},
		     {0x34, EOI_EXIT_BITMAP0}};

	create_in_handler(vectors[0]);
	for (unsigned i = 0; i < sizeof(vectors); i++)
		l2_pend(&l2, vectors[i]);
	for (unsigned i = 0; i < 4; i++)
		vmcs_write(exits[i].field, 1ull << exits[i].vector % 64);
	for (unsigned i = 0; i < 4; i++)
		if (!l2_exits(&l2, EXIT_REASON_EOI_INDUCED) ||
		    !ktap_check("vector of the EOI", exits[i].vector,
				vmcs_read(EXIT_QUALIFICATION)))
			return;
	if (l2_tells(&l2, 1))
		L2_TOOK(&l2, 0xe3, 0xc2, 0x92, 0x81, 0x61, 0x51, 0x42, 0x34);
}

/* What L2 reads in the handler of 0x92, with 0x51 and 0x43 waiting and its TPR at 0x20. */
static void fly_reads(void)
{
	static const struct {
		uint32_t msr;
		uint32_t value;
		const char *check;
	} reads[] = {
		{MSR_X2APIC_TPR, 0x20, "L2 reads its TPR"},
		{MSR_X2APIC_PPR, 0x90, "L2 reads its PPR"},
		{MSR_X2APIC_ISR0 + 2, 0, "L2 reads ISR 2"},
		{MSR_X2APIC_ISR0 + 4, 1u << (0x92 - 0x80), "L2 reads ISR 4"},
		{MSR_X2APIC_IRR0 + 2, 1u << (0x51 - 0x40) | 1u << (0x43 - 0x40), "L2 reads IRR 2"},
		{MSR_X2APIC_IRR0 + 4, 0, "L2 reads IRR 4"},
	};
	const unsigned count = sizeof(reads) / sizeof(reads[0]);

	create_in_handler(0x92);
	l2.shared->arg[1] = count;
	for (unsigned i = 0; i < count; i++)
		l2.shared->arg[2 + i] = reads[i].msr;
	l2.vtpr = 0x20;
	l2.vapic->reg[VAPIC_VTPR / 4] = l2.vtpr;
	l2_pend(&l2, 0x51);
	l2_pend(&l2, 0x43);
	l2_pend(&l2, 0x92);
	if (!l2_tells(&l2, 1))
		return;
	for (unsigned i = 0; i < count; i++)
		ktap_check(reads[i].check, reads[i].value, l2.shared->val[i]);
	L2_TOOK(&l2, 0x92, 0x51, 0x43);
}

/* Of the virtual x2APIC only TPR, EOI and self-IPI are left; L2 reads its TPR, all else exits. */
static void fly_no_register_virt(void)
{
	create_in_handler(0x92);
	vmx_control_set(VMX_CPU2_APIC_REGISTER_VIRT, false);
	memset(l2.msr_bitmap + MSR_X2APIC_APICID / 8, 0xff, 0x100 / 8);
	l2.msr_bitmap[MSR_X2APIC_TPR / 8] &= ~(1 << MSR_X2APIC_TPR % 8);
	l2.shared->arg[1] = 2;
	l2.shared->arg[2] = MSR_X2APIC_TPR;
	l2.shared->arg[3] = MSR_X2APIC_PPR;
	l2.vtpr = 0x20;
	l2.vapic->reg[VAPIC_VTPR / 4] = l2.vtpr;
	l2_pend(&l2, 0x92);
	l2_pend(&l2, 0x51);
	if (!l2_exits(&l2, EXIT_REASON_MSR_READ) ||
	    !ktap_check("MSR that L2 reads", MSR_X2APIC_PPR, l2.regs.rcx))
		return;
	l2.regs.rax = 0x90;
	l2.regs.rdx = 0;
	l2_skip();
	if (l2_tells(&l2, 1) && L2_TOOK(&l2, 0x92, 0x51)) {
		ktap_check("L2 reads its TPR", 0x20, l2.shared->val[0]);
		ktap_check("L2 reads its PPR", 0x90, l2.shared->val[1]);
	}
}

#define EOI                                                                                      \
	PROMISE("SDM, EOI Virtualization: the EOI of a vector in the EOI-exit bitmap causes a "  \
		"trap-like VM exit with the vector as qualification"),                           \
		BUG("none known"),                                                               \
		FAILURE("no exit, another vector, SVI not updated, or the next interrupt lost"), \
		FREEZE(port)
SCENARIO(eoi_exit, NEEDS(L2_APICV), FLY(fly_eoi_exit),
	 TITLE("L2 is about to do an EOI that L1 wants to hear of"), EOI,
	 HOST("snapshot in L2's handler, right before the EOI"),
	 PROOF("l2 runnable svi=0x51 visr:0x51 rvi=0x43 virr:0x43 EOI_EXIT_BITMAP1=0x20000"));
SCENARIO(eoi_exits, NEEDS(L2_APICV), FLY(fly_eoi_exits),
	 TITLE("a vector of each EOI-exit bitmap, and others that end without an exit"), EOI,
	 HOST("snapshot in the first handler, right before its EOI"),
	 PROOF("l2 runnable svi=0xe3 visr:0xe3 rvi=0xc2 EOI_EXIT_BITMAP0=0x10000000000000 "
	       "EOI_EXIT_BITMAP1=0x20000 EOI_EXIT_BITMAP2=0x40000 EOI_EXIT_BITMAP3=0x800000000"));
SCENARIO(eoi_exit_l1, NEEDS(L2_APICV), FLY(fly_eoi_exit_l1),
	 TITLE("L1 has an EOI-induced VM exit before it"), EOI,
	 HOST("snapshot in L1 right behind the VM exit"),
	 PROOF("!l2 vmcs12 VM_EXIT_REASON=45 EXIT_QUALIFICATION=0x51 svi=0 rvi=0x43"));
SCENARIO(x2apic_reads, NEEDS(L2_APICV), FLY(fly_reads),
	 TITLE("L2 reads its virtual x2APIC in a handler"),
	 PROMISE("SDM, Virtualizing RDMSR: with APIC-register virtualization RDMSR of an x2APIC "
		 "MSR reads the virtual-APIC page"),
	 HOST("snapshot in L2's handler"), BUG("a stale MSR bitmap: L2 reads L1's own APIC"),
	 FAILURE("a register that is not what the virtual-APIC page says"), FREEZE(port),
	 PROOF("l2 runnable svi=0x92 visr:0x92 rvi=0x51 virr:0x43 vtpr=0x20 vppr=0x90"));
SCENARIO(no_register_virt, NEEDS(L2_APICV), FLY(fly_no_register_virt),
	 TITLE("virtual-interrupt delivery without APIC-register virtualization"),
	 PROMISE("SDM, Virtualizing RDMSR and Virtualizing WRMSR: TPR, EOI and self-IPI are "
		 "virtualized, other MSRs are for the MSR bitmap"),
	 HOST("snapshot in L2's handler"),
	 BUG("a stale MSR bitmap: L2's EOI goes to L1's own APIC"),
	 FAILURE("L2 reads L1's registers, or an interrupt stays in service"), FREEZE(port),
	 PROOF("l2 runnable svi=0x92 visr:0x92 rvi=0x51 !SECONDARY_VM_EXEC_CONTROL&0x100 "
	       "SECONDARY_VM_EXEC_CONTROL&0x210"));
