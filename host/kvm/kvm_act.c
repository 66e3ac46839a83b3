// SPDX-License-Identifier: BSD-2-Clause
// What a scenario has the host do to a VM: events to the vCPU, changes of its memory.
#include "host/kvm/kvm_vm.h"
#include "l2guest/layout.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define DELIVERY_INIT (5u << 8) /* of an interrupt message */
#define DELIVERY_SIPI (6u << 8)
#define VECTOR_DB     1
#define VECTOR_UD     6
#define DR6_BS	      (1u << 14)
#define PAGE	      4096u

/* KVM_GET_VCPU_EVENTS turns the queued NMI into a pending one, as any VMM's next save does. */
static int nmi(int vcpu, struct err *e)
{
	struct kvm_vcpu_events events;

	return ioctl(vcpu, KVM_NMI, 0) || ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events)
		       ? err_errno(e, "KVM_NMI")
		       : 0;
}

/* SDM, "Exception Error Code" of each exception: #DF, #TS, #NP, #SS, #GP, #PF, #AC. */
#define WITH_ERROR_CODE (1u << 8 | 0x1fu << 10 | 1u << 17)

/* @payload: what DR6 or CR2 gets with it; 0: none. */
static int exception(int vcpu, uint8_t vector, uint64_t payload, struct err *e)
{
	struct kvm_vcpu_events events;

	if (ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events))
		return err_errno(e, "KVM_GET_VCPU_EVENTS");
	events.exception.pending = 1;
	events.exception.injected = 0;
	events.exception.nr = vector;
	events.exception.has_error_code = vector < 32 && WITH_ERROR_CODE >> vector & 1;
	events.exception.error_code = 0;
	events.exception_has_payload = payload != 0;
	events.exception_payload = payload;
	events.flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
	return ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events)
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

/* Debugging that blocks interrupts is one of the reasons for which KVM inhibits APICv. */
static int inhibit_apicv(int vcpu, bool on, struct err *e)
{
	struct kvm_guest_debug debug = {.control = on ? KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_BLOCKIRQ
						      : 0};

	return ioctl(vcpu, KVM_SET_GUEST_DEBUG, &debug) ? err_errno(e, "KVM_SET_GUEST_DEBUG") : 0;
}

static int intercept(struct kvm_vm *vm, uint64_t bitmap, struct err *e)
{
	if (!bitmap || bitmap % PAGE || bitmap + PAGE > vm->memory_size)
		return err_set(e, "no I/O bitmap in guest memory at 0x%llx",
			       (unsigned long long)bitmap);
	vm->memory[bitmap + FREEZE_IO_PORT / 8] |= 1u << FREEZE_IO_PORT % 8;
	return 0;
}

int kvm_act_in_place(const struct kvm_fds *fds, const struct order *order, struct err *e)
{
	struct order own = *order;
	struct snapshot now = {0};
	int ret = kvm_state_save(fds, &now, e);

	own.in_place = true;
	for (unsigned i = 0; !ret && i < own.steps; i++)
		ret = kvm_state_restore_step(fds, &now, &own, i, e);
	snapshot_free(&now);
	return ret;
}

bool kvm_act_is_message(enum act act)
{
	return act == ACT_IRQ || act == ACT_INIT || act == ACT_SIPI || act == ACT_POST;
}

int kvm_act(struct kvm_vm *vm, const struct act_config *act, struct err *e)
{
	const int vcpu = vm->vcpu[act->vcpu].fd;

	switch (act->act) {
	case ACT_IRQ:
		return kvm_vm_message(vm, act->vcpu, act->vector, e);
	case ACT_INIT:
		return kvm_vm_message(vm, act->vcpu, DELIVERY_INIT, e);
	case ACT_SIPI:
		return kvm_vm_message(vm, act->vcpu, DELIVERY_SIPI | act->vector, e);
	case ACT_POST:
		return kvm_vm_post(vm, act->pi_desc, act->vector, act->notification, e);
	case ACT_NMI:
		return nmi(vcpu, e);
	case ACT_SMI:
		return ioctl(vcpu, KVM_SMI, 0) ? err_errno(e, "KVM_SMI") : 0;
	case ACT_EXCEPTION:
		return exception(vcpu, act->vector && act->vector < 32 ? act->vector : VECTOR_UD, 0,
				 e);
	case ACT_DB:
		return exception(vcpu, VECTOR_DB, DR6_BS, e);
	case ACT_APICV_OFF:
	case ACT_APICV_ON:
		return inhibit_apicv(vcpu, act->act == ACT_APICV_OFF, e);
	case ACT_INTERCEPT:
		return intercept(vm, act->page, e);
	case ACT_REFILL:
		return refill(vm, act->page, e);
	case ACT_MOVE:
		return move(vm, e);
	default:
		return 0;
	}
}
