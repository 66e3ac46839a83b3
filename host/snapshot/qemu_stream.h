/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a vCPU's state out of a QEMU migration stream, to prove where a snapshot fell. */
#ifndef HOST_SNAPSHOT_QEMU_STREAM_H
#define HOST_SNAPSHOT_QEMU_STREAM_H

#include "host/snapshot/saved_state.h"
#include "host/base/util.h"

/*
 * Finds the state of vCPU @cpu in the @len bytes of a complete stream. The stream's own
 * description (at its end) gives the offsets; headers, subsections and footers must agree with
 * it. 0, or -1 with @e filled.
 */
int qemu_stream_parse(const void *stream, size_t len, unsigned cpu, struct saved_state *state,
		      struct err *e);

/*
 * A field of a device: its @path as QEMU names it (`env.eip`, `env.segs[2].base`, `env.regs`,
 * within env.nested_state also that of the subsections), and its @count elements of @size bytes,
 * big-endian, at @data.
 */
typedef void (*stream_field)(void *arg, const char *path, const uint8_t *data, size_t size,
			     size_t count);

/*
 * Hands out all fields of device @name (instance @instance), checked as above. 0; 1: there is no
 * such device; -1 with @e filled.
 */
int qemu_stream_walk(const void *stream, size_t len, const char *name, unsigned instance,
		     stream_field field, void *arg, struct err *e);

/* The stream begins as one of QEMU does. */
bool qemu_stream_is(const void *stream, size_t len);

#endif
