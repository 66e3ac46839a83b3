/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VM entry refuses what it must, and says so in the right way: SDM, chapter "VM Entries". Each row
 * makes one thing wrong in an L2 that can be entered.
 */
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/page.h"
#include "lib/print.h"
#include "lib/string.h"
#include "tests/emulator/code.h"

#define CHANGES 3
#define LIMIT	1000000 /* of the VMX-preemption timer */

#define CPUID_1_ECX_HYPERVISOR (1u << 31)

/* VM-instruction errors, and (above them) exits with the qualification of an invalid guest state.
 */
enum outcome { ENTERS, CONTROLS = 7, HOST_STATE = 8, GUEST_STATE = 0x100 };
#define GUEST_LINK (GUEST_STATE + 4)

/*
 * A field changed, or (from VMCS_FIELDS on) a control turned on or off, or (from FORBIDDEN_FIRST
 * on) one turned on that this CPU does not have.
 */
struct change {
	uint16_t field;
	uint64_t clear, set;
};
#define FORBIDDEN_FIRST (VMCS_FIELDS + VMX_CONTROLS)

/* Interruption information that a CPU with this bit of IA32_VMX_BASIC takes. */
#define BASIC_ANY_ERROR_CODE (1ull << 56)
#define INFO_UD_ERROR	     0x80000b06
#define INFO_GP_NO_ERROR     0x8000030d

struct row {
	const char *what;
	enum outcome outcome;
	struct change right[CHANGES]; /* entry is possible with these, ... */
	struct change wrong[CHANGES]; /* ... with these, too, it is not */
};

