/* SPDX-License-Identifier: BSD-2-Clause */
/* COM1, polled: a 16550 at port 0x3f8; or TEXT_IO_PORT in its place (lib/text_io.h). */
#ifndef LIB_UART_H
#define LIB_UART_H

#include <stddef.h>

#define UART_STATUS_PORT 0x3fd
#define UART_RECEIVED	 0x01 /* in there: a byte waits */

/* Programs 115200 8N1 with FIFOs and without interrupts. */
void uart_init(void);

/* Sends @len bytes and returns when the last one is in the transmitter. */
void uart_send(const char *buf, size_t len);

/* Waits until everything has left the transmitter. */
void uart_flush(void);

/* The next received byte, or -1 if there is none. */
int uart_receive(void);

#endif
