/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest memory between a VM and a snapshot that stays in this process. */
#ifndef HOST_KVM_KVM_MEMORY_H
#define HOST_KVM_KVM_MEMORY_H

#include "host/snapshot/snapshot.h"

/*
 * Makes @s's memory a copy of the @size bytes at @memory. Pages that @s holds from an earlier save
 * are used again.
 */
void kvm_memory_save(struct snapshot *s, const uint8_t *memory, uint64_t size);

/* Fills the untouched memory at @memory, which has @s->memory_size bytes. */
void kvm_memory_restore(const struct snapshot *s, uint8_t *memory);

#endif
