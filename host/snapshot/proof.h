/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves from a snapshot that it fell into the state that a scenario is about. A proof is a list of
 * terms separated by spaces; all must hold. A term behind `!` must not hold.
 *
 *   l2                    KVM_STATE_NESTED_GUEST_MODE
 *   run-pending           KVM_STATE_NESTED_RUN_PENDING
 *   mtf-pending           KVM_STATE_NESTED_MTF_PENDING
 *   evmcs                 KVM_STATE_NESTED_EVMCS: vmcs12 is of an enlightened VMCS
 *   vmxon  vmcs12         VMXON was executed; there is a current VMCS
 *   smm  smm-l2           KVM_STATE_NESTED_SMM_VMXON, KVM_STATE_NESTED_SMM_GUEST_MODE
 *   shadow-vmcs12         the nested state has a shadow vmcs12
 *   preemption-timer      the nested state has a preemption timer deadline
 *   runnable  halted  init-received  sipi-received  uninitialized      mp_state
 *   virr:V  visr:V        vector V in VIRR, VISR of the virtual-APIC page
 *   pir:V  on  sn         vector V, bits ON and SN of the posted-interrupt descriptor
 *   irr:V  isr:V          vector V in L1's own local APIC
 *   KEY=N  KEY&N          KEY equals N; all bits of N are set in KEY. KEY is one of
 *     rvi svi vtpr vppr   of vmcs12's guest interrupt status; of the virtual-APIC page
 *     a field of vmcs12   by name (host/snapshot/vmcs12.def)
 *     rip rsp rflags rax ... r15 cr0 cr2 cr3 cr4 cr8 efer      as KVM_GET_REGS and SREGS say
 *     dr0 ... dr3 dr6 dr7
 *     events.exception.injected, .pending, .nr
 *     events.interrupt.injected, .nr, .soft, .shadow
 *     events.nmi.injected, .pending, .masked
 *     events.smi.smm, .pending, .latched_init
 *     events.triple_fault.pending
 *     events.flags        of KVM_GET_VCPU_EVENTS
 *     msr:INDEX           an MSR of the snapshot
 *     mem:GPA             8 bytes of guest memory
 *
 * V, N, INDEX and GPA are decimal or 0x-hexadecimal. What the snapshot does not have (no
 * virtual-APIC page, no such MSR) proves neither a term nor, behind `!`, its opposite.
 */
#ifndef HOST_SNAPSHOT_PROOF_H
#define HOST_SNAPSHOT_PROOF_H

#include "host/snapshot/snapshot.h"

/*
 * 1: @proof holds in @s. 0: it does not, @e says by which term and what was found instead. -1: it
 * cannot be understood (@e names the term): for a NULL @s only the wording is checked (0 or -1).
 */
int proof_check(const struct snapshot *s, const char *proof, struct err *e);

/*
 * Appends the vectors that are set in each of virr, visr, pir, irr and isr, as far as @s has that
 * and there are any: "virr 0x51, irr 0x20 0xf2".
 */
void proof_vectors(const struct snapshot *s, struct buf *text);

#endif
