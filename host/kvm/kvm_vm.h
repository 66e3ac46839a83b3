/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM on /dev/kvm itself: memory, devices, vCPUs, what happens at an exit. No threads, but
 * kvm_end.c. */
#ifndef HOST_KVM_KVM_VM_H
#define HOST_KVM_KVM_VM_H

#include "host/vmm/driver.h"
#include "host/kvm/kvm_state.h"
#include "host/kvm/kvm_ports.h"
#include "host/snapshot/oracle.h"

#include <linux/kvm.h>

#define KVM_VCPUS_MAX 2

struct kvm_vcpu {
	int fd;	   /* -1: not there */
	int stats; /* -1: this KVM has none */
	struct kvm_run *run;
	uint64_t runs; /* KVM_RUNs so far */
};

struct kvm_vm {
	struct kvm_fds fds; /* of the VM and its first vCPU; -1: not there */
	struct kvm_vcpu vcpu[KVM_VCPUS_MAX];
	unsigned vcpus;
	size_t run_size;
	uint8_t *memory; /* private, anonymous, from guest-physical address 0 */
	uint64_t memory_size;
	struct ports ports;
	struct unanswered unanswered;
	struct kvm_coalesced_mmio_ring *gathered; /* what was sent since the last exit, or NULL */
};

/*
 * A fresh VM with @memory_size bytes of untouched memory, in-kernel irqchip and PIT, one vCPU.
 * CPUID is set unless @bare (a restore sets it, or kvm_vm_offer()). 0, or -1 with @e filled and
 * nothing left.
 */
int kvm_vm_create(struct kvm_vm *vm, uint64_t memory_size, bool bare, struct err *e);
/*
 * Enables the capabilities of kvm_caps.def, as kvm_vm_create() does, but takes back those that
 * @without names, with commas between (NULL: none).
 */
void kvm_vm_enable_caps(const struct kvm_vm *vm, const char *without);
bool kvm_vm_knows_cap(const char *name);

/* One more vCPU; its APIC ID is its number. 0, or -1 with @e filled. */
int kvm_vm_add_vcpu(struct kvm_vm *vm, bool bare, struct err *e);
void kvm_vm_destroy(struct kvm_vm *vm);
/* @vm has nothing any more, as if it were destroyed. */
void kvm_vm_forget(struct kvm_vm *vm);
/*
 * kvm_end.c: takes @vm over, to destroy it and remember which pages of its memory L0 keeps
 * (host/l0/l0_pages.h). That begins with kvm_vm_end_aside(), in a thread, or with the next
 * kvm_vm_end(), and is done behind kvm_vm_ended().
 */
void kvm_vm_end(struct kvm_vm *vm);
void kvm_vm_end_aside(void);
void kvm_vm_ended(void);
/*
 * Gives the vCPUs of a bare VM from @first on what KVM supports, as Hyper-V with enlightened VMCSs
 * if @hyperv, as far as this KVM has them: L1 tells what it misses; and no more than the hosts of
 * @like (NULL: this one) have. 0, or -1 with @e filled.
 */
int kvm_vm_offer(const struct kvm_vm *vm, unsigned first, bool hyperv, const struct snapshot *like,
		 struct err *e);

/*
 * Loads a multiboot image, with the file @module if that is not NULL, and sets the vCPU to its
 * entry with @cmdline. The memory is whole, above 1 MB and below 4 GB. 0, or -1 with @e filled.
 */
int kvm_vm_load(struct kvm_vm *vm, const char *image, const char *cmdline, const char *module,
		struct err *e);

/* What one KVM_RUN led to. */
enum vcpu_exit {
	VCPU_AGAIN,   /* handled, or interrupted by a signal: *@sent has what COM1 sent */
	VCPU_STEPPED, /* one instruction, as KVM_SET_GUEST_DEBUG asked for */
	VCPU_ENDED,   /* @end is filled */
};

