// SPDX-License-Identifier: BSD-2-Clause
// Restores a snapshot where it came from and into a new VM, and saves again; oracle.c compares.
#include "host/kvm/guarded.h"
#include "host/kvm/kvm_vm.h"
#include "host/snapshot/saved_state.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#define IN_PLACE    "in place"
#define NEW_VM	    "new VM"
#define BUFFER_SIZE "buffer size"

#define TSC_FAR (1ull << 40) /* where no VM of ours ever comes to */

/* All steps of @order. False: a step was refused, or taken that must not be,
 * which is a finding. */
static bool restore(const char *oracle, const struct kvm_fds *fds, const struct snapshot *saved,
		    const struct order *order, struct oracle_report *report)
{
	char name[64];
	struct err e = {0};
	int ret;

	for (unsigned i = 0; i < order->steps; i++) {
		ret = kvm_state_restore_step(fds, saved, order, i, &e);
		if (!ret)
			continue;
		order_step_text(order->step[i], name, sizeof(name));
		oracle_add(report, oracle, name, "%s%s",
			   ret == KVM_STATE_TAKEN ? "" : "refused: ", e.text);
		return false;
	}
	return true;
}

/* Of a new VM with several vCPUs KVM tells no stable clock before one of them has run. */
static void drop_clock(struct snapshot *part)
{
	for (unsigned i = 0; i < part->sections; i++)
		if (!strcmp(part->section[i].name, "CLOCK")) {
			memmove(&part->section[i], &part->section[i + 1],
				(--part->sections - i) * sizeof(*part->section));
			return;
		}
}

/* Saves vCPU @vcpu again and compares it with @saved; of a new VM its memory as well. */
static void compare_again(const char *oracle, const struct kvm_vm *vm, unsigned vcpu,
			  struct snapshot *saved, struct oracle_report *report)
{
	const bool new = !strcmp(oracle, NEW_VM);
	struct snapshot after = {0}, part;
	struct err e = {0};

	if (kvm_vcpus_save(vm, &after, &e)) {
		oracle_add(report, oracle, "save", "refused: %s", e.text);
		snapshot_free(&after);
		return;
	}
	if (new && !vcpu)
		kvm_memory_save(&after, vm->memory, saved->memory_size);
	part = kvm_vcpu_part(&after, vcpu);
	if (new && vm->vcpus > 1) {
		drop_clock(&part);
		drop_clock(saved);
	}
	oracle_compare(oracle, saved, &part, report);
	kvm_vcpu_part_free(&part);
	snapshot_free(&after);
}

static void in_place(const struct kvm_vm *vm, unsigned vcpu, struct snapshot *saved,
		     const struct order *order, struct oracle_report *report)
{
	const struct kvm_fds fds = kvm_vcpu_fds(vm, vcpu);
	struct order own = *order;

	own.in_place = true;
	if (restore(IN_PLACE, &fds, saved, &own, report))
		compare_again(IN_PLACE, vm, vcpu, saved, report);
}

/* As if the new VM had been there for long. */
static int set_tsc_far(const struct kvm_fds *fds, struct err *e)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} tsc = {.head = {.nmsrs = 1}, .entry = {.index = HOST_MSR_IA32_TSC, .data = TSC_FAR}};

	if (ioctl(fds->vcpu, KVM_SET_MSRS, &tsc) == 1)
		return 0;
	return err_set(e, "KVM_SET_MSRS: cannot set IA32_TSC of a new VM");
}

/* Adds what was found of vCPU @vcpu, whose fields are told by its number from the second on. */
static void add_found(struct oracle_report *report, const struct oracle_report *found,
		      unsigned vcpu)
{
	for (unsigned i = 0; i < found->findings; i++) {
		const struct oracle_finding *f = &found->finding[i];
		char field[ORACLE_FIELD_MAX + 16];

		snprintf(field, sizeof(field), "%s%s", vcpu ? VCPU1_PREFIX : "", f->field);
		oracle_add(report, f->oracle, field, "%s", f->text);
	}
	report->more += found->more;
}

