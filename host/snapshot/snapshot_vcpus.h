/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A snapshot of several vCPUs: the sections of the first have KVM's names, those of the second the
 * prefix `vcpu1.`. What belongs to the VM is there once, with the first.
 */
#ifndef HOST_SNAPSHOT_SNAPSHOT_VCPUS_H
#define HOST_SNAPSHOT_SNAPSHOT_VCPUS_H

#include "host/snapshot/snapshot.h"

#define VCPU1_PREFIX "vcpu1."

/* How many vCPUs @s has. */
unsigned kvm_vcpus_saved(const struct snapshot *s);

/*
 * Vcpu @vcpu in @s as if it were alone; all data and memory stay @s's. kvm_vcpu_part_free() gives
 * back what is the part's own.
 */
struct snapshot kvm_vcpu_part(const struct snapshot *s, unsigned vcpu);
void kvm_vcpu_part_free(struct snapshot *part);

#endif