/*
 * KVM_RUN, then what its exit asks for. With run->immediate_exit set it only completes what the
 * last exit left open. kvm_vm_enter returns 0 or an errno for kvm_vm_handle, which appends to @sent
 * what COM1 sent, and sets *@interrupted if KVM_RUN said EINTR. Only kvm_vm_handle touches
 * vm->ports.
 */
int kvm_vm_enter(struct kvm_vcpu *vcpu);
enum vcpu_exit kvm_vm_handle(struct kvm_vm *vm, const struct kvm_vcpu *vcpu, int error,
			     struct buf *sent, bool *interrupted, struct vm_end *end);

/* What KVM_RUN, which gave @error, came back for: KVM_EXIT_..., of an access to a port that port's
 * name or number. */
void kvm_exit_text(const struct kvm_run *run, int error, char *text, size_t size);

/*
 * (Re)creates the memory slots over vm->memory with @size bytes (0: removes them), one for each
 * address space: what SMM sees is another one, and KVM ends a VM that gets an SMI without it.
 * 0, or -1 with @e filled.
 */
int kvm_vm_set_memory(const struct kvm_vm *vm, uint64_t size, struct err *e);

/* Sends an interrupt message to vCPU @vcpu. 0, or -1 with @e filled. */
int kvm_vm_message(const struct kvm_vm *vm, unsigned vcpu, uint32_t data, struct err *e);

/* Lets kvm_vm_enter return EHWPOISON, where a poisoned page would end the process. */
void kvm_vm_catch_poison(void);

/* What a device does to post @vector: PIR, ON, notification. 0, or -1 with @e filled. */
int kvm_vm_post(struct kvm_vm *vm, uint64_t pi_desc, uint8_t vector, uint8_t notification,
		struct err *e);

/* Whether L2 is active by KVM's nested state of the first vCPU, which stands still; -1: cannot say.
 */
int kvm_vm_l2_active(const struct kvm_vm *vm);

/* kvm_state_save() of all vCPUs. 0, or -1 with @e filled. */
int kvm_vcpus_save(const struct kvm_vm *vm, struct snapshot *s, struct err *e);

/* What kvm_state.h needs for vCPU @vcpu of @vm. */
struct kvm_fds kvm_vcpu_fds(const struct kvm_vm *vm, unsigned vcpu);

/*
 * Does what a scenario has the host do beside saving and restoring it (acts.def). The vCPU stands
 * still, unless it is sent a message. 0, or -1 with @e filled.
 */
int kvm_act(struct kvm_vm *vm, const struct act_config *act, struct err *e);
bool kvm_act_is_message(enum act act);
/* ACT_IN_PLACE. 0, or another value with @e filled. */
int kvm_act_in_place(const struct kvm_fds *fds, const struct order *order, struct err *e);

/*
 * Makes @s's memory a copy of the @size bytes at @memory. Pages that @s holds from an earlier save
 * are used again.
 */
void kvm_memory_save(struct snapshot *s, const uint8_t *memory, uint64_t size);

/* Fills the untouched memory at @memory, which has @s->memory_size bytes. */
void kvm_memory_restore(const struct snapshot *s, uint8_t *memory);

/*
 * Runs `buffer size` and `in place` on each vCPU of the stopped @vm, from which @saved was just
 * taken, and `new VM` in a VM of its own, by @order (with KVM_SET_CPUID2 for KVM_SET_CPUID, which
 * cannot say all that was saved). @vm must not be run afterwards. Only sections of
 * @saved and its memory are read. 0, or -1 with @e: could not be run (a refused restore is a
 * finding, not an error).
 */
int oracle_run(const struct kvm_vm *vm, const struct snapshot *saved, const struct order *order,
	       struct oracle_report *report, struct err *e);

/* The statistic @name of the vCPU with descriptor @fd for them (KVM_GET_STATS_FD), at any time; -1
 * if this KVM does not have it or @fd is -1. */
int64_t kvm_stats_read(int fd, const char *name);

#endif
