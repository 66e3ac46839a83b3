// SPDX-License-Identifier: BSD-2-Clause
// A small VMM: just what L1 needs, so that nothing stands between an experiment and KVM.
#include "host/kvm/kvm_vm.h"
#include "host/base/cleanup.h"
#include "host/kvm/kvm_crash.h"
#include "host/kvm/kvm_hyperv.h"
#include "host/kvm/kvm_offers.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define PAGE_SIZE   SNAPSHOT_PAGE /* linux/kvm.h asks for it */
#define TSS_ADDRESS 0xfffbd000 /* three pages that KVM wants on CPUs without unrestricted guest */
#define CPUID_MAX   256
#define MSI_ADDRESS 0xfee00000 /* local APIC 0, physical destination */
#define MSI_VCPU    12	       /* where the APIC ID stands in it */
#define PI_ON	    1u
#define PI_CONTROL  32 /* offset in the posted-interrupt descriptor */

static int set_cpuid(const struct kvm_vm *vm, unsigned vcpu, bool hyperv,
		     const struct snapshot *like, struct err *e)
{
	auto_free struct kvm_cpuid2 *cpuid =
		xcalloc(1, sizeof(*cpuid) + CPUID_MAX * sizeof(cpuid->entries[0]));
	bool deadline = ioctl(vm->fds.kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;

	cpuid->nent = CPUID_MAX;
	if (ioctl(vm->fds.kvm, KVM_GET_SUPPORTED_CPUID, cpuid))
		return err_errno(e, "KVM_GET_SUPPORTED_CPUID");
	if (hyperv && kvm_hyperv_cpuid(vm->fds.kvm, cpuid, CPUID_MAX, e))
		return -1;
	if (like)
		kvm_offers_cpuid(like, cpuid);
	for (unsigned i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *c = &cpuid->entries[i];

		if (c->function == 1) {
			c->ecx |= 1u << 31; /* a hypervisor is there */
			if (deadline)
				c->ecx |= 1u << 24; /* KVM leaves it to us to say so */
			c->ebx = (c->ebx & 0x00ffffff) | vcpu << 24; /* APIC ID */
		} else if (c->function == 0xb || c->function == 0x1f) {
			c->edx = vcpu; /* x2APIC ID */
		}
	}
	return ioctl(vm->vcpu[vcpu].fd, KVM_SET_CPUID2, cpuid) ? err_errno(e, "KVM_SET_CPUID2") : 0;
}

int kvm_vm_offer(const struct kvm_vm *vm, unsigned first, bool hyperv, const struct snapshot *like,
		 struct err *e)
{
	for (unsigned i = first; i < vm->vcpus; i++) {
		const int fd = vm->vcpu[i].fd;

		if ((hyperv && kvm_hyperv_enable_evmcs(fd, e)) ||
		    set_cpuid(vm, i, hyperv, like, e) || (like && kvm_offers_set_vmx(like, fd, e)))
			return -1;
	}
	return 0;
}

int kvm_vm_set_memory(const struct kvm_vm *vm, uint64_t size, struct err *e)
{
	int spaces = ioctl(vm->fds.vm, KVM_CHECK_EXTENSION, KVM_CAP_MULTI_ADDRESS_SPACE);

	for (int i = 0; i == 0 || i < spaces; i++) {
		struct kvm_userspace_memory_region region = {
			.slot = (uint32_t)i << 16,
			.memory_size = size,
			.userspace_addr = (uint64_t)(uintptr_t)vm->memory};

		if (ioctl(vm->fds.vm, KVM_SET_USER_MEMORY_REGION, &region))
			return err_errno(e, "KVM_SET_USER_MEMORY_REGION");
	}
	return 0;
}

static const struct {
	const char *name;
	uint32_t cap;
} event_caps[] = {
#define C(name, cap) {name, cap},
#include "host/kvm/kvm_caps.def"
#undef C
};

/* A KVM that has not one of them goes on without. */
void kvm_vm_enable_caps(const struct kvm_vm *vm, const char *without)
{
	for (unsigned i = 0; i < ARRAY_SIZE(event_caps); i++) {
		struct kvm_enable_cap cap = {
			.cap = event_caps[i].cap,
			.args = {!without || !word_in(without, ',', event_caps[i].name)}};

		ioctl(vm->fds.vm, KVM_ENABLE_CAP, &cap);
	}
}

bool kvm_vm_knows_cap(const char *name)
{
	return table_find(event_caps, name, name);
}

int kvm_vm_add_vcpu(struct kvm_vm *vm, bool bare, struct err *e)
{
	unsigned n = vm->vcpus++;
	struct kvm_vcpu *vcpu = &vm->vcpu[n];

	vcpu->fd = ioctl(vm->fds.vm, KVM_CREATE_VCPU, n);
	if (vcpu->fd < 0)
		return err_errno(e, "KVM_CREATE_VCPU");
	vcpu->run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED) {
		vcpu->run = NULL;
		return err_errno(e, "mmap of the vCPU");
	}
	vcpu->stats = ioctl(vcpu->fd, KVM_GET_STATS_FD, NULL);
	return bare ? 0 : set_cpuid(vm, n, false, NULL, e);
}

