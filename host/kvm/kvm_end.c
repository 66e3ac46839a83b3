// SPDX-License-Identifier: BSD-2-Clause
// Ends VMs aside. KVM takes longer to end one than to make one, and only waits most of that time,
// for grace periods of RCU. As after a migration, the old VM may be there for a while when the new
// one runs.
#include "host/kvm/kvm_vm.h"
#include "host/l0/l0_pages.h"

#include <pthread.h>

#define LARGE (64u << 20) /* memory that L0 may not have twice */

static struct {
	struct kvm_vm vm;
	bool there, threaded;
	pthread_t thread;
} ending;

static void *end(void *arg)
{
	struct kvm_vm *vm = arg;
	struct l0_pages *pages = l0_pages_of(vm->memory, vm->memory_size);

	kvm_vm_destroy(vm);
	l0_pages_gone(pages);
	return NULL;
}

void kvm_vm_ended(void)
{
	if (ending.threaded)
		pthread_join(ending.thread, NULL);
	else if (ending.there)
		end(&ending.vm);
	ending.there = ending.threaded = false;
}

void kvm_vm_end(struct kvm_vm *vm)
{
	kvm_vm_ended(); /* one at a time */
	ending.vm = *vm;
	ending.there = true;
	if (vm->memory_size > LARGE)
		kvm_vm_ended();
	kvm_vm_forget(vm);
}

void kvm_vm_end_aside(void)
{
	if (ending.there && !ending.threaded)
		ending.threaded = !pthread_create(&ending.thread, NULL, end, &ending.vm);
}
