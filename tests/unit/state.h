/* SPDX-License-Identifier: BSD-2-Clause */
/* A snapshot for tests that has something of everything, L2 active. */
#ifndef TESTS_UNIT_STATE_H
#define TESTS_UNIT_STATE_H

#include "tests/unit/unit.h"

#include "host/snapshot/snapshot.h"
#include "host/snapshot/vmcs12.h"

#include <linux/kvm.h>

#define STATE_PAGES 16

/* Guest-physical addresses. */
#define STATE_VAPIC   0x1000
#define STATE_PI_DESC 0x2040

static inline void *state_section(struct snapshot *s, const char *name)
{
	const struct snapshot_section *section = snapshot_find(s, name);

	if (!section)
		fail_msg("no section %s", name);
	return section->data;
}

static inline uint8_t *state_vmcs12(struct snapshot *s)
{
	return (uint8_t *)state_section(s, "NESTED_STATE") + sizeof(struct kvm_nested_state);
}

static inline void state_set(struct snapshot *s, const char *field, uint64_t value)
{
	const struct vmcs12_field *f = vmcs12_find(field, strlen(field));

	if (!f)
		fail_msg("no field %s", field);
	vmcs12_set(state_vmcs12(s), f, value);
}

static inline uint64_t state_get(struct snapshot *s, const char *field)
{
	return vmcs12_get(state_vmcs12(s), vmcs12_find(field, strlen(field)));
}

static inline void state_add_nested(struct snapshot *s)
{
	struct {
		struct kvm_nested_state header;
		struct kvm_vmx_nested_state_data data;
	} nested = {
		.header =
			{
				.flags = KVM_STATE_NESTED_GUEST_MODE |
					 KVM_STATE_NESTED_RUN_PENDING |
					 KVM_STATE_NESTED_MTF_PENDING,
				.format = KVM_STATE_NESTED_FORMAT_VMX,
				.size = sizeof(nested),
				.hdr.vmx =
					{
						.vmxon_pa = 0xb000,
						.vmcs12_pa = 0xc000,
						.smm.flags = KVM_STATE_NESTED_SMM_GUEST_MODE |
							     KVM_STATE_NESTED_SMM_VMXON,
						.flags = KVM_STATE_VMX_PREEMPTION_TIMER_DEADLINE,
						.preemption_timer_deadline = 0x1234567,
					},
			},
	};
	static const struct {
		const char *field;
		uint64_t value;
	} values[] = {
		{"revision_id", 0x11e57ed0},
		{"PIN_BASED_VM_EXEC_CONTROL", 1u << 7},
		{"CPU_BASED_VM_EXEC_CONTROL", 1u << 31 | 1u << 28 | 1u << 25 | 1u << 21},
		{"SECONDARY_VM_EXEC_CONTROL", 1u << 14 | 1u << 1},
		{"VIRTUAL_APIC_PAGE_ADDR", STATE_VAPIC},
		{"POSTED_INTR_DESC_ADDR", STATE_PI_DESC},
		{"MSR_BITMAP", 0x3000},
		{"IO_BITMAP_A", 0x4000},
		{"IO_BITMAP_B", 0x5000},
		{"EPT_POINTER", 0x601e},
		{"VMREAD_BITMAP", 0x7000},
		{"VMWRITE_BITMAP", 0x8000},
		{"VM_EXIT_MSR_STORE_ADDR", 0x9010},
		{"VM_EXIT_MSR_STORE_COUNT", 1},
		{"VM_EXIT_MSR_LOAD_ADDR", 0x9020},
		{"VM_EXIT_MSR_LOAD_COUNT", 1},
		{"VMCS_LINK_POINTER", 0xa000},
		{"GUEST_INTR_STATUS", 0x3151},
		{"TSC_OFFSET", 0xffffff0000000000},
		{"HOST_RIP", 0x101010},
		{"HOST_RSP", 0x202020},
	};

	memset(&nested.data, 0x11, sizeof(nested.data));
	snapshot_add(s, "NESTED_STATE", &nested, sizeof(nested));
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		state_set(s, values[i].field, values[i].value);
}

static inline void state_add_sregs(struct snapshot *s)
{
	struct kvm_sregs2 two = {.cr0 = 0x80010033,
				 .cr2 = 0xc20,
				 .cr3 = 0xd000,
				 .cr4 = 0x2668,
				 .cr8 = 5,
				 .efer = 0xd01,
				 .apic_base = 0xfee00d00,
				 .flags = KVM_SREGS2_FLAGS_PDPTRS_VALID,
				 .pdptrs = {1, 2, 3, 4},
				 .fs.base = 0xf5,
				 .gs.base = 0x65,
				 .gdt = {.base = 0x6d7, .limit = 0x67},
				 .idt = {.base = 0x1d7, .limit = 0xfff}};
	struct kvm_sregs one = {0};

	memcpy(&one, &two, offsetof(struct kvm_sregs, interrupt_bitmap));
	snapshot_add(s, "SREGS", &one, sizeof(one));
	snapshot_add(s, "SREGS2", &two, sizeof(two));
}