/*
 * Bytes that the guest sends come with its next exit to us, as its polling of the line's status:
 * an exit for each would be half the time of a flight. A KVM that cannot goes on without.
 */
static void gather_writes(struct kvm_vm *vm)
{
	const struct kvm_coalesced_mmio_zone data = {.addr = UART_BASE, .size = 1, .pio = 1};
	const int page = ioctl(vm->fds.vm, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO);

	if (page > 0 && ioctl(vm->fds.vm, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_PIO) > 0 &&
	    !ioctl(vm->fds.vm, KVM_REGISTER_COALESCED_MMIO, &data))
		vm->gathered = (void *)((uint8_t *)vm->vcpu[0].run + page * PAGE_SIZE);
}

static int create(struct kvm_vm *vm, bool bare, struct err *e)
{
	struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
	int size, ret;

	vm->memory = mmap(NULL, vm->memory_size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (vm->memory == MAP_FAILED) {
		vm->memory = NULL;
		return err_errno(e, "guest memory");
	}
	/* Huge pages would let one fetched page stand for 512. */
	madvise(vm->memory, vm->memory_size, MADV_NOHUGEPAGE);
	vm->fds.kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->fds.kvm < 0)
		return err_errno(e, "/dev/kvm");
	vm->fds.vm = ioctl(vm->fds.kvm, KVM_CREATE_VM, 0);
	if (vm->fds.vm < 0)
		return err_errno(e, "KVM_CREATE_VM");
	if (ioctl(vm->fds.vm, KVM_SET_TSS_ADDR, TSS_ADDRESS))
		return err_errno(e, "KVM_SET_TSS_ADDR");
	if (ioctl(vm->fds.vm, KVM_CREATE_IRQCHIP, 0))
		return err_errno(e, "KVM_CREATE_IRQCHIP");
	if (ioctl(vm->fds.vm, KVM_CREATE_PIT2, &pit))
		return err_errno(e, "KVM_CREATE_PIT2");
	if (kvm_vm_set_memory(vm, vm->memory_size, e))
		return -1;
	kvm_vm_enable_caps(vm, NULL);
	size = ioctl(vm->fds.kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(*vm->vcpu[0].run))
		return err_errno(e, "KVM_GET_VCPU_MMAP_SIZE");
	vm->run_size = (size_t)size;
	ret = kvm_vm_add_vcpu(vm, bare, e);
	vm->fds.vcpu = vm->vcpu[0].fd;
	if (!ret)
		gather_writes(vm);
	return ret;
}

void kvm_vm_forget(struct kvm_vm *vm)
{
	vm->memory = NULL;
	vm->gathered = NULL;
	vm->fds = (struct kvm_fds){-1, -1, -1, NULL};
	vm->vcpus = 0;
	for (unsigned i = 0; i < KVM_VCPUS_MAX; i++)
		vm->vcpu[i] = (struct kvm_vcpu){.fd = -1, .stats = -1};
}

int kvm_vm_create(struct kvm_vm *vm, uint64_t memory_size, bool bare, struct err *e)
{
	memset(vm, 0, sizeof(*vm));
	kvm_vm_forget(vm);
	vm->memory_size = memory_size;
	if (!create(vm, bare, e))
		return 0;
	kvm_vm_destroy(vm);
	return -1;
}

