// SPDX-License-Identifier: BSD-2-Clause
// Several vCPUs in one snapshot: each looks as if it were alone. Saving needs a KVM: tests/e2e.
#include "host/snapshot/saved_state.h"
#include "tests/unit/unit.h"

#include "host/kvm/kvm_vm.h"

static void add(struct snapshot *s, const char *name)
{
	snapshot_add(s, name, name, strlen(name) + 1);
}

static void alone(void **state)
{
	struct snapshot s = {0}, part;

	(void)state;
	add(&s, "REGS");
	add(&s, "IRQCHIP");
	assert_int_equal(kvm_vcpus_saved(&s), 1);
	part = kvm_vcpu_part(&s, 0);
	assert_int_equal(part.sections, 2);
	assert_string_equal(part.section[1].name, "IRQCHIP");
	kvm_vcpu_part_free(&part);
	part = kvm_vcpu_part(&s, 1);
	assert_int_equal(part.sections, 0);
	kvm_vcpu_part_free(&part);
	snapshot_free(&s);
}

static void two(void **state)
{
	struct snapshot s = {0}, part;

	(void)state;
	add(&s, "REGS");
	add(&s, "IRQCHIP");
	add(&s, "vcpu1.REGS");
	add(&s, "UART");
	snapshot_set_memory(&s, "", 0);
	assert_int_equal(kvm_vcpus_saved(&s), 2);
	part = kvm_vcpu_part(&s, 0);
	assert_int_equal(part.sections, 3);
	assert_null(snapshot_find(&part, "vcpu1.REGS"));
	assert_string_equal(snapshot_find(&part, "REGS")->data, "REGS");
	kvm_vcpu_part_free(&part);
	part = kvm_vcpu_part(&s, 1);
	assert_int_equal(part.sections, 1);
	assert_ptr_equal(snapshot_find(&part, "REGS")->data, snapshot_find(&s, "vcpu1.REGS")->data);
	kvm_vcpu_part_free(&part);
	snapshot_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(alone), cmocka_unit_test(two)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