/* clang-format off */
#define ONES (~0ull)
#define TO(name, val) {name, ONES, val}
#define SET(name, bits) {name, 0, bits}
#define CLEAR(name, bits) {name, bits, 0}
#define ON(control) {VMCS_FIELDS + VMX_##control, 0, 1}
#define OFF(control) {VMCS_FIELDS + VMX_##control, 1, 0}
#define FORBIDDEN(control) {FORBIDDEN_FIRST + VMX_##control, 0, 1}
#define R(...) {__VA_ARGS__}
static const struct row controls[] = {
	{"pin-based, must be 1", CONTROLS, R(), R(CLEAR(PIN_BASED_VM_EXEC_CONTROL, 1 << 1))},
	{"pin-based, must be 0", CONTROLS, R(), R(SET(PIN_BASED_VM_EXEC_CONTROL, 1u << 31))},
	{"primary, must be 1", CONTROLS, R(), R(CLEAR(CPU_BASED_VM_EXEC_CONTROL, 1 << 1))},
	{"primary, must be 0", CONTROLS, R(), R(SET(CPU_BASED_VM_EXEC_CONTROL, 1 << 0))},
	{"exit, must be 1", CONTROLS, R(), R(CLEAR(VM_EXIT_CONTROLS, 1 << 0))},
	{"exit, must be 0", CONTROLS, R(), R(FORBIDDEN(EXIT_CLEAR_UINV))},
	{"entry, must be 1", CONTROLS, R(), R(CLEAR(VM_ENTRY_CONTROLS, 1 << 0))},
	{"secondary, must be 0", CONTROLS, R(), R(FORBIDDEN(CPU2_BUS_LOCK_DETECTION))},
	{"entry, must be 0", CONTROLS, R(), R(SET(VM_ENTRY_CONTROLS, 1u << 31))},
	{"CR3-target count", CONTROLS, R(), R(TO(CR3_TARGET_COUNT, 5))},
	{"I/O bitmap A, alignment", CONTROLS, R(), R(SET(IO_BITMAP_A, 0x800))},
	{"I/O bitmap B, alignment", CONTROLS, R(), R(SET(IO_BITMAP_B, 1))},
	{"I/O bitmap B, width", CONTROLS, R(), R(SET(IO_BITMAP_B, 1ull << 52))},
	{"MSR bitmap, alignment", CONTROLS, R(), R(SET(MSR_BITMAP, 0x40))},
	{"MSR bitmap, width", CONTROLS, R(), R(SET(MSR_BITMAP, 1ull << 63))},
	{"virtual NMIs, no NMI exiting", CONTROLS, R(ON(PIN_VIRTUAL_NMIS)), R(OFF(PIN_NMI))},
	{"NMI window, no virtual NMIs", CONTROLS, R(), R(ON(CPU_NMI_WINDOW_EXITING))},
	{"virtual-APIC page, alignment", CONTROLS, R(ON(CPU_TPR_SHADOW)),
		R(SET(VIRTUAL_APIC_PAGE_ADDR, 0x800))},
	{"TPR threshold 31:4", CONTROLS, R(ON(CPU_TPR_SHADOW)), R(TO(TPR_THRESHOLD, 0x10))},
	{"TPR threshold above VTPR", CONTROLS, R(ON(CPU_TPR_SHADOW)), R(TO(TPR_THRESHOLD, 1))},
	{"x2APIC mode, no TPR shadow", CONTROLS, R(), R(ON(CPU2_VIRT_X2APIC))},
	{"register virtualization, no TPR shadow", CONTROLS, R(), R(ON(CPU2_APIC_REGISTER_VIRT))},
	{"interrupt delivery, no TPR shadow", CONTROLS, R(), R(ON(CPU2_VIRT_INTR_DELIVERY))},
	{"x2APIC mode and APIC accesses", CONTROLS, R(ON(CPU_TPR_SHADOW), ON(CPU2_VIRT_X2APIC)),
		R(ON(CPU2_VIRT_APIC_ACCESSES))},
	{"APIC-access page, alignment", CONTROLS, R(ON(CPU2_VIRT_APIC_ACCESSES)),
		R(SET(APIC_ACCESS_ADDR, 0x10))},
	{"interrupt delivery, no exiting", CONTROLS,
		R(ON(CPU_TPR_SHADOW), ON(CPU2_VIRT_INTR_DELIVERY)), R(OFF(PIN_EXT_INTR))},
	{"posted interrupts, no delivery", CONTROLS, R(ON(CPU_TPR_SHADOW)), R(ON(PIN_POSTED_INTR))},
	{"posted interrupts, no TPR shadow", CONTROLS, R(), R(ON(PIN_POSTED_INTR))},
	{"posted interrupts, no acknowledge", CONTROLS,
		R(ON(CPU_TPR_SHADOW), ON(CPU2_VIRT_INTR_DELIVERY), ON(PIN_POSTED_INTR)),
		R(OFF(EXIT_ACK_INTR))},
	{"notification vector 15:8", CONTROLS,
		R(ON(CPU_TPR_SHADOW), ON(CPU2_VIRT_INTR_DELIVERY), ON(PIN_POSTED_INTR)),
		R(TO(POSTED_INTR_NV, 0x100))},
	{"descriptor, alignment", CONTROLS,
		R(ON(CPU_TPR_SHADOW), ON(CPU2_VIRT_INTR_DELIVERY), ON(PIN_POSTED_INTR)),
		R(SET(POSTED_INTR_DESC_ADDR, 0x20))},
	{"descriptor, width", CONTROLS,
		R(ON(CPU_TPR_SHADOW), ON(CPU2_VIRT_INTR_DELIVERY), ON(PIN_POSTED_INTR)),
		R(SET(POSTED_INTR_DESC_ADDR, 1ull << 52))},
	{"VPID 0", CONTROLS, R(), R(TO(VIRTUAL_PROCESSOR_ID, 0))},
	{"EPTP, memory type", CONTROLS, R(), R(CLEAR(EPT_POINTER, 7), SET(EPT_POINTER, 1))},
	{"EPTP, walk length", CONTROLS, R(), R(CLEAR(EPT_POINTER, 7 << 3))},
	{"EPTP, reserved", CONTROLS, R(), R(SET(EPT_POINTER, 1 << 11))},
	{"EPTP, width", CONTROLS, R(), R(SET(EPT_POINTER, 1ull << 52))},
	{"unrestricted guest, no EPT", CONTROLS, R(ON(CPU2_UNRESTRICTED_GUEST)), R(OFF(CPU2_EPT))},
	{"PML, no EPT", CONTROLS, R(ON(CPU2_PML)), R(OFF(CPU2_EPT))},
	{"PML address, alignment", CONTROLS, R(ON(CPU2_PML)), R(SET(PML_ADDRESS, 0x8))},
	{"VM functions, reserved", CONTROLS, R(ON(CPU2_VMFUNC)), R(TO(VM_FUNCTION_CONTROL, 1ull << 63))},
	{"EPTP list, alignment", CONTROLS, R(ON(CPU2_VMFUNC)),
		R(TO(VM_FUNCTION_CONTROL, 1), SET(EPTP_LIST_ADDRESS, 0x8))},
	{"VMREAD bitmap, alignment", CONTROLS, R(ON(CPU2_VMCS_SHADOWING)), R(SET(VMREAD_BITMAP, 8))},
	{"VMWRITE bitmap, alignment", CONTROLS, R(ON(CPU2_VMCS_SHADOWING)), R(SET(VMWRITE_BITMAP, 8))},
	{"#VE information, alignment", CONTROLS, R(ON(CPU2_EPT_VIOLATION_VE)),
		R(SET(VE_INFORMATION_ADDRESS, 0x40))},
	{"TSC multiplier 0", CONTROLS, R(ON(CPU2_TSC_SCALING)), R(TO(TSC_MULTIPLIER, 0))},
	{"timer saved and not active", CONTROLS,
		R(ON(PIN_PREEMPTION_TIMER), ON(EXIT_SAVE_PREEMPTION_TIMER)),
		R(OFF(PIN_PREEMPTION_TIMER))},
	{"exit MSR-store, alignment", CONTROLS, R(),
		R(TO(VM_EXIT_MSR_STORE_COUNT, 1), SET(VM_EXIT_MSR_STORE_ADDR, 8))},
	{"exit MSR-load, alignment", CONTROLS, R(),
		R(TO(VM_EXIT_MSR_LOAD_COUNT, 1), SET(VM_EXIT_MSR_LOAD_ADDR, 8))},
	{"exit MSR-load, width", CONTROLS, R(),
		R(TO(VM_EXIT_MSR_LOAD_COUNT, 1), SET(VM_EXIT_MSR_LOAD_ADDR, 1ull << 52))},
	{"entry MSR-load, alignment", CONTROLS, R(),
		R(TO(VM_ENTRY_MSR_LOAD_COUNT, 1), SET(VM_ENTRY_MSR_LOAD_ADDR, 4))},
	{"entry MSR-load, end above the width", CONTROLS, R(),
		R(TO(VM_ENTRY_MSR_LOAD_COUNT, 1), TO(VM_ENTRY_MSR_LOAD_ADDR, 0xffffffffffff0ull))},
	{"event type 1", CONTROLS, R(), R(TO(VM_ENTRY_INTR_INFO_FIELD, 0x80000120))},
	{"other event, vector 1", CONTROLS, R(), R(TO(VM_ENTRY_INTR_INFO_FIELD, 0x80000701))},
	{"NMI, vector 3", CONTROLS, R(), R(TO(VM_ENTRY_INTR_INFO_FIELD, 0x80000203))},
	{"exception, vector 32", CONTROLS, R(), R(TO(VM_ENTRY_INTR_INFO_FIELD, 0x80000320))},
	{"#UD with error code", CONTROLS, R(), R(TO(VM_ENTRY_INTR_INFO_FIELD, INFO_UD_ERROR))},
	{"#GP without error code", CONTROLS, R(), R(TO(VM_ENTRY_INTR_INFO_FIELD, INFO_GP_NO_ERROR))},
	{"interruption information 30:12", CONTROLS, R(), R(TO(VM_ENTRY_INTR_INFO_FIELD, 0x80001306))},
	{"error code 31:16", CONTROLS, R(),
		R(TO(VM_ENTRY_INTR_INFO_FIELD, 0x80000b0d), TO(VM_ENTRY_EXCEPTION_ERROR_CODE, 1 << 16))},
	{"INT n, length 16", CONTROLS, R(),
		R(TO(VM_ENTRY_INTR_INFO_FIELD, 0x80000430), TO(VM_ENTRY_INSTRUCTION_LEN, 16))},
	{"entry to SMM", CONTROLS, R(), R(ON(ENTRY_SMM))},
	{"dual-monitor treatment", CONTROLS, R(), R(ON(ENTRY_DEACT_DUAL_MONITOR))},
};

