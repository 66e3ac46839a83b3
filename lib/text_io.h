/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the small VMM takes a line for COM1 by one access: the guest-physical address of a struct
 * text_io is written to TEXT_IO_PORT. A VMM that knows this gives TEXT_IO_THERE to a read of the
 * port; all others ones.
 */
#ifndef LIB_TEXT_IO_H
#define LIB_TEXT_IO_H

#include <stdint.h>

#define TEXT_IO_PORT  0xe6
#define TEXT_IO_THERE 0x74786574u

struct text_io {
	uint32_t gpa, len; /* the bytes */
};

#endif