void kvm_vm_destroy(struct kvm_vm *vm)
{
	for (unsigned i = 0; i < vm->vcpus; i++) {
		if (vm->vcpu[i].run)
			munmap(vm->vcpu[i].run, vm->run_size);
		close_fd(&vm->vcpu[i].stats);
		close_fd(&vm->vcpu[i].fd);
	}
	close_fd(&vm->fds.vm);
	close_fd(&vm->fds.kvm);
	if (vm->memory)
		munmap(vm->memory, vm->memory_size);
	kvm_vm_forget(vm);
}

/* ---- exits -------------------------------------------------------------------------------- */

static enum vcpu_exit ended(struct vm_end *end, int how, const char *text)
{
	end->how = (unsigned)how;
	end->code = -1;
	snprintf(end->text, sizeof(end->text), "%s", text);
	return VCPU_ENDED;
}

/* What COM1 was sent before this exit. */
static void take_gathered(struct kvm_vm *vm, struct buf *sent)
{
	struct kvm_coalesced_mmio_ring *ring = vm->gathered;
	uint32_t last = ring ? __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE) : 0;
	uint8_t byte;

	while (ring && ring->first != last) {
		if (uart_write(&vm->ports.uart, 0, ring->coalesced_mmio[ring->first].data[0],
			       &byte))
			buf_append(sent, &byte, 1);
		__atomic_store_n(&ring->first, (ring->first + 1) % KVM_COALESCED_MMIO_MAX,
				 __ATOMIC_RELEASE);
	}
}

static enum vcpu_exit handle_io(struct kvm_vm *vm, struct kvm_run *run, struct buf *sent,
				struct vm_end *end)
{
	const struct ports_facts facts = {vm->memory, vm->memory_size, vm->vcpus, vm->fds.vm};

	return kvm_ports_io(&vm->ports, &facts, run, &vm->unanswered, sent, end) ? VCPU_ENDED
										 : VCPU_AGAIN;
}

static int l2_active(const struct kvm_vm *vm, int vcpu)
{
	auto_free struct kvm_nested_state *state = NULL;
	int size = ioctl(vm->fds.vm, KVM_CHECK_EXTENSION, KVM_CAP_NESTED_STATE);

	if (size <= 0)
		return -1;
	state = xcalloc(1, (size_t)size);
	state->size = (uint32_t)size;
	return ioctl(vcpu, KVM_GET_NESTED_STATE, state)
		       ? -1
		       : !!(state->flags & KVM_STATE_NESTED_GUEST_MODE);
}

int kvm_vm_l2_active(const struct kvm_vm *vm)
{
	return l2_active(vm, vm->fds.vcpu);
}

static void internal_error(const struct kvm_vm *vm, const struct kvm_vcpu *vcpu, char *text,
			   size_t size)
{
	struct kvm_regs regs = {0};
	auto_buf struct buf why = {0};

	ioctl(vcpu->fd, KVM_GET_REGS, &regs);
	kvm_crash_internal(vcpu->run, &why);
	snprintf(text, size, "%s; rip 0x%llx, L2 %s", why.p, (unsigned long long)regs.rip,
		 l2_active(vm, vcpu->fd) == 1 ? "active" : "not active");
}

/*
 * KVM reports a guest access to a poisoned page by a SIGBUS to the vCPU's thread. Any other SIGBUS
 * is one of ours, and fatal.
 */
static __thread volatile sig_atomic_t running, poisoned;

static void on_sigbus(int number)
{
	if (running)
		poisoned = 1;
	else
		signal(number, SIG_DFL);
}

void kvm_vm_catch_poison(void)
{
	struct sigaction action = {.sa_handler = on_sigbus};

	sigaction(SIGBUS, &action, NULL);
}

int kvm_vm_enter(struct kvm_vcpu *vcpu)
{
	int error;

	poisoned = 0;
	running = 1;
	vcpu->runs++;
	error = ioctl(vcpu->fd, KVM_RUN, 0) ? errno : 0;
	running = 0;
	return poisoned ? EHWPOISON : error;
}