#define NOT_CANONICAL (1ull << 62)
static const struct row host[] = {
	{"CR0.NE", HOST_STATE, R(), R(CLEAR(HOST_CR0, CR0_NE))},
	{"CR0.PG", HOST_STATE, R(), R(CLEAR(HOST_CR0, CR0_PG))},
	{"CR3, width", HOST_STATE, R(), R(SET(HOST_CR3, 1ull << 52))},
	{"CR4.VMXE", HOST_STATE, R(), R(CLEAR(HOST_CR4, CR4_VMXE))},
	{"CR4.PAE", HOST_STATE, R(), R(CLEAR(HOST_CR4, CR4_PAE))},
	{"CR4, reserved", HOST_STATE, R(), R(SET(HOST_CR4, 1ull << 31))},
	{"CS.RPL", HOST_STATE, R(), R(SET(HOST_CS_SELECTOR, 3))},
	{"CS null", HOST_STATE, R(), R(TO(HOST_CS_SELECTOR, 0))},
	{"SS.TI", HOST_STATE, R(), R(SET(HOST_SS_SELECTOR, 4))},
	{"DS.RPL", HOST_STATE, R(), R(SET(HOST_DS_SELECTOR, 1))},
	{"GS.RPL", HOST_STATE, R(), R(SET(HOST_GS_SELECTOR, 2))},
	{"TR.TI", HOST_STATE, R(), R(SET(HOST_TR_SELECTOR, 4))},
	{"TR null", HOST_STATE, R(), R(TO(HOST_TR_SELECTOR, 0))},
	{"FS base", HOST_STATE, R(), R(SET(HOST_FS_BASE, NOT_CANONICAL))},
	{"GS base", HOST_STATE, R(), R(SET(HOST_GS_BASE, NOT_CANONICAL))},
	{"TR base", HOST_STATE, R(), R(SET(HOST_TR_BASE, NOT_CANONICAL))},
	{"GDTR base", HOST_STATE, R(), R(SET(HOST_GDTR_BASE, NOT_CANONICAL))},
	{"IDTR base", HOST_STATE, R(), R(SET(HOST_IDTR_BASE, NOT_CANONICAL))},
	{"SYSENTER_ESP", HOST_STATE, R(), R(SET(HOST_IA32_SYSENTER_ESP, NOT_CANONICAL))},
	{"SYSENTER_EIP", HOST_STATE, R(), R(SET(HOST_IA32_SYSENTER_EIP, NOT_CANONICAL))},
	{"PAT", HOST_STATE, R(), R(TO(HOST_IA32_PAT, 2))},
	{"EFER, reserved", HOST_STATE, R(), R(SET(HOST_IA32_EFER, 1 << 1))},
	{"EFER.LMA", HOST_STATE, R(), R(CLEAR(HOST_IA32_EFER, EFER_LMA))},
	{"EFER.LME", HOST_STATE, R(), R(CLEAR(HOST_IA32_EFER, EFER_LME))},
	{"RIP", HOST_STATE, R(), R(SET(HOST_RIP, NOT_CANONICAL))},
	{"host address-space size", HOST_STATE, R(), R(OFF(EXIT_HOST_64))},
};

