// SPDX-License-Identifier: BSD-2-Clause
// Why KVM gave a VM up, in words.
#include "tests/unit/unit.h"

#include "host/kvm/kvm_crash.h"

static void says(const struct kvm_run *run, const char *want)
{
	struct buf text = {0};

	kvm_crash_internal(run, &text);
	assert_string_equal(text.p, want);
	buf_free(&text);
}

static void delivery(void **state)
{
	/* Page fault by EPT while an NMI is delivered; address and CPU behind it. */
	struct kvm_run run = {.internal = {KVM_INTERNAL_ERROR_DELIVERY_EV,
					   5,
					   {0x80000202, 49, 0x182, 0x123000, 0}}};

	(void)state;
	says(&run, "KVM_EXIT_INTERNAL_ERROR, suberror 3 (an event's delivery met an exit that "
		   "cannot be there), exit reason 0x31 (EPT_MISCONFIG), qualification 0x182, "
		   "vectoring information 0x80000202 (valid, NMI, vector 0x2), data 0x123000 0x0");
	run.internal.ndata = 2; /* an older KVM's */
	says(&run, "KVM_EXIT_INTERNAL_ERROR, suberror 3 (an event's delivery met an exit that "
		   "cannot be there), data 0x80000202 0x31");
}

static void emulation(void **state)
{
	struct kvm_run run = {.internal = {KVM_INTERNAL_ERROR_EMULATION, 6, {0, 18, 0, 0, 0, 0}}};

	(void)state;
	says(&run, "KVM_EXIT_INTERNAL_ERROR, suberror 1 (an instruction could not be emulated, or "
		   "guest memory not read), exit reason 0x12 (VMCALL), qualification 0x0, "
		   "vectoring information 0x0, interruption information 0x0");
	run.internal.ndata = 9;
	run.internal.data[0] = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	run.emulation_failure.insn_size = 2;
	run.emulation_failure.insn_bytes[0] = 0x0f;
	run.emulation_failure.insn_bytes[1] = 0xb;
	run.internal.data[3] = 0x80000021;
	run.internal.data[8] = 7;
	says(&run, "KVM_EXIT_INTERNAL_ERROR, suberror 1 (an instruction could not be emulated, or "
		   "guest memory not read), instruction 0f 0b, exit reason 0x80000021 "
		   "(INVALID_STATE, VM-entry failure), qualification 0x0, vectoring information "
		   "0x0, interruption information 0x0, data 0x7");
	run.internal.ndata = 0; /* nothing of it is known */
	says(&run, "KVM_EXIT_INTERNAL_ERROR, suberror 1 (an instruction could not be emulated, or "
		   "guest memory not read)");
}

static void others(void **state)
{
	struct kvm_run run = {
		.internal = {KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON, 2, {0x1234, 0}}};
	struct kvm_run odd = {.internal = {99, 1000, {0}}};
	struct buf text = {0};

	(void)state;
	says(&run, "KVM_EXIT_INTERNAL_ERROR, suberror 4 (a VM exit that KVM did not expect), exit "
		   "reason 0x1234 (unknown), data 0x0");
	kvm_crash_internal(&odd, &text); /* more data than there is room for */
	assert_contains(text.p, "suberror 99 (unknown), data 0x0 ");
	text.len = 0;
	kvm_crash_entry(0x80000021, &text);
	assert_string_equal(
		text.p,
		"KVM_EXIT_FAIL_ENTRY, exit reason 0x80000021 (INVALID_STATE, VM-entry failure)");
	text.len = 0;
	kvm_crash_entry(7, &text);
	assert_string_equal(text.p, "KVM_EXIT_FAIL_ENTRY, VM-instruction error 0x7 (VM entry with "
				    "invalid control field(s))");
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(delivery), cmocka_unit_test(emulation),
					   cmocka_unit_test(others)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