/* All vCPUs are restored, then each is compared; the memory with the first. */
static int fill_and_compare(struct kvm_vm *vm, const struct snapshot *saved,
			    const struct order *order, struct oracle_report *report, struct err *e)
{
	bool whole[KVM_VCPUS_MAX] = {false};
	int ret = 0;

	for (unsigned i = 0; !ret && i < vm->vcpus; i++) {
		const struct kvm_fds fds = kvm_vcpu_fds(vm, i);
		struct snapshot part = kvm_vcpu_part(saved, i);
		struct oracle_report found = {0};

		ret = set_tsc_far(&fds, e);
		whole[i] = !ret && restore(NEW_VM, &fds, &part, order, &found);
		add_found(report, &found, i);
		kvm_vcpu_part_free(&part);
	}
	for (unsigned i = 0; !ret && i < vm->vcpus; i++) {
		struct snapshot part = kvm_vcpu_part(saved, i);
		struct oracle_report found = {0};

		if (whole[i])
			compare_again(NEW_VM, vm, i, &part, &found);
		add_found(report, &found, i);
		kvm_vcpu_part_free(&part);
	}
	return ret;
}

static int new_vm(const struct kvm_vm *old, const struct snapshot *saved, const struct order *order,
		  struct oracle_report *report, struct err *e)
{
	struct kvm_vm vm;
	int ret = 0;

	if (kvm_vm_create(&vm, saved->memory_size, true, e))
		return -1;
	while (!ret && vm.vcpus < old->vcpus)
		ret = kvm_vm_add_vcpu(&vm, true, e);
	vm.fds.saving = old->fds.saving;
	kvm_memory_restore(saved, vm.memory);
	if (!ret)
		ret = fill_and_compare(&vm, saved, order, report, e);
	kvm_vm_end(&vm);
	return ret;
}

/* KVM_GET_NESTED_STATE with a buffer of @size bytes. Its errno, and in *@told the size it says. */
static int get_nested(const struct kvm_fds *fds, uint32_t size, uint32_t *told)
{
	auto_guarded uint8_t *state = guarded_alloc(size);
	uint8_t *at = state + offsetof(struct kvm_nested_state, size);
	int error;

	memcpy(at, &size, sizeof(size));
	error = ioctl(fds->vcpu, KVM_GET_NESTED_STATE, state) ? errno : 0;
	memcpy(told, at, sizeof(*told));
	return error;
}

/* The size that KVM_GET_NESTED_STATE returns is the size that it needs, no byte more or less. */
static void buffer_size(const struct kvm_fds *fds, const struct snapshot *saved,
			struct oracle_report *report)
{
	const struct snapshot_section *section = snapshot_find(saved, "NESTED_STATE");
	uint32_t size = section ? (uint32_t)section->len : 0, told;
	int error;

	if (size < sizeof(struct kvm_nested_state))
		return;
	error = get_nested(fds, size, &told);
	if (error || told != size)
		oracle_add(report, BUFFER_SIZE, "KVM_GET_NESTED_STATE",
			   "said that it needs %u bytes; with these: %s, size %u", size,
			   strerror(error), told);
	error = get_nested(fds, size - 1, &told);
	if (error != E2BIG || told != size)
		oracle_add(report, BUFFER_SIZE, "KVM_GET_NESTED_STATE",
			   "needs %u bytes; with one less: %s, size %u", size, strerror(error),
			   told);
}

int oracle_run(const struct kvm_vm *vm, const struct snapshot *saved, const struct order *order,
	       struct oracle_report *report, struct err *e)
{
	struct order exact = *order;

	/* The old form cannot say all that was saved. */
	for (unsigned i = 0; i < exact.steps; i++)
		if (!strcmp(exact.step[i], "CPUID"))
			snprintf(exact.step[i], sizeof(exact.step[i]), "CPUID2");
	for (unsigned i = 0; i < vm->vcpus; i++) {
		const struct kvm_fds fds = kvm_vcpu_fds(vm, i);
		struct snapshot part = kvm_vcpu_part(saved, i);
		struct oracle_report found = {0};

		buffer_size(&fds, &part, &found);
		in_place(vm, i, &part, &exact, &found);
		add_found(report, &found, i);
		kvm_vcpu_part_free(&part);
	}
	return new_vm(vm, saved, &exact, report, e);
}