#define AR_S (1 << 4)
#define AR_P (1 << 7)
#define AR_L (1 << 13)
#define AR_D (1 << 14)
#define AR_UNUSABLE (1 << 16)
#define AR_TYPE(name, type) {GUEST_##name##_AR_BYTES, 0xf, type}
#define AR_DPL(name, dpl) {GUEST_##name##_AR_BYTES, 3 << 5, (dpl) << 5}
#define INTR_BITS GUEST_INTERRUPTIBILITY_INFO
#define PENDING GUEST_PENDING_DBG_EXCEPTIONS
#define INFO VM_ENTRY_INTR_INFO_FIELD
static const struct row guest[] = {
	{"RFLAGS bit 1", GUEST_STATE, R(), R(TO(GUEST_RFLAGS, 0))},
	{"RFLAGS bit 15", GUEST_STATE, R(), R(SET(GUEST_RFLAGS, 1 << 15))},
	{"RFLAGS bit 22", GUEST_STATE, R(), R(SET(GUEST_RFLAGS, 1 << 22))},
	{"RFLAGS.VM in IA-32e mode", GUEST_STATE, R(), R(SET(GUEST_RFLAGS, 1 << 17))},
	{"CR0.NE", GUEST_STATE, R(), R(CLEAR(GUEST_CR0, CR0_NE))},
	{"CR0.PG without CR0.PE", GUEST_STATE, R(), R(CLEAR(GUEST_CR0, CR0_PE))},
	{"CR4.VMXE", GUEST_STATE, R(), R(CLEAR(GUEST_CR4, CR4_VMXE))},
	{"CR4, reserved", GUEST_STATE, R(), R(SET(GUEST_CR4, 1ull << 31))},
	{"CR4.PAE", GUEST_STATE, R(), R(CLEAR(GUEST_CR4, CR4_PAE))},
	{"CR3, width", GUEST_STATE, R(), R(SET(GUEST_CR3, 1ull << 52))},
	{"DR7 63:32", GUEST_STATE, R(), R(SET(GUEST_DR7, 1ull << 32))},
	{"SYSENTER_ESP", GUEST_STATE, R(), R(SET(GUEST_SYSENTER_ESP, NOT_CANONICAL))},
	{"SYSENTER_EIP", GUEST_STATE, R(), R(SET(GUEST_SYSENTER_EIP, NOT_CANONICAL))},
	{"PAT", GUEST_STATE, R(), R(TO(GUEST_IA32_PAT, 3))},
	{"EFER, reserved", GUEST_STATE, R(), R(SET(GUEST_IA32_EFER, 1 << 1))},
	{"EFER.LMA", GUEST_STATE, R(), R(CLEAR(GUEST_IA32_EFER, EFER_LMA))},
	{"EFER.LME", GUEST_STATE, R(), R(CLEAR(GUEST_IA32_EFER, EFER_LME))},
	{"TR.TI", GUEST_STATE, R(), R(SET(GUEST_TR_SELECTOR, 4))},
	{"TR unusable", GUEST_STATE, R(), R(SET(GUEST_TR_AR_BYTES, AR_UNUSABLE))},
	{"TR available", GUEST_STATE, R(), R(AR_TYPE(TR, 9))},
	{"TR, S", GUEST_STATE, R(), R(SET(GUEST_TR_AR_BYTES, AR_S))},
	{"TR, P", GUEST_STATE, R(), R(CLEAR(GUEST_TR_AR_BYTES, AR_P))},
	{"TR, reserved", GUEST_STATE, R(), R(SET(GUEST_TR_AR_BYTES, 1 << 8))},
	{"TR, granularity", GUEST_STATE, R(), R(TO(GUEST_TR_LIMIT, 0x100000))},
	{"TR base", GUEST_STATE, R(), R(SET(GUEST_TR_BASE, NOT_CANONICAL))},
	{"LDTR.TI", GUEST_STATE, R(TO(GUEST_LDTR_AR_BYTES, 0x82)), R(TO(GUEST_LDTR_SELECTOR, 4))},
	{"LDTR type", GUEST_STATE, R(TO(GUEST_LDTR_AR_BYTES, 0x82)), R(AR_TYPE(LDTR, 3))},
	{"LDTR, P", GUEST_STATE, R(TO(GUEST_LDTR_AR_BYTES, 0x82)), R(CLEAR(GUEST_LDTR_AR_BYTES, AR_P))},
	{"CS type", GUEST_STATE, R(), R(AR_TYPE(CS, 8))},
	{"CS, S", GUEST_STATE, R(), R(CLEAR(GUEST_CS_AR_BYTES, AR_S))},
	{"CS, P", GUEST_STATE, R(), R(CLEAR(GUEST_CS_AR_BYTES, AR_P))},
	{"CS, D and L", GUEST_STATE, R(), R(SET(GUEST_CS_AR_BYTES, AR_D))},
	{"CS, reserved", GUEST_STATE, R(), R(SET(GUEST_CS_AR_BYTES, 1 << 10))},
	{"CS unusable and reserved", GUEST_STATE, R(), R(SET(GUEST_CS_AR_BYTES, 1 << 17))},
	{"CS limit 11:0", GUEST_STATE, R(), R(TO(GUEST_CS_LIMIT, 0xfffffffe))},
	{"CS base 63:32", GUEST_STATE, R(), R(SET(GUEST_CS_BASE, 1ull << 32))},
	{"CS.DPL, not SS.DPL", GUEST_STATE, R(), R(AR_DPL(CS, 3))},
	{"SS.RPL, not CS.RPL", GUEST_STATE, R(), R(SET(GUEST_SS_SELECTOR, 3))},
	{"SS.DPL, not SS.RPL", GUEST_STATE, R(), R(AR_DPL(SS, 3), AR_DPL(CS, 3))},
	{"SS type", GUEST_STATE, R(), R(AR_TYPE(SS, 1))},
	{"SS, code", GUEST_STATE, R(), R(AR_TYPE(SS, 11))},
	{"SS, S", GUEST_STATE, R(), R(CLEAR(GUEST_SS_AR_BYTES, AR_S))},
	{"SS, P", GUEST_STATE, R(), R(CLEAR(GUEST_SS_AR_BYTES, AR_P))},
	{"SS, reserved", GUEST_STATE, R(), R(SET(GUEST_SS_AR_BYTES, 1 << 9))},
	{"SS limit 31:20", GUEST_STATE, R(), R(CLEAR(GUEST_SS_AR_BYTES, 1 << 15))},
	{"SS base 63:32", GUEST_STATE, R(), R(SET(GUEST_SS_BASE, 1ull << 32))},
	{"SS type, null selector", GUEST_STATE, R(TO(GUEST_SS_SELECTOR, 0)), R(AR_TYPE(SS, 1))},
	{"DS not accessed", GUEST_STATE, R(), R(AR_TYPE(DS, 2))},
	{"DS, code that cannot be read", GUEST_STATE, R(), R(AR_TYPE(DS, 9))},
	{"DS.RPL above DS.DPL", GUEST_STATE, R(), R(SET(GUEST_DS_SELECTOR, 3))},
	{"ES, P", GUEST_STATE, R(), R(CLEAR(GUEST_ES_AR_BYTES, AR_P))},
	{"FS base", GUEST_STATE, R(), R(SET(GUEST_FS_BASE, NOT_CANONICAL))},
	{"GS base of an unusable segment", GUEST_STATE, R(TO(GUEST_GS_AR_BYTES, AR_UNUSABLE)),
		R(SET(GUEST_GS_BASE, NOT_CANONICAL))},
	{"GDTR limit", GUEST_STATE, R(), R(TO(GUEST_GDTR_LIMIT, 0x10000))},
	{"IDTR base", GUEST_STATE, R(), R(SET(GUEST_IDTR_BASE, NOT_CANONICAL))},
	{"RIP 63:48", GUEST_STATE, R(), R(SET(GUEST_RIP, NOT_CANONICAL))},
	{"RIP 63:32 outside 64-bit mode", GUEST_STATE, R(),
		R(CLEAR(GUEST_CS_AR_BYTES, AR_L), SET(GUEST_RIP, 1ull << 32))},
	{"activity state 4", GUEST_STATE, R(), R(TO(GUEST_ACTIVITY_STATE, 4))},
	{"HLT behind STI", GUEST_STATE, R(TO(GUEST_ACTIVITY_STATE, 1), SET(GUEST_RFLAGS, RFLAGS_IF)),
		R(TO(INTR_BITS, GUEST_INTR_STATE_STI))},
	{"shutdown behind MOV SS", GUEST_STATE, R(TO(GUEST_ACTIVITY_STATE, 2)),
		R(TO(INTR_BITS, GUEST_INTR_STATE_MOV_SS))},
	{"HLT and #PF", GUEST_STATE, R(TO(GUEST_ACTIVITY_STATE, 1)), R(TO(INFO, 0x80000b0e))},
	{"HLT and INT n", GUEST_STATE, R(TO(GUEST_ACTIVITY_STATE, 1)), R(TO(INFO, 0x80000430),
		TO(VM_ENTRY_INSTRUCTION_LEN, 2))},
	{"shutdown and an interrupt 18", GUEST_STATE, R(TO(GUEST_ACTIVITY_STATE, 2),
		SET(GUEST_RFLAGS, RFLAGS_IF)), R(TO(INFO, 0x80000012))},
	{"wait-for-SIPI and NMI", GUEST_STATE, R(TO(GUEST_ACTIVITY_STATE, 3)),
		R(TO(INFO, 0x80000202))},
	{"interruptibility, reserved", GUEST_STATE, R(), R(TO(INTR_BITS, 1 << 5))},
	{"blocking by STI and MOV SS", GUEST_STATE, R(SET(GUEST_RFLAGS, RFLAGS_IF)),
		R(TO(INTR_BITS, GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS))},
	{"blocking by STI, IF clear", GUEST_STATE, R(), R(TO(INTR_BITS, GUEST_INTR_STATE_STI))},
	{"blocking by SMI", GUEST_STATE, R(), R(TO(INTR_BITS, 1 << 2))},
	{"interrupt, IF clear", GUEST_STATE, R(), R(TO(INFO, 0x80000040))},
	{"interrupt behind MOV SS", GUEST_STATE, R(SET(GUEST_RFLAGS, RFLAGS_IF)),
		R(TO(INFO, 0x80000040), TO(INTR_BITS, GUEST_INTR_STATE_MOV_SS))},
	{"NMI behind MOV SS", GUEST_STATE, R(),
		R(TO(INFO, 0x80000202), TO(INTR_BITS, GUEST_INTR_STATE_MOV_SS))},
	{"virtual NMI while one is blocked", GUEST_STATE, R(ON(PIN_VIRTUAL_NMIS),
		TO(INTR_BITS, GUEST_INTR_STATE_NMI)), R(TO(INFO, 0x80000202))},
	{"pending debug exceptions 11:4", GUEST_STATE, R(), R(TO(PENDING, 1 << 4))},
	{"pending debug exceptions 13", GUEST_STATE, R(), R(TO(PENDING, 1 << 13))},
	{"pending debug exceptions 63:32", GUEST_STATE, R(), R(TO(PENDING, 1ull << 40))},
	{"no pending single step behind MOV SS", GUEST_STATE,
		R(TO(INTR_BITS, GUEST_INTR_STATE_MOV_SS)), R(SET(GUEST_RFLAGS, RFLAGS_TF))},
	{"pending single step behind STI, TF clear", GUEST_STATE, R(SET(GUEST_RFLAGS, RFLAGS_IF),
		TO(INTR_BITS, GUEST_INTR_STATE_STI)), R(TO(PENDING, 1 << 14))},
	{"link pointer, alignment", GUEST_LINK, R(), R(TO(VMCS_LINK_POINTER, 0x8))},
	{"link pointer, width", GUEST_LINK, R(), R(TO(VMCS_LINK_POINTER, 1ull << 52))},
};

