// SPDX-License-Identifier: BSD-2-Clause
// What a scenario has the host do to a VM: events to the vCPU, changes of its memory.
#include "host/kvm/kvm_vm.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define DELIVERY_INIT (5u << 8) /* of an interrupt message */
#define DELIVERY_SIPI (6u << 8)
#define VECTOR_UD     6
#define PAGE	      4096u

/* KVM_GET_VCPU_EVENTS turns the queued NMI into a pending one, as any VMM's next save does. */
static int nmi(const struct kvm_vm *vm, struct err *e)
{
	struct kvm_vcpu_events events;

	return ioctl(vm->fds.vcpu, KVM_NMI, 0) || ioctl(vm->fds.vcpu, KVM_GET_VCPU_EVENTS, &events)
		       ? err_errno(e, "KVM_NMI")
		       : 0;
}

/* SDM, "Exception Error Code" of each exception: #DF, #TS, #NP, #SS, #GP, #PF, #AC. */
#define WITH_ERROR_CODE (1u << 8 | 0x1fu << 10 | 1u << 17)

static int exception(const struct kvm_vm *vm, uint8_t vector, struct err *e)
{
	struct kvm_vcpu_events events;

	if (ioctl(vm->fds.vcpu, KVM_GET_VCPU_EVENTS, &events))
		return err_errno(e, "KVM_GET_VCPU_EVENTS");
	events.exception.pending = 1;
	events.exception.injected = 0;
	events.exception.nr = vector;
	events.exception.has_error_code = vector < 32 && WITH_ERROR_CODE >> vector & 1;
	events.exception.error_code = 0;
	events.flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
	return ioctl(vm->fds.vcpu, KVM_SET_VCPU_EVENTS, &events)
		       ? err_errno(e, "KVM_SET_VCPU_EVENTS (pending exception)")
		       : 0;
}

/* The page's host memory goes and comes back with the same bytes, as swap and balloons do it. */
static int refill(struct kvm_vm *vm, uint64_t gpa, struct err *e)
{
	uint8_t copy[PAGE];

	if (!gpa || gpa % PAGE || gpa + PAGE > vm->memory_size)
		return err_set(e, "no page of guest memory at 0x%llx", (unsigned long long)gpa);
	memcpy(copy, vm->memory + gpa, PAGE);
	if (madvise(vm->memory + gpa, PAGE, MADV_DONTNEED))
		return err_errno(e, "madvise");
	memcpy(vm->memory + gpa, copy, PAGE);
	return 0;
}

static int move(struct kvm_vm *vm, struct err *e)
{
	uint8_t *from = vm->memory;
	uint8_t *to = mmap(NULL, vm->memory_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (to == MAP_FAILED)
		return err_errno(e, "guest memory");
	madvise(to, vm->memory_size, MADV_NOHUGEPAGE);
	if (kvm_vm_set_memory(vm, 0, e)) {
		munmap(to, vm->memory_size);
		return -1;
	}
	memcpy(to, from, vm->memory_size);
	vm->memory = to;
	munmap(from, vm->memory_size);
	return kvm_vm_set_memory(vm, vm->memory_size, e);
}

int kvm_act(struct kvm_vm *vm, const struct act_config *act, bool live, struct err *e)
{
	switch (act->act) {
	case ACT_IRQ:
		return kvm_vm_message(vm, act->vector, e);
	case ACT_INIT:
		return kvm_vm_message(vm, DELIVERY_INIT, e);
	case ACT_SIPI:
		return kvm_vm_message(vm, DELIVERY_SIPI | act->vector, e);
	case ACT_POST:
		return kvm_vm_post(vm, act->pi_desc, act->vector, act->notification, e);
	default:
		break;
	}
	if (live)
		return err_set(e, "this act needs a vCPU that stands still");
	switch (act->act) {
	case ACT_NMI:
		return nmi(vm, e);
	case ACT_SMI:
		return ioctl(vm->fds.vcpu, KVM_SMI, 0) ? err_errno(e, "KVM_SMI") : 0;
	case ACT_EXCEPTION:
		return exception(vm, act->vector ?: VECTOR_UD, e);
	case ACT_REFILL:
		return refill(vm, act->page, e);
	case ACT_MOVE:
		return move(vm, e);
	default:
		return 0;
	}
}
