/* SPDX-License-Identifier: BSD-2-Clause */
/* COM1. Without the line-control set-up a real 16550 (and a faithful emulator) sends 5-bit bytes.
 */
#include "lib/uart.h"
#include "lib/cpu.h"
#include "lib/page.h"
#include "lib/text_io.h"

#include <stdbool.h>

#define COM1 0x3f8

enum { UART_DATA, UART_IER, UART_FCR, UART_LCR, UART_MCR, UART_LSR };
enum { UART_DLL = UART_DATA, UART_DLM = UART_IER, UART_IIR = UART_FCR };

#define LCR_8N1	  0x03
#define LCR_DLAB  0x80
#define FCR_INIT  0x07 /* FIFOs on and cleared */
#define IIR_FIFO  0xc0 /* the FIFOs work */
#define MCR_READY 0x03 /* DTR, RTS */
#define LSR_DR	  UART_RECEIVED
#define LSR_THRE  0x20 /* transmitter holding register empty */
#define LSR_TEMT  0x40 /* transmitter empty */

#define FIFO_DEPTH 16

static size_t burst = 1;
static bool at_once; /* by TEXT_IO_PORT */

void uart_init(void)
{
	at_once = inl(TEXT_IO_PORT) == TEXT_IO_THERE;
	outb(COM1 + UART_IER, 0);
	outb(COM1 + UART_LCR, LCR_8N1 | LCR_DLAB);
	outb(COM1 + UART_DLL, 1); /* 115200 baud */
	outb(COM1 + UART_DLM, 0);
	outb(COM1 + UART_LCR, LCR_8N1);
	outb(COM1 + UART_FCR, FCR_INIT);
	if ((inb(COM1 + UART_IIR) & IIR_FIFO) == IIR_FIFO)
		burst = FIFO_DEPTH;
	outb(COM1 + UART_MCR, MCR_READY);
}

static void wait_lsr(uint8_t bit)
{
	while (!(inb(COM1 + UART_LSR) & bit))
		cpu_relax();
}

void uart_send(const char *buf, size_t len)
{
	struct text_io text = {.gpa = (uint32_t)page_gpa(buf), .len = (uint32_t)len};

	/* A byte is an exit, and a flight has thousands. */
	if (at_once) {
		outl(TEXT_IO_PORT, (uint32_t)page_gpa(&text));
		return;
	}
	for (size_t i = 0; i < len; i++) {
		/* Once empty, the FIFO takes a burst: half the exits to a hypervisor. */
		if (i % burst == 0)
			wait_lsr(LSR_THRE);
		outb(COM1 + UART_DATA, (uint8_t)buf[i]);
	}
	/* A hypervisor that gathers writes gives them out. */
	wait_lsr(LSR_THRE);
}

void uart_flush(void)
{
	wait_lsr(LSR_TEMT);
}

int uart_receive(void)
{
	return inb(COM1 + UART_LSR) & LSR_DR ? inb(COM1 + UART_DATA) : -1;
}
