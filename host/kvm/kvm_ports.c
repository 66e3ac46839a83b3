// SPDX-License-Identifier: BSD-2-Clause
// The ports of the small VMM: what L1 needs, and what foreign guests ask for that were written for
// QEMU's machines.
#include "host/kvm/kvm_ports.h"
#include "l2guest/layout.h"
#include "lib/text_io.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define KEYBOARD       0x64
#define KEYBOARD_RESET 0xfe
#define RESET_CONTROL  0xcf9
#define RESET_CPU      0x04
#define ACPI_SLEEP     0x2000 /* SLP_EN */
#define FW_CFG	       0x510  /* the selector; the data is one port on */
#define PCI_ADDRESS    0xcf8  /* to 0xcff: no function is there, which reads as ones */
#define PCI_PORTS      8
#define DELAY	       0x80
#define IRQ_LINE       0x2000 /* QEMU's pc-testdev: one port for each line */
#define IRQ_LINES      24

/* Keys of QEMU's docs/specs/fw_cfg. */
enum { FW_CFG_SIGNATURE, FW_CFG_ID, FW_CFG_RAM_SIZE = 3, FW_CFG_NB_CPUS = 5, FW_CFG_MAX_CPUS = 15 };

static const uint16_t acpi_ports[] = {0x604, 0xb004};
static const uint16_t debug_exits[] = {0xf4, 0x501}; /* of isa-debug-exit, as tests place it */

static bool is_one_of(const uint16_t *ports, size_t count, uint16_t port)
{
	for (size_t i = 0; i < count; i++)
		if (ports[i] == port)
			return true;
	return false;
}

static bool is_uart(uint16_t port)
{
	return port >= UART_BASE && port < UART_BASE + UART_PORTS;
}

static bool is_pci(uint16_t port)
{
	return port >= PCI_ADDRESS && port < PCI_ADDRESS + PCI_PORTS;
}

static bool ended(struct vm_end *end, int how, int64_t code, const char *text)
{
	end->how = (unsigned)how;
	end->code = code;
	snprintf(end->text, sizeof(end->text), "%s", text);
	return true;
}

static uint8_t fw_cfg_read(struct fw_cfg *f, const struct ports_facts *facts)
{
	uint8_t item[8] = {0};
	const uint64_t vcpus = facts->vcpus;

	switch (f->selector) {
	case FW_CFG_SIGNATURE:
		memcpy(item, "QEMU", 4);
		break;
	case FW_CFG_ID:
		item[0] = 1; /* by ports, no DMA */
		break;
	case FW_CFG_RAM_SIZE:
		memcpy(item, &facts->memory_size, sizeof(item));
		break;
	case FW_CFG_NB_CPUS:
	case FW_CFG_MAX_CPUS:
		memcpy(item, &vcpus, sizeof(item));
		break;
	}
	return f->offset < sizeof(item) ? item[f->offset++] : 0;
}

static const struct {
	const char *section;
	size_t at, size;
} saved[] = {
	{"UART", offsetof(struct ports, uart), sizeof(struct uart)},
	{"FW_CFG", offsetof(struct ports, fw_cfg), sizeof(struct fw_cfg)},
	{"IRQ_LINES", offsetof(struct ports, irq_lines), sizeof(uint32_t)},
};

void kvm_ports_save(const struct ports *ports, struct snapshot *s)
{
	static const struct ports untouched;

	for (size_t i = 0; i < ARRAY_SIZE(saved); i++) {
		const char *part = (const char *)ports + saved[i].at;

		if (!i || memcmp(part, (const char *)&untouched + saved[i].at, saved[i].size))
			snapshot_add(s, saved[i].section, part, saved[i].size);
	}
}

void kvm_ports_load(struct ports *ports, const struct snapshot *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(saved); i++) {
		const struct snapshot_section *section = snapshot_find(s, saved[i].section);

		if (section && section->len == saved[i].size)
			memcpy((char *)ports + saved[i].at, section->data, section->len);
	}
}

static void set_line(int vm_fd, uint32_t line, bool high)
{
	const struct kvm_irq_level level = {.irq = line, .level = high};

	ioctl(vm_fd, KVM_IRQ_LINE, &level);
}

void kvm_ports_restore(const struct ports *ports, int vm_fd)
{
	for (unsigned line = 0; line < IRQ_LINES; line++)
		if (ports->irq_lines & 1u << line)
			set_line(vm_fd, line, true);
}