/* What the emulator lets in because it has no such MSR: told, but no failure. */
static const struct row limits[] = {
	{"IA32_DEBUGCTL, reserved", GUEST_STATE, R(), R(SET(GUEST_IA32_DEBUGCTL, 1ull << 63))},
	{"IA32_PERF_GLOBAL_CTRL, reserved", GUEST_STATE, R(ON(ENTRY_LOAD_PERF_GLOBAL_CTRL)),
		R(SET(GUEST_IA32_PERF_GLOBAL_CTRL, 1ull << 63))},
	{"host's IA32_PERF_GLOBAL_CTRL, reserved", HOST_STATE, R(ON(EXIT_LOAD_PERF_GLOBAL_CTRL)),
		R(SET(HOST_IA32_PERF_GLOBAL_CTRL, 1ull << 63))},
};
/* clang-format on */

static struct l2 l2;

/* Every address that a row turns to is a good one before. */
static void set_up(void)
{
	static const struct {
		enum vmcs_field field;
		enum vmx_control control;
	} pages[] = {
		{VM_EXIT_MSR_STORE_ADDR, VMX_CPU_SECONDARY},
		{VM_EXIT_MSR_LOAD_ADDR, VMX_CPU_SECONDARY},
		{VM_ENTRY_MSR_LOAD_ADDR, VMX_CPU_SECONDARY},
		{VIRTUAL_APIC_PAGE_ADDR, VMX_CPU_TPR_SHADOW},
		{APIC_ACCESS_ADDR, VMX_CPU2_VIRT_APIC_ACCESSES},
		{POSTED_INTR_DESC_ADDR, VMX_PIN_POSTED_INTR},
		{PML_ADDRESS, VMX_CPU2_PML},
		{EPTP_LIST_ADDRESS, VMX_CPU2_VMFUNC},
		{VMREAD_BITMAP, VMX_CPU2_VMCS_SHADOWING},
		{VMWRITE_BITMAP, VMX_CPU2_VMCS_SHADOWING},
		{VE_INFORMATION_ADDRESS, VMX_CPU2_EPT_VIOLATION_VE},
	};
	static const struct {
		enum vmcs_field field;
		enum vmx_control control;
		uint64_t val;
	} values[] = {
		{TPR_THRESHOLD, VMX_CPU_TPR_SHADOW, 0},
		{GUEST_IA32_PERF_GLOBAL_CTRL, VMX_ENTRY_LOAD_PERF_GLOBAL_CTRL, 0},
		{HOST_IA32_PERF_GLOBAL_CTRL, VMX_EXIT_LOAD_PERF_GLOBAL_CTRL, 0},
		{POSTED_INTR_NV, VMX_PIN_POSTED_INTR, L2_NOTIFICATION_VECTOR},
		{VM_FUNCTION_CONTROL, VMX_CPU2_VMFUNC, 0},
		{GUEST_PML_INDEX, VMX_CPU2_PML, 511},
		{TSC_MULTIPLIER, VMX_CPU2_TSC_SCALING, 1ull << 48},
		{VMX_PREEMPTION_TIMER_VALUE, VMX_PIN_PREEMPTION_TIMER, LIMIT},
	};
	char why[160];

	l2_create_plain(&l2, "tell");
	/* An L2 that is let in must come back, also from its sleep. */
	vmcs_write(EXCEPTION_BITMAP, ONES & 0xffffffff);
	for (unsigned i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (vmx_control_allowed(pages[i].control, why, sizeof(why)))
			vmcs_write(pages[i].field, page_gpa(page_alloc()));
	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (vmx_control_allowed(values[i].control, why, sizeof(why)))
			vmcs_write(values[i].field, values[i].val);
	if (vmx_control_allowed(VMX_PIN_PREEMPTION_TIMER, why, sizeof(why)))
		vmx_control_set(VMX_PIN_PREEMPTION_TIMER, true);
}

/*
 * False where the row cannot be tried: some CPUs drop reserved bits of access rights at VMWRITE,
 * some take any error code, and a KVM below does not look at events for wait-for-SIPI, in which L2
 * would wait for ever.
 */
static bool can_try(const struct row *row)
{
	uint64_t info = vmcs_read(VM_ENTRY_INTR_INFO_FIELD);

	for (unsigned i = 0; i < CHANGES; i++) {
		const struct change *c = &row->wrong[i];

		if (c->field < VMCS_FIELDS && (vmcs_read(c->field) & c->set) != c->set)
			return false;
	}
	if ((info == INFO_UD_ERROR || info == INFO_GP_NO_ERROR) &&
	    (rdmsr(MSR_IA32_VMX_BASIC) & BASIC_ANY_ERROR_CODE))
		return false;
	return vmcs_read(GUEST_ACTIVITY_STATE) != GUEST_ACTIVITY_WAIT_SIPI ||
	       !(cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR);
}

static bool allowed(const struct change *changes)
{
	char why[160];

	for (unsigned i = 0; i < CHANGES; i++) {
		unsigned field = changes[i].field;

		if (field >= FORBIDDEN_FIRST) {
			if (vmx_control_allowed(field - FORBIDDEN_FIRST, why, sizeof(why)))
				return false;
		} else if (field >= VMCS_FIELDS &&
			   !vmx_control_allowed(field - VMCS_FIELDS, why, sizeof(why))) {
			return false;
		}
	}
	return true;
}

static void apply(const struct change *changes)
{
	for (unsigned i = 0; i < CHANGES; i++) {
		const struct change *c = &changes[i];

		if (c->field >= FORBIDDEN_FIRST)
			vmx_control_set(c->field - FORBIDDEN_FIRST, true);
		else if (c->field >= VMCS_FIELDS)
			vmx_control_set(c->field - VMCS_FIELDS, c->set);
		else if (c->clear | c->set)
			vmcs_write(c->field, (vmcs_read(c->field) & ~c->clear) | c->set);
	}
}

/* The fields that rows change, as they were. */
#define SAVED_MAX 140
static struct {
	uint16_t field;
	uint64_t val;
} saved[SAVED_MAX];
static unsigned saved_fields;

static void save_field(enum vmcs_field field)
{
	for (unsigned i = 0; i < saved_fields; i++)
		if (saved[i].field == field)
			return;
	if (saved_fields == SAVED_MAX)
		ktap_error_and_end("what=\"too many fields\"");
	saved[saved_fields].field = field;
	saved[saved_fields++].val = vmcs_read(field);
}

static void save_changed(const struct change *changes)
{
	for (unsigned i = 0; i < CHANGES; i++)
		if (changes[i].field < VMCS_FIELDS && (changes[i].clear | changes[i].set))
			save_field(changes[i].field);
}

static void save(const struct row *row)
{
	static const enum vmcs_field always[] = {
		PIN_BASED_VM_EXEC_CONTROL,
		CPU_BASED_VM_EXEC_CONTROL,
		SECONDARY_VM_EXEC_CONTROL,
		VM_EXIT_CONTROLS,
		VM_ENTRY_CONTROLS,
		GUEST_RIP,
		GUEST_RSP,
		GUEST_RFLAGS,
		GUEST_ACTIVITY_STATE,
		GUEST_INTERRUPTIBILITY_INFO,
		VM_ENTRY_INTR_INFO_FIELD,
		GUEST_PENDING_DBG_EXCEPTIONS,
	};

	saved_fields = 0;
	for (unsigned i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		save_field(always[i]);
	save_changed(row->right);
	save_changed(row->wrong);
}

static void restore(void)
{
	for (unsigned i = 0; i < saved_fields; i++)
		vmcs_write(saved[i].field, saved[i].val);
}

static bool known_limits;

static bool fails(const struct row *row, const char *check, uint64_t expected, uint64_t found)
{
	if (expected == found)
		return false;
	if (known_limits) {
		print_line("# limit of this CPU: %s: %s: expected 0x%lx, found 0x%lx", row->what,
			   check, expected, found);
		return true;
	}
	ktap_fail("check=\"%s\" entry=\"%s\" expected=0x%lx found=0x%lx", check, row->what,
		  expected, found);
	return true;
}

/* L2 comes to its VMCALL. */
static void enters(const struct row *row)
{
	enum l2_entry_result result = vmx_enter(&l2.regs, l2.launched);

	if (fails(row, "VM entry without the fault", L2_ENTRY_OK, result))
		return;
	if (!fails(row, "exit reason without the fault", EXIT_REASON_VMCALL,
		   vmcs_read(VM_EXIT_REASON)))
		l2.launched = true;
}

static void refused(const struct row *row)
{
	uint64_t info = vmcs_read(VM_ENTRY_INTR_INFO_FIELD), at = vmcs_read(GUEST_RIP);
	enum l2_entry_result result = vmx_enter(&l2.regs, l2.launched);

	if (row->outcome < GUEST_STATE) {
		if (!fails(row, "VM entry gives VMfailValid", L2_ENTRY_FAIL_VALID, result))
			fails(row, "VM_INSTRUCTION_ERROR", row->outcome,
			      vmcs_read(VM_INSTRUCTION_ERROR));
		return;
	}
	if (fails(row, "VM entry", L2_ENTRY_OK, result) ||
	    fails(row, "exit reason", VMX_EXIT_REASONS_FAILED_VMENTRY | EXIT_REASON_INVALID_STATE,
		  vmcs_read(VM_EXIT_REASON)))
		return;
	fails(row, "exit qualification", row->outcome - GUEST_STATE, vmcs_read(EXIT_QUALIFICATION));
	fails(row, "GUEST_RIP", at, vmcs_read(GUEST_RIP));
	fails(row, "interruption information", info, vmcs_read(VM_ENTRY_INTR_INFO_FIELD));
	fails(row, "CR3 of the host", vmcs_read(HOST_CR3), read_cr3());
}

static void rows(const struct row *row, unsigned count)
{
	set_up();
	if (!l2_exits(&l2, EXIT_REASON_VMCALL))
		return;
	/* Enter in front of that VMCALL. */
	vmcs_write(GUEST_RIP, vmcs_read(GUEST_RIP) - vmcs_read(VM_EXIT_INSTRUCTION_LEN));
	for (; count--; row++) {
		if (!allowed(row->right) || !allowed(row->wrong))
			continue;
		save(row);
		apply(row->right);
		if (!vmcs_read(GUEST_ACTIVITY_STATE)) { /* else L2 would not come back */
			enters(row);
			restore();
			apply(row->right);
		}
		apply(row->wrong);
		if (can_try(row))
			refused(row);
		restore();
	}
	l2_destroy_all();
}
#define ROWS(table) rows(table, sizeof(table) / sizeof((table)[0]))

static void bad_controls(void)
{
	ROWS(controls);
}

static void bad_host(void)
{
	ROWS(host);
}

static void bad_guest(void)
{
	ROWS(guest);
}

static void not_refused(void)
{
	known_limits = true;
	ROWS(limits);
	known_limits = false;
}

/*
 * SDM, "Loading MSRs": VM entry fails at the first entry that cannot be loaded, and names it. Else
 * it writes no exit information but the reason.
 */
static void bad_msr(void)
{
	static const struct {
		uint32_t index, reserved;
		uint64_t value;
	} bad[] = {
		{MSR_IA32_STAR, 1, 0},	    {MSR_IA32_FS_BASE, 0, 0},
		{MSR_IA32_GS_BASE, 0, 0},   {MSR_X2APIC_TPR, 0, 0},
		{MSR_IA32_EFER, 0, 1 << 1}, {MSR_IA32_LSTAR, 0, NOT_CANONICAL},
	};
	struct {
		uint32_t index, reserved;
		uint64_t value;
	} * list;

	l2_create_plain(&l2, "tell");
	code_l2(&l2);
	CODE(CPUID);
	code_exits(&l2, EXIT_REASON_CPUID, 0);
	list = page_alloc();
	vmcs_write(VM_ENTRY_MSR_LOAD_ADDR, page_gpa(list));
	vmcs_write(VM_ENTRY_MSR_LOAD_COUNT, 2);
	list[0].index = MSR_IA32_KERNEL_GS_BASE;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memcpy(&list[1], &bad[i], sizeof(bad[i]));
		if (l2_exits(&l2, (enum vmx_exit_reason)(EXIT_REASON_MSR_LOAD_FAIL |
							 VMX_EXIT_REASONS_FAILED_VMENTRY)))
			ktap_check("exit qualification", 2, vmcs_read(EXIT_QUALIFICATION));
		/* The exit before, of another length than VMRESUME, told that. */
		ktap_check("instruction length", sizeof(CPUID) - 1,
			   vmcs_read(VM_EXIT_INSTRUCTION_LEN));
	}
	l2_destroy_all();
}

SCENARIO(cpu_entry_controls, NEEDS(L2_BASE), RUN(bad_controls));
SCENARIO(cpu_entry_host, NEEDS(L2_BASE), RUN(bad_host));
SCENARIO(cpu_entry_guest, NEEDS(L2_BASE), RUN(bad_guest));
SCENARIO(cpu_entry_limits, NEEDS(L2_BASE), RUN(not_refused));
SCENARIO(cpu_entry_msr_load, NEEDS(L2_BASE), RUN(bad_msr));
