/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSRs that VM entries and exits switch between L1's value and L2's, and, with the controls off,
 * those that L1 and L2 then share; all told of below.
 */
#include "hv/scenario.h"
#include "l2guest/steps.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/print.h"
#include "lib/string.h"

#define NO_CONTROL VMX_CONTROLS

struct row {
	uint32_t msr;
	uint16_t field, host_field;
	uint8_t load, save, host_load;	    /* controls */
	uint64_t first, second, host_value; /* L2 starts with the first and writes the second */
};

static struct l2 l2;

/* L2 reads its MSR, changes it, is frozen, reads it again. False after a `fail` event. */
static bool change(const struct row *row)
{
	const uint64_t program[] = {STEP(RDMSR, row->msr), STEP(WRMSR, row->msr), row->second,
				    STEP(FREEZE, 0), STEP(RDMSR, row->msr)};

	memcpy(l2.shared->arg, program, sizeof(program));
	return l2_tells(&l2, 1) &&
	       ktap_check("L2's MSR at its start", row->first, l2.shared->val[0]) &
		       ktap_check("L2's MSR", row->second, l2.shared->val[4]);
}

static void control(uint8_t which, bool on)
{
	if (which != NO_CONTROL)
		vmx_control_set(which, on);
}

/* VM entries load L2's value, VM exits L1's; with @save they save what L2 has made of its own. */
static void fly_loads(const struct row *row, bool save)
{
	uint64_t own = rdmsr(row->msr);

	l2_create_plain(&l2, "steps");
	control(row->load, true);
	control(row->save, save);
	control(row->host_load, true);
	vmcs_write(row->field, row->first);
	vmcs_let_go(row->field);
	vmcs_write(row->host_field, row->host_value);
	if (change(row) &&
	    ktap_check("L1's MSR", row->host_value, rdmsr(row->msr)) &
		    ktap_check("MSR of L2 in the VMCS", save ? row->second : row->first,
			       vmcs_read(row->field))) {
		memset(l2.shared->arg, 0, sizeof(l2.shared->arg));
		l2.shared->arg[0] = STEP(RDMSR, row->msr);
		vmcs_write(row->field, row->first);
		if (l2_tells(&l2, 1))
			ktap_check("L2's MSR, loaded by L1", row->first, l2.shared->val[0]);
	}
	wrmsr(row->msr, own);
}

static void fly_switched(const struct row *row)
{
	fly_loads(row, true);
}

static void fly_loaded(const struct row *row)
{
	fly_loads(row, false);
}

/* L1 and L2 have one MSR; with @save VM exits save it all the same. */
static void fly_one(const struct row *row, bool save)
{
	uint64_t own = rdmsr(row->msr);

	l2_create_plain(&l2, "steps");
	vmx_control_set(row->load, false);
	vmx_control_set(row->save, save);
	vmx_control_set(row->host_load, false);
	/* Nobody may load these two; what L1 is found to have at an exit is compared with one. */
	vmcs_write(row->field, row->host_value);
	vmcs_write(row->host_field, row->second);
	if (save)
		vmcs_let_go(row->field);
	wrmsr(row->msr, row->first);
	if (change(row)) {
		ktap_check("L1's MSR", row->second, rdmsr(row->msr));
		ktap_check("MSR of L2 in the VMCS", save ? row->second : row->host_value,
			   vmcs_read(row->field));
	}
	wrmsr(row->msr, own);
}

static void fly_shared(const struct row *row)
{
	fly_one(row, false);
}

static void fly_saved(const struct row *row)
{
	fly_one(row, true);
}