void kvm_exit_text(const struct kvm_run *run, int error, char *text, size_t size)
{
#define E(name) [KVM_EXIT_##name] = "KVM_EXIT_" #name
	static const char *const names[] = {E(UNKNOWN),
					    E(EXCEPTION),
					    E(IO),
					    E(DEBUG),
					    E(HLT),
					    E(MMIO),
					    E(IRQ_WINDOW_OPEN),
					    E(SHUTDOWN),
					    E(FAIL_ENTRY),
					    E(INTR),
					    E(SET_TPR),
					    E(TPR_ACCESS),
					    E(NMI),
					    E(INTERNAL_ERROR),
					    E(SYSTEM_EVENT),
					    E(X86_BUS_LOCK),
					    E(NOTIFY)};
#undef E
	const unsigned reason = run->exit_reason;
	const char *name = reason < ARRAY_SIZE(names) ? names[reason] : NULL;

	if (error)
		snprintf(text, size, "%s", error == EINTR ? "interrupted" : strerror(error));
	else if (reason == KVM_EXIT_IO)
		kvm_ports_text(run->io.port, text, size);
	else if (name)
		snprintf(text, size, "%s", name);
	else
		snprintf(text, size, "KVM exit %u", reason);
}

int kvm_vm_message(const struct kvm_vm *vm, unsigned vcpu, uint32_t data, struct err *e)
{
	struct kvm_msi msi = {.address_lo = MSI_ADDRESS | vcpu << MSI_VCPU, .data = data};

	int ret = ioctl(vm->fds.vm, KVM_SIGNAL_MSI, &msi);

	if (ret > 0)
		return 0;
	if (ret < 0)
		return err_errno(e, "KVM_SIGNAL_MSI");
	return err_set(e, "KVM_SIGNAL_MSI: the local APIC did not take the message");
}

int kvm_vm_post(struct kvm_vm *vm, uint64_t pi_desc, uint8_t vector, uint8_t notification,
		struct err *e)
{
	uint32_t *pir = (uint32_t *)(vm->memory + pi_desc) + vector / 32;

	if (!pi_desc || pi_desc % 64 || pi_desc + 64 > vm->memory_size)
		return err_set(e, "no posted-interrupt descriptor at 0x%llx",
			       (unsigned long long)pi_desc);
	__atomic_fetch_or(pir, 1u << vector % 32, __ATOMIC_SEQ_CST);
	__atomic_fetch_or((uint32_t *)(vm->memory + pi_desc + PI_CONTROL), PI_ON, __ATOMIC_SEQ_CST);
	return kvm_vm_message(vm, 0, notification, e);
}

enum vcpu_exit kvm_vm_handle(struct kvm_vm *vm, const struct kvm_vcpu *vcpu, int error,
			     struct buf *sent, bool *interrupted, struct vm_end *end)
{
	struct kvm_run *run = vcpu->run;
	char text[VM_END_TEXT];
	auto_buf struct buf why = {0};

	take_gathered(vm, sent);
	*interrupted = error == EINTR || error == EAGAIN;
	if (*interrupted)
		return VCPU_AGAIN;
	if (error) {
		snprintf(text, sizeof(text), "KVM_RUN: %s (exit reason %u)", strerror(error),
			 run->exit_reason);
		return ended(end, END_CRASH, text);
	}
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		return handle_io(vm, run, sent, end);
	case KVM_EXIT_MMIO: /* nothing is there: reads give ones */
		kvm_ports_unanswered(&vm->unanswered, run->mmio.phys_addr, true);
		memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
		return VCPU_AGAIN;
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_INTR:
		return VCPU_AGAIN;
	case KVM_EXIT_DEBUG:
		return VCPU_STEPPED;
	case KVM_EXIT_SHUTDOWN:
		end->fault = true;
		return ended(end, END_RESET, "triple fault (KVM_EXIT_SHUTDOWN)");
	case KVM_EXIT_FAIL_ENTRY:
		kvm_crash_entry(run->fail_entry.hardware_entry_failure_reason, &why);
		snprintf(text, sizeof(text), "%s", why.p);
		return ended(end, END_CRASH, text);
	case KVM_EXIT_INTERNAL_ERROR:
		internal_error(vm, vcpu, text, sizeof(text));
		return ended(end, END_CRASH, text);
	}
	snprintf(text, sizeof(text), "KVM exit %u, which this driver does not handle",
		 run->exit_reason);
	return ended(end, END_CRASH, text);
}
