// SPDX-License-Identifier: BSD-2-Clause
// The layout of vmcs12 against the table of VMCS fields, and where a snapshot has it.
#include "tests/unit/state.h"

static const struct {
	const char *name;
	unsigned encoding;
} encodings[] = {
#define F(name, encoding, role) {#name, encoding},
#include "hv/vmcs_fields.def"
#undef F
};

/* SDM, "Field Encoding in VMCS": bits 14:13 are the width. */
static unsigned width(unsigned encoding)
{
	static const unsigned bytes[] = {2, 8, 4, 8};

	return bytes[encoding >> 13 & 3];
}

static void names_and_widths(void **state)
{
	unsigned count, own = 0;
	const struct vmcs12_field *f = vmcs12_fields(&count);

	(void)state;
	for (unsigned i = 0; i < count; i++) {
		unsigned bytes = 0;

		if (f[i].name[0] >= 'a') {
			own++;
			continue;
		}
		for (size_t k = 0; k < ARRAY_SIZE(encodings); k++)
			if (!strcmp(encodings[k].name, f[i].name))
				bytes = width(encodings[k].encoding);
		if (bytes != f[i].size)
			fail_msg("%s has %u bytes, by hv/vmcs_fields.def %u", f[i].name, f[i].size,
				 bytes);
	}
	assert_int_equal(own, 3);
}

/* Each field begins behind the end of the one before it, and is found by its name alone. */
static void in_order(void **state)
{
	unsigned count, end = 0;
	const struct vmcs12_field *f = vmcs12_fields(&count);

	(void)state;
	for (unsigned i = 0; i < count; i++) {
		assert_true(f[i].offset >= end);
		end = f[i].offset + f[i].size;
		assert_ptr_equal(vmcs12_find(f[i].name, strlen(f[i].name)), &f[i]);
		assert_null(vmcs12_find(f[i].name, strlen(f[i].name) - 1));
	}
	assert_null(vmcs12_find("GUEST_RIPS", 10));
	assert_null(vmcs12_find("", 0));
}

/* Some offsets that KVM itself checks, from each group. */
static void offsets(void **state)
{
	static const struct {
		const char *name;
		unsigned offset;
	} known[] = {
		{"revision_id", 0},
		{"launch_state", 8},
		{"IO_BITMAP_A", 40},
		{"POSTED_INTR_DESC_ADDR", 112},
		{"PML_ADDRESS", 312},
		{"TSC_MULTIPLIER", 328},
		{"CR0_GUEST_HOST_MASK", 344},
		{"EXIT_QUALIFICATION", 408},
		{"GUEST_RIP", 544},
		{"HOST_RIP", 672},
		{"HOST_S_CET", 680},
		{"GUEST_INTR_SSP_TABLE", 720},
		{"PIN_BASED_VM_EXEC_CONTROL", 744},
		{"VMX_PREEMPTION_TIMER_VALUE", 928},
		{"VIRTUAL_PROCESSOR_ID", 960},
		{"GUEST_INTR_STATUS", 980},
		{"GUEST_PML_INDEX", 996},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		assert_int_equal(vmcs12_find(known[i].name, strlen(known[i].name))->offset,
				 known[i].offset);
}

static void get_and_set(void **state)
{
	uint8_t vmcs12[KVM_STATE_NESTED_VMX_VMCS_SIZE];
	unsigned count;
	const struct vmcs12_field *f = vmcs12_fields(&count);

	(void)state;
	for (unsigned i = 0; i < count; i++) {
		uint64_t mask = f[i].size == 8 ? ~0ull : (1ull << f[i].size * 8) - 1;

		memset(vmcs12, 0xee, sizeof(vmcs12));
		vmcs12_set(vmcs12, &f[i], 0x1122334455667788);
		assert_int_equal(vmcs12_get(vmcs12, &f[i]), 0x1122334455667788 & mask);
		for (unsigned k = 0; k < sizeof(vmcs12); k++)
			if (k < f[i].offset || k >= f[i].offset + f[i].size)
				assert_int_equal(vmcs12[k], 0xee);
	}
}

static void found(void **state)
{
	struct snapshot s = state_sample();

	(void)state;
	assert_ptr_equal(vmcs12_of(&s, NULL), state_vmcs12(&s));
	/* A current VMCS may itself be a shadow VMCS. */
	state_set(&s, "revision_id", 0x91e57ed0);
	assert_ptr_equal(vmcs12_of(&s, NULL), state_vmcs12(&s));
	snapshot_free(&s);
}

static void no_vmcs12(const struct snapshot *s, const char *why)
{
	struct err e = {0};

	assert_null(vmcs12_of(s, NULL));
	assert_null(vmcs12_of(s, &e));
	assert_contains(e.text, why);
}

static void not_found(void **state)
{
	struct snapshot s = {0};
	struct kvm_nested_state *nested;

	(void)state;
	no_vmcs12(&s, "no nested state");

	s = state_sample();
	state_set(&s, "revision_id", 0x11e57ed1);
	no_vmcs12(&s, "vmcs12 has revision 0x11e57ed1, known is 0x11e57ed0");
	state_set(&s, "revision_id", 0x11e57ed0);
	nested = state_section(&s, "NESTED_STATE");
	nested->hdr.vmx.vmcs12_pa = ~0ull;
	no_vmcs12(&s, "no current VMCS");
	nested->hdr.vmx.vmxon_pa = ~0ull;
	no_vmcs12(&s, "VMX operation is off");
	nested->format = KVM_STATE_NESTED_FORMAT_SVM;
	no_vmcs12(&s, "not that of VMX");
	snapshot_free(&s);

	for (unsigned i = 0; i < 2; i++) {
		struct kvm_nested_state header = {.size = sizeof(header)};

		snapshot_add(&s, "NESTED_STATE", &header, sizeof(header) - i);
		no_vmcs12(&s, i ? "cut short" : "ends before vmcs12");
		snapshot_free(&s);
	}
}

static void addresses(void **state)
{
	static const struct {
		const char *name;
		uint64_t gpa;
		const char *control;
	} rows[] = {
		{"VIRTUAL_APIC_PAGE_ADDR", STATE_VAPIC, "CPU_BASED_VM_EXEC_CONTROL"},
		{"POSTED_INTR_DESC_ADDR", STATE_PI_DESC, "PIN_BASED_VM_EXEC_CONTROL"},
		{"MSR_BITMAP", 0x3000, "CPU_BASED_VM_EXEC_CONTROL"},
		{"IO_BITMAP_A", 0x4000, "CPU_BASED_VM_EXEC_CONTROL"},
		{"IO_BITMAP_B", 0x5000, "CPU_BASED_VM_EXEC_CONTROL"},
		{"EPT_POINTER", 0x6000, "SECONDARY_VM_EXEC_CONTROL"},
		{"EPT_POINTER", 0x6000, "CPU_BASED_VM_EXEC_CONTROL"},
		{"VMREAD_BITMAP", 0x7000, "SECONDARY_VM_EXEC_CONTROL"},
		{"VMWRITE_BITMAP", 0x8000, "SECONDARY_VM_EXEC_CONTROL"},
		{"VM_EXIT_MSR_STORE_ADDR", 0x9010, "VM_EXIT_MSR_STORE_COUNT"},
		{"VM_EXIT_MSR_LOAD_ADDR", 0x9020, "VM_EXIT_MSR_LOAD_COUNT"},
	};
	struct err e = {0};
	uint64_t gpa;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct snapshot s = state_sample();

		assert_int_equal(vmcs12_address(&s, rows[i].name, &gpa, &e), 0);
		assert_int_equal(gpa, rows[i].gpa);
		state_set(&s, rows[i].control, 0);
		assert_int_equal(vmcs12_address(&s, rows[i].name, &gpa, &e), -1);
		assert_contains(e.text, "vmcs12 does not use ");
		assert_contains(e.text, rows[i].name);
		snapshot_free(&s);
		assert_int_equal(vmcs12_address(&s, rows[i].name, &gpa, &e), -1);
		assert_contains(e.text, "no nested state");
	}
}

