/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * COM1 as L1 uses it: a 16550 without interrupts. Bytes sent are handed on at once; bytes received
 * wait in a queue. Not locked: the caller's lock covers it.
 */
#ifndef HOST_KVM_UART_H
#define HOST_KVM_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UART_BASE  0x3f8
#define UART_PORTS 8
#define UART_QUEUE 64

/* Everything, so that it can be saved as it is. */
struct uart {
	uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
	uint8_t queued;
	uint8_t queue[UART_QUEUE];
};

/* A write to @port (0 to 7). True if *@sent is a byte that went out. */
bool uart_write(struct uart *u, unsigned port, uint8_t value, uint8_t *sent);
uint8_t uart_read(struct uart *u, unsigned port);

/* A byte from outside. False if the queue is full. */
bool uart_push(struct uart *u, uint8_t byte);

#endif
