/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices of the small VMM, all of them ports: COM1, the exits, what a guest asks QEMU's
 * firmware configuration for. The caller's lock covers them.
 */
#ifndef HOST_KVM_KVM_PORTS_H
#define HOST_KVM_KVM_PORTS_H

#include "host/kvm/uart.h"
#include "host/vmm/driver.h"

#include <linux/kvm.h>

/* Accesses that no device answers, each told once; they read as ones. */
#define UNANSWERED_MAX 16
struct unanswered {
	uint64_t at[UNANSWERED_MAX]; /* port, or guest-physical address */
	bool mmio[UNANSWERED_MAX];
	unsigned count;
};

/* All that is saved of them. */
struct ports {
	struct uart uart;
	struct fw_cfg {
		uint16_t selector;
		uint16_t offset; /* of the next byte of the selected item */
	} fw_cfg;
	uint32_t irq_lines; /* which inputs of the IOAPIC and the PICs are high, by the test device
			     */
};

/* What the devices tell of the VM. */
struct ports_facts {
	const uint8_t *memory;
	uint64_t memory_size;
	unsigned vcpus;
	int vm_fd;
};

/*
 * What @run, which was left for KVM_EXIT_IO, asks for: appends to @sent what COM1 sent. True if
 * the guest has ended, by which @end is filled.
 */
bool kvm_ports_io(struct ports *ports, const struct ports_facts *facts, struct kvm_run *run,
		  struct unanswered *none, struct buf *sent, struct vm_end *end);

/* Adds them to @s, a section each; but for COM1 only if the guest has touched them. */
void kvm_ports_save(const struct ports *ports, struct snapshot *s);
/* And back, as far as @s has them. */
void kvm_ports_load(struct ports *ports, const struct snapshot *s);

/* Sets the lines of a restored VM as they were. */
void kvm_ports_restore(const struct ports *ports, int vm_fd);

/* Notes an access that nobody answers. */
void kvm_ports_unanswered(struct unanswered *none, uint64_t at, bool mmio);

/* "serial port", or its number. */
void kvm_ports_text(uint16_t port, char *text, size_t size);

#endif