static void unused(void **state)
{
	struct snapshot s = state_sample();

	(void)state;
	assert_false(vmcs12_unused(state_vmcs12(&s), "POSTED_INTR_DESC_ADDR"));
	assert_false(vmcs12_unused(state_vmcs12(&s), "GUEST_RIP"));
	state_set(&s, "PIN_BASED_VM_EXEC_CONTROL", 0);
	assert_true(vmcs12_unused(state_vmcs12(&s), "POSTED_INTR_DESC_ADDR"));
	state_set(&s, "VM_EXIT_MSR_LOAD_COUNT", 0);
	assert_true(vmcs12_unused(state_vmcs12(&s), "VM_EXIT_MSR_LOAD_ADDR"));
	snapshot_free(&s);
}

static void bad(struct snapshot *s, const char *why)
{
	const struct snapshot_section *section = snapshot_find(s, "NESTED_STATE");
	struct err e = {0};

	assert_int_equal(vmcs12_check(section->data, section->len, &e), -1);
	assert_contains(e.text, why);
}

static void checked(void **state)
{
	struct snapshot s = state_sample();
	struct kvm_nested_state *nested = state_section(&s, "NESTED_STATE");
	uint32_t size = nested->size;
	uint8_t *shadow = state_vmcs12(&s) + KVM_STATE_NESTED_VMX_VMCS_SIZE;
	struct err e = {0};

	(void)state;
	assert_ptr_equal(vmcs12_shadow_in(nested, size), shadow);
	assert_null(vmcs12_shadow_in(nested, size - 1));
	bad(&s, "the shadow vmcs12 has revision 0x11111111, known is 0x11e57ed0");
	vmcs12_set(shadow, vmcs12_find("revision_id", 11), 0x91e57ed0);
	assert_int_equal(vmcs12_check(nested, size, &e), 0);
	nested->size = size + 1;
	bad(&s, "truncated: the nested state says that it has 8321 bytes, 8320 are there");
	nested->size = sizeof(*nested) - 1;
	bad(&s, "its header alone has 128");
	nested->size = sizeof(*nested);
	bad(&s, "ends before vmcs12");
	nested->hdr.vmx.vmcs12_pa = ~0ull;
	assert_int_equal(vmcs12_check(nested, size, &e), 0);
	nested->flags |= KVM_STATE_NESTED_EVMCS;
	bad(&s, "ends before vmcs12");
	nested->format = KVM_STATE_NESTED_FORMAT_SVM;
	bad(&s, "that of SVM");
	nested->format = 7;
	bad(&s, "not that of VMX");
	snapshot_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_widths),
		cmocka_unit_test(in_order),
		cmocka_unit_test(offsets),
		cmocka_unit_test(get_and_set),
		cmocka_unit_test(found),
		cmocka_unit_test(not_found),
		cmocka_unit_test(addresses),
		cmocka_unit_test(unused),
		cmocka_unit_test(checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
