// SPDX-License-Identifier: BSD-2-Clause
// A 16550 as far as L1 uses it. Like a real one it obeys its line control register: a guest that
// never programs 8N1 gets only the low five bits of each byte through.
#include "host/kvm/uart.h"

#include <string.h>

enum { DATA, IER, FCR, LCR, MCR, LSR, MSR, SCR, IIR = FCR };

#define LCR_WORD 0x03 /* word length - 5 */
#define LCR_DLAB 0x80
#define LSR_DR	 0x01
#define LSR_IDLE 0x60 /* THRE, TEMT */
#define IIR_NONE 0x01
#define IIR_FIFO 0xc0
#define FCR_ON	 0x01
#define MSR_PEER 0xb0 /* DCD, DSR, CTS */

bool uart_write(struct uart *u, unsigned port, uint8_t value, uint8_t *sent)
{
	bool dlab = u->lcr & LCR_DLAB;

	switch (port) {
	case DATA:
		*(dlab ? &u->dll : sent) = value;
		if (!dlab)
			*sent &= (uint8_t)(0xff >> (3 - (u->lcr & LCR_WORD)));
		return !dlab;
	case IER:
		*(dlab ? &u->dlm : &u->ier) = value;
		return false;
	case FCR:
		u->fcr = value;
		return false;
	case LCR:
		u->lcr = value;
		return false;
	case MCR:
		u->mcr = value;
		return false;
	case SCR:
		u->scr = value;
		return false;
	}
	return false;
}

uint8_t uart_read(struct uart *u, unsigned port)
{
	bool dlab = u->lcr & LCR_DLAB;
	uint8_t byte;

	switch (port) {
	case DATA:
		if (dlab)
			return u->dll;
		if (!u->queued)
			return 0;
		byte = u->queue[0];
		memmove(u->queue, u->queue + 1, --u->queued);
		return byte;
	case IER:
		return dlab ? u->dlm : u->ier;
	case IIR:
		return (uint8_t)(IIR_NONE | (u->fcr & FCR_ON ? IIR_FIFO : 0));
	case LCR:
		return u->lcr;
	case MCR:
		return u->mcr;
	case LSR:
		return (uint8_t)(LSR_IDLE | (u->queued ? LSR_DR : 0));
	case MSR:
		return MSR_PEER;
	case SCR:
		return u->scr;
	}
	return 0xff;
}

bool uart_push(struct uart *u, uint8_t byte)
{
	if (u->queued == UART_QUEUE)
		return false;
	u->queue[u->queued++] = byte;
	return true;
}