#define MSR_SCENARIO(id, how, needs, possible_, title, promise, proof, ...)                     \
	static void fly_##id(void)                                                              \
	{                                                                                       \
		static const struct row row = {__VA_ARGS__};                                    \
                                                                                                \
		how(&row);                                                                      \
	}                                                                                       \
	SCENARIO(id, NEEDS(L2_BASE, needs), FLY(fly_##id, .possible = possible_), TITLE(title), \
		 PROMISE("SDM, " promise), HOST("snapshot behind L2's write of the MSR"),       \
		 BUG("none known; the restore writes the MSR by KVM_SET_MSRS and once more "    \
		     "through vmcs12, in an order that nobody has promised"),                   \
		 FAILURE("L2 reads L1's value or its own first one, or L1 reads L2's"),         \
		 FREEZE(port), PROOF("l2 runnable " proof))

/* Reset's, L1's, L1's for L2 and L2's own values all differ. */
#define PAT_ROW                                                                                \
	.msr = MSR_IA32_PAT, .field = GUEST_IA32_PAT, .host_field = HOST_IA32_PAT,             \
	.load = VMX_ENTRY_LOAD_PAT, .save = VMX_EXIT_SAVE_PAT, .host_load = VMX_EXIT_LOAD_PAT, \
	.first = 0x7010600070406, .second = 0x7050600070106, .host_value = 0x7040600070506
#define EFER_ROW                                                                                  \
	.msr = MSR_IA32_EFER, .field = GUEST_IA32_EFER, .host_field = HOST_IA32_EFER,             \
	.load = VMX_ENTRY_LOAD_EFER, .save = VMX_EXIT_SAVE_EFER, .host_load = VMX_EXIT_LOAD_EFER, \
	.first = 0x501, .second = 0xd00, .host_value = EFER_LME | EFER_LMA
#define SWITCHED   "Loading Guest State, Saving Guest State and Loading Host State: "
#define BY_CONTROL "VM-Entry Controls and VM-Exit Controls: "

MSR_SCENARIO(msr_pat, fly_switched, VMX_ENTRY_LOAD_PAT, NULL,
	     "L2 has changed its own IA32_PAT, which is saved and loaded",
	     SWITCHED "IA32_PAT, by its VM-entry and VM-exit controls",
	     "GUEST_IA32_PAT=0x7050600070106 msr:0x277=0x7050600070106", PAT_ROW);

MSR_SCENARIO(msr_pat_shared, fly_shared, VMX_ENTRY_LOAD_PAT, NULL,
	     "L2 has changed the IA32_PAT that it shares with L1",
	     BY_CONTROL "without load and save IA32_PAT no transition touches the MSR",
	     "GUEST_IA32_PAT=0x7040600070506 msr:0x277=0x7050600070106", PAT_ROW);

MSR_SCENARIO(msr_pat_loaded, fly_loaded, VMX_ENTRY_LOAD_PAT, NULL,
	     "L2 has changed its own IA32_PAT, which is loaded and not saved",
	     BY_CONTROL "without save IA32_PAT the VMCS keeps what L1 wrote",
	     "GUEST_IA32_PAT=0x7010600070406 msr:0x277=0x7050600070106", PAT_ROW);

MSR_SCENARIO(msr_pat_saved, fly_saved, VMX_ENTRY_LOAD_PAT, NULL,
	     "L2 has changed the IA32_PAT that it shares with L1, which is saved",
	     BY_CONTROL "without load IA32_PAT what was saved is loaded nowhere",
	     "GUEST_IA32_PAT=0x7050600070106 msr:0x277=0x7050600070106", PAT_ROW);

MSR_SCENARIO(msr_efer, fly_switched, VMX_ENTRY_LOAD_EFER, NULL,
	     "L2 has changed SCE and NXE of its own IA32_EFER",
	     SWITCHED "IA32_EFER, by its VM-entry and VM-exit controls",
	     "GUEST_IA32_EFER=0xd00 efer=0xd00", EFER_ROW);

MSR_SCENARIO(msr_efer_shared, fly_shared, VMX_ENTRY_LOAD_EFER, NULL,
	     "L2 has changed SCE and NXE of the IA32_EFER that it shares with L1",
	     BY_CONTROL "without load and save IA32_EFER transitions touch only LMA and LME",
	     "efer=0xd00 GUEST_IA32_EFER=0x500", EFER_ROW);

MSR_SCENARIO(msr_efer_loaded, fly_loaded, VMX_ENTRY_LOAD_EFER, NULL,
	     "L2 has changed its own IA32_EFER, which is loaded and not saved",
	     BY_CONTROL "without save IA32_EFER the VMCS keeps what L1 wrote",
	     "GUEST_IA32_EFER=0x501 efer=0xd00", EFER_ROW);

MSR_SCENARIO(msr_efer_saved, fly_saved, VMX_ENTRY_LOAD_EFER, NULL,
	     "L2 has changed the IA32_EFER that it shares with L1, which is saved",
	     BY_CONTROL "without load IA32_EFER what was saved is loaded nowhere",
	     "GUEST_IA32_EFER=0xd00 efer=0xd00", EFER_ROW);

MSR_SCENARIO(msr_sysenter_cs, fly_switched, L2_BASE, NULL,
	     "L2 has changed its own IA32_SYSENTER_CS", SWITCHED "IA32_SYSENTER_CS",
	     "GUEST_SYSENTER_CS=0x48 msr:0x174=0x48", .msr = MSR_IA32_SYSENTER_CS,
	     .field = GUEST_SYSENTER_CS, .host_field = HOST_IA32_SYSENTER_CS, .load = NO_CONTROL,
	     .save = NO_CONTROL, .host_load = NO_CONTROL, .first = 0x38, .second = 0x48,
	     .host_value = 0x58);

MSR_SCENARIO(msr_sysenter_esp, fly_switched, L2_BASE, NULL,
	     "L2 has changed its own IA32_SYSENTER_ESP", SWITCHED "IA32_SYSENTER_ESP",
	     "GUEST_SYSENTER_ESP=0xffff800012345678 msr:0x175=0xffff800012345678",
	     .msr = MSR_IA32_SYSENTER_ESP, .field = GUEST_SYSENTER_ESP,
	     .host_field = HOST_IA32_SYSENTER_ESP, .load = NO_CONTROL, .save = NO_CONTROL,
	     .host_load = NO_CONTROL, .first = 0x1000, .second = 0xffff800012345678,
	     .host_value = 0xffffffff00003000);

MSR_SCENARIO(msr_sysenter_eip, fly_switched, L2_BASE, NULL,
	     "L2 has changed its own IA32_SYSENTER_EIP", SWITCHED "IA32_SYSENTER_EIP",
	     "GUEST_SYSENTER_EIP=0x7fff12345678 msr:0x176=0x7fff12345678",
	     .msr = MSR_IA32_SYSENTER_EIP, .field = GUEST_SYSENTER_EIP,
	     .host_field = HOST_IA32_SYSENTER_EIP, .load = NO_CONTROL, .save = NO_CONTROL,
	     .host_load = NO_CONTROL, .first = 0x1000, .second = 0x7fff12345678,
	     .host_value = 0xffffffff00004000);

/* The emulator reports performance monitoring, but has none of its MSRs. */
static bool has_perf_global_ctrl(char *why, size_t size)
{
	unsigned version = cpuid(0, 0).eax >= 0xa ? cpuid(0xa, 0).eax & 0xff : 0;
	uint64_t own, found = 0;

	if (!vmx_control_allowed(VMX_EXIT_SAVE_PERF_GLOBAL_CTRL, why, size))
		return false;
	if (version >= 2) {
		own = rdmsr(MSR_IA32_PERF_GLOBAL_CTRL);
		wrmsr(MSR_IA32_PERF_GLOBAL_CTRL, 1);
		found = rdmsr(MSR_IA32_PERF_GLOBAL_CTRL);
		wrmsr(MSR_IA32_PERF_GLOBAL_CTRL, own);
	}
	if (found != 1)
		format(why, size, "no IA32_PERF_GLOBAL_CTRL: CPUID.0xa.0:EAX[7:0]=%u, reads 0x%lx",
		       version, found);
	return found == 1;
}

MSR_SCENARIO(msr_perf_global_ctrl, fly_switched, VMX_ENTRY_LOAD_PERF_GLOBAL_CTRL,
	     has_perf_global_ctrl, "L2 runs with its own IA32_PERF_GLOBAL_CTRL",
	     SWITCHED "IA32_PERF_GLOBAL_CTRL, by its VM-entry and VM-exit controls",
	     "msr:0x38f=0x2", .msr = MSR_IA32_PERF_GLOBAL_CTRL,
	     .field = GUEST_IA32_PERF_GLOBAL_CTRL, .host_field = HOST_IA32_PERF_GLOBAL_CTRL,
	     .load = VMX_ENTRY_LOAD_PERF_GLOBAL_CTRL, .save = VMX_EXIT_SAVE_PERF_GLOBAL_CTRL,
	     .host_load = VMX_EXIT_LOAD_PERF_GLOBAL_CTRL, .first = 1, .second = 2, .host_value = 3);

static bool has_pks(char *why, size_t size)
{
	return vmx_cpuid_has(7, 0, CPUID_ECX, 31, "protection keys for supervisor pages", why,
			     size);
}

MSR_SCENARIO(msr_pkrs, fly_switched, VMX_ENTRY_LOAD_PKRS, has_pks,
	     "L2 has changed its own IA32_PKRS", SWITCHED "IA32_PKRS", "msr:0x6e1=0x55555550",
	     .msr = MSR_IA32_PKRS, .field = GUEST_IA32_PKRS, .host_field = HOST_IA32_PKRS,
	     .load = VMX_ENTRY_LOAD_PKRS, .save = NO_CONTROL, .host_load = VMX_EXIT_LOAD_PKRS,
	     .first = 0x44444444, .second = 0x55555550, .host_value = 0x11111110);