static inline void state_add_events(struct snapshot *s)
{
	struct kvm_vcpu_events events = {
		.exception = {.injected = 1, .nr = 14, .pending = 1},
		.interrupt = {.injected = 1, .nr = 0x51, .soft = 1, .shadow = 2},
		.nmi = {.injected = 1, .pending = 1, .masked = 1},
		.flags = 0x2d,
		.smi = {.smm = 1, .pending = 1, .latched_init = 1},
		.triple_fault.pending = 1,
	};

	snapshot_add(s, "VCPU_EVENTS", &events, sizeof(events));
}

static inline void state_add_registers(struct snapshot *s)
{
	struct kvm_mp_state mp = {.mp_state = KVM_MP_STATE_HALTED};
	struct kvm_regs regs = {.rax = 0xa,
				.rbx = 0xb,
				.rcx = 0xc,
				.rdx = 0xd,
				.rsi = 1,
				.rdi = 2,
				.rsp = 3,
				.rbp = 4,
				.r8 = 8,
				.r9 = 9,
				.r10 = 10,
				.r11 = 11,
				.r12 = 12,
				.r13 = 13,
				.r14 = 14,
				.r15 = 15,
				.rip = 16,
				.rflags = 17};
	struct kvm_debugregs dr = {.db = {1, 2, 3, 4}, .dr6 = 0xffff0ff1, .dr7 = 0x455};
	struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs = {{.value = 7}}};
	struct kvm_xsave xsave = {0};

	memset(&xsave, 0x22, sizeof(xsave));
	xsave.region[128] = 7; /* XSTATE_BV */
	xsave.region[129] = 0;
	snapshot_add(s, "MP_STATE", &mp, sizeof(mp));
	snapshot_add(s, "REGS", &regs, sizeof(regs));
	snapshot_add(s, "XCRS", &xcrs, sizeof(xcrs));
	snapshot_add(s, "DEBUGREGS", &dr, sizeof(dr));
	snapshot_add(s, "XSAVE", &xsave, sizeof(xsave));
}

/* An MSR's value: its index in the high half and the low byte, ones between. */
static inline uint64_t state_msr(uint32_t index)
{
	return (uint64_t)index << 32 | 0xffffff00 | (index & 0xff);
}

static inline void state_add_msrs(struct snapshot *s)
{
	static const uint32_t index[] = {
#define M(name, index) index,
#include "lib/msr.def"
#undef M
	};
	struct kvm_msr_entry entry[ARRAY_SIZE(index)] = {{0}};

	for (size_t i = 0; i < ARRAY_SIZE(index); i++)
		entry[i] = (struct kvm_msr_entry){.index = index[i], .data = state_msr(index[i])};
	snapshot_add(s, "MSRS", entry, sizeof(entry));
}

/* Sets bit @vector of the register at @p, whose parts of 32 bits are @stride bytes apart. */
static inline void state_set_vector(uint8_t *p, unsigned vector, unsigned stride)
{
	p[vector / 32 * stride + vector % 32 / 8] |= (uint8_t)(1u << vector % 8);
}

static inline void state_add_lapic(struct snapshot *s)
{
	struct kvm_lapic_state lapic = {{0}};
	uint8_t *p = (uint8_t *)lapic.regs;

	for (unsigned i = 0x320; i <= 0x390; i += 0x10)
		p[i] = 0x33;
	p[0x80] = 0x50;
	p[0xf1] = 1;
	p[0x3e0] = 0xb;
	state_set_vector(p + 0x100, 0x41, 16);
	state_set_vector(p + 0x200, 0xf2, 16);
	state_set_vector(p + 0x200, 0x20, 16);
	snapshot_add(s, "LAPIC", &lapic, sizeof(lapic));
}

static inline void state_add_memory(struct snapshot *s)
{
	uint8_t *memory = xcalloc(STATE_PAGES, SNAPSHOT_PAGE);
	uint8_t *vapic = memory + STATE_VAPIC, *pi = memory + STATE_PI_DESC;

	memset(memory + 0x3000, 0x44, (STATE_PAGES - 3) * SNAPSHOT_PAGE);
	vapic[0x20] = 1;
	vapic[0x80] = 0x20;
	vapic[0xa0] = 0x30;
	state_set_vector(vapic + 0x100, 0x31, 16);
	state_set_vector(vapic + 0x200, 0x51, 16);
	state_set_vector(vapic + 0x200, 0xff, 16);
	pi[-1] = 0x66;
	pi[64] = 0x66;
	state_set_vector(pi, 0x52, 4);
	pi[32] = 3;
	pi[34] = 0xf2; /* notification vector */
	snapshot_set_memory(s, memory, STATE_PAGES * SNAPSHOT_PAGE);
	free(memory);
}

/* The snapshot; the page at 0 is all zeros. */
static inline struct snapshot state_sample(void)
{
	struct snapshot s = {0};

	state_add_events(&s);
	state_add_registers(&s);
	state_add_sregs(&s);
	state_add_lapic(&s);
	state_add_msrs(&s);
	state_add_nested(&s);
	state_add_memory(&s);
	return s;
}

#endif