/* The text that the struct text_io at guest-physical @at has, as far as the VM has such memory. */
static void text_out(const struct ports_facts *facts, uint32_t at, struct buf *sent)
{
	struct text_io text;

	if (at + (uint64_t)sizeof(text) > facts->memory_size)
		return;
	memcpy(&text, facts->memory + at, sizeof(text));
	if ((uint64_t)text.gpa + text.len <= facts->memory_size)
		buf_append(sent, facts->memory + text.gpa, text.len);
}

static bool port_out(struct ports *p, const struct ports_facts *facts, uint16_t port,
		     uint32_t value, struct unanswered *none, struct buf *sent, struct vm_end *end)
{
	uint8_t byte;

	if (is_uart(port)) {
		if (uart_write(&p->uart, port - UART_BASE, (uint8_t)value, &byte))
			buf_append(sent, &byte, 1);
		return false;
	}
	if (port == TEXT_IO_PORT) {
		text_out(facts, value, sent);
		return false;
	}
	if (port == FW_CFG) {
		p->fw_cfg = (struct fw_cfg){.selector = (uint16_t)value};
		return false;
	}
	if (port >= IRQ_LINE && port < IRQ_LINE + IRQ_LINES) {
		const uint32_t bit = 1u << (port - IRQ_LINE);

		p->irq_lines = value ? p->irq_lines | bit : p->irq_lines & ~bit;
		set_line(facts->vm_fd, port - IRQ_LINE, value);
		return false;
	}
	if (is_one_of(debug_exits, ARRAY_SIZE(debug_exits), port))
		return ended(end, END_ORDERLY, value, "the guest wrote to the debug-exit port");
	if ((port == KEYBOARD && value == KEYBOARD_RESET) ||
	    (port == RESET_CONTROL && value & RESET_CPU))
		return ended(end, END_RESET, -1, "the guest pulsed the reset line");
	if (is_one_of(acpi_ports, ARRAY_SIZE(acpi_ports), port)) {
		if (value & ACPI_SLEEP)
			return ended(end, END_ORDERLY, -1, "the guest powered the VM off");
		return false;
	}
	if (port != FREEZE_IO_PORT && port != KEYBOARD && port != DELAY && !is_pci(port))
		kvm_ports_unanswered(none, port, false);
	return false;
}

static uint32_t port_in(struct ports *p, const struct ports_facts *facts, uint16_t port,
			struct unanswered *none)
{
	if (is_uart(port))
		return uart_read(&p->uart, port - UART_BASE);
	if (port == FREEZE_IO_PORT)
		return FREEZE_IO_BYTE;
	if (port == TEXT_IO_PORT)
		return TEXT_IO_THERE;
	if (port == FW_CFG + 1)
		return fw_cfg_read(&p->fw_cfg, facts);
	if (port != DELAY && !is_pci(port))
		kvm_ports_unanswered(none, port, false);
	return 0xffffffff;
}

bool kvm_ports_io(struct ports *ports, const struct ports_facts *facts, struct kvm_run *run,
		  struct unanswered *none, struct buf *sent, struct vm_end *end)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	const unsigned size = run->io.size;

	for (unsigned i = 0; i < run->io.count; i++, data += size) {
		uint32_t value = 0;

		if (run->io.direction == KVM_EXIT_IO_OUT) {
			memcpy(&value, data, size);
			if (port_out(ports, facts, run->io.port, value, none, sent, end))
				return true;
			continue;
		}
		value = port_in(ports, facts, run->io.port, none);
		memcpy(data, &value, size);
	}
	return false;
}

void kvm_ports_unanswered(struct unanswered *none, uint64_t at, bool mmio)
{
	for (unsigned i = 0; i < none->count; i++)
		if (none->at[i] == at && none->mmio[i] == mmio)
			return;
	if (none->count == UNANSWERED_MAX)
		return;
	none->at[none->count] = at;
	none->mmio[none->count++] = mmio;
}

void kvm_ports_text(uint16_t port, char *text, size_t size)
{
	if (is_uart(port) || port == TEXT_IO_PORT)
		snprintf(text, size, "serial port");
	else if (port == FREEZE_IO_PORT)
		snprintf(text, size, "freeze point");
	else
		snprintf(text, size, "port 0x%x", port);
}
