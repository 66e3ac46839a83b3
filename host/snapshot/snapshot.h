/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's saved state as named sections and memory, and its file format (docs/snapshot-format.md).
 * Nothing in here knows KVM: section names and contents are kvm_state.c's.
 */
#ifndef HOST_SNAPSHOT_SNAPSHOT_H
#define HOST_SNAPSHOT_SNAPSHOT_H

#include "host/base/util.h"

#define SNAPSHOT_PAGE	      4096
#define SNAPSHOT_NAME_MAX     40 /* bytes of a section's name, with its NUL */
#define SNAPSHOT_SECTIONS_MAX 4096
#define SNAPSHOT_MEMORY_MAX   (1ull << 34) /* bytes of guest memory that a file may claim */
#define SNAPSHOT_SECTION_MAX  (64u << 20)  /* bytes of one section */

struct snapshot_section {
	char name[SNAPSHOT_NAME_MAX];
	void *data; /* aligned for any type */
	size_t len;
};

struct snapshot {
	struct snapshot_section *section;
	unsigned sections;
	uint64_t memory_size; /* bytes of guest memory from address 0, whole pages */
	uint8_t **page;	      /* [memory_size / SNAPSHOT_PAGE]; NULL: all zero */
};

void snapshot_free(struct snapshot *s);

/* Removes all sections; memory stays. */
void snapshot_drop_sections(struct snapshot *s);

/* Removes section @name, if it is there. */
void snapshot_drop(struct snapshot *s, const char *name);

/* Adds a copy of @len bytes as section @name, which must be new. Limits as above are asserted. */
void snapshot_add(struct snapshot *s, const char *name, const void *data, size_t len);

/* The same in place of what @s may have under that name. */
void snapshot_put(struct snapshot *s, const char *name, const void *data, size_t len);

/* The section @name, or NULL. */
const struct snapshot_section *snapshot_find(const struct snapshot *s, const char *name);

/* Its data, if it has @len bytes or more, or NULL. */
const void *snapshot_data(const struct snapshot *s, const char *name, size_t len);

/* Takes a copy of guest memory, @size bytes (whole pages); pages of zeros are left out. */
void snapshot_set_memory(struct snapshot *s, const void *memory, uint64_t size);

/* The page at guest-physical @gpa (zeros for one that was left out); NULL beyond memory_size. */
const void *snapshot_page(const struct snapshot *s, uint64_t gpa);

/* Page @i, which is in memory, if the file has it: one that was cleared later is left out, too. */
const uint8_t *snapshot_stored(const struct snapshot *s, uint64_t i);
extern const uint8_t snapshot_zeros[SNAPSHOT_PAGE];

/* Throws memory away for @size bytes of zeros. */
void snapshot_alloc_memory(struct snapshot *s, uint64_t size);

/* Bytes of guest memory and state, 0: nothing was saved. */
size_t snapshot_bytes(const struct snapshot *s);

/* Hash of all of it: equal for snapshots that snapshot_encode() gives equal bytes for. */
uint64_t snapshot_hash(const struct snapshot *s);

/* ---- the file (snapshot_file.c) ------------------------------------------------------------ */

/* Appends its bytes. */
void snapshot_encode(const struct snapshot *s, struct buf *file);

/*
 * Reads a file's bytes into a zeroed @s. 0, or -1 with @e saying exactly what is wrong (truncated
 * where, which checksum, which version); @s is then empty.
 */
int snapshot_decode(struct snapshot *s, const void *file, size_t len, struct err *e);

/* The same with a file on disk; writing is atomic (a new file replaces the old one when complete).
 */
int snapshot_write(const struct snapshot *s, const char *path, struct err *e);
int snapshot_read(struct snapshot *s, const char *path, struct err *e);

#endif
