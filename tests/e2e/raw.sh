#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The raw driver in the lab: which page is asked for in which ioctl, posted interrupts around a
# snapshot, restore orders.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

run 0 --driver kvm --pages remote --loops 2 --scenario running,shadow_vmcs,msr_store
expect "running: KVM maps the vmcs12 pages in the first KVM_RUN" \
	'KVM_RUN 1 +virtual-APIC page .* vCPU +nested_get_vmcs12_pages' \
	'KVM_RUN 1 +posted-interrupt descriptor .* vCPU +nested_get_vmcs12_pages' \
	'KVM_RUN 1 +MSR bitmap .* vCPU +nested_get_vmcs12_pages'
expect "the answer in one sentence" \
	'this KVM \(.*\) fetches the vmcs12 pages in: KVM_RUN 1 \(virtual-APIC page, posted-interrupt descriptor, MSR bitmap(, I/O bitmap A)?\)'
expect "shadow VMCS and MSR-store area are asked for in KVM_SET_NESTED_STATE" \
	'KVM_SET_NESTED_STATE +shadow VMCS ' 'KVM_SET_NESTED_STATE +VM-exit MSR-store area ' \
	'fetches the vmcs12 pages in: KVM_SET_NESTED_STATE \(shadow VMCS\); KVM_RUN 1' \
	'fetches the vmcs12 pages in: KVM_SET_NESTED_STATE \(VM-exit MSR-store area\); KVM_RUN 1'
expect "nothing is lost by late pages" '^ok [0-9]+ - running # 2 hops, L2 active in 2 of 2' \
	'^ok [0-9]+ - shadow_vmcs # 2 hops' '^ok [0-9]+ - msr_store # 2 hops'

run 0 --driver kvm --pages 'late=KVM_RUN 1' --loops 1 --scenario running,shadow_vmcs
expect "late=KVM_RUN 1: the shadow VMCS is a finding" \
	"KVM_SET_NESTED_STATE needs page 'shadow VMCS' .*before pages are served from KVM_RUN 1 on"
refuse "late=KVM_RUN 1: nothing else is" "needs page '(virtual|posted|MSR|EPT|L)"

run 0 --driver kvm --loops 2 --nudge 0.5 --scenario posted_halted,posted_running
expect "posted interrupts: the controls pass" '^ok [0-9]+ - posted_halted\.control ' \
	'^ok [0-9]+ - posted_halted\.none ' '^ok [0-9]+ - posted_halted\.runnable ' \
	'^ok [0-9]+ - posted_halted\.before .*L2 active in [1-9]' \
	'^ok [0-9]+ - posted_running\.control ' '^ok [0-9]+ - posted_running\.restored ' \
	'^ok [0-9]+ - posted_running\.blocked '
expect "posted interrupts: the lost wake-ups are found" \
	'^not ok [0-9]+ - posted_halted\.paused # TODO known KVM bug: pending-notification-not-saved' \
	'^not ok [0-9]+ - posted_halted\.restored # TODO known KVM bug: halted-posted-interrupt-lost' \
	'^not ok [0-9]+ - posted_halted\.blocked # TODO known KVM bug: halted-posted-interrupt-lost'
expect "posted interrupts: the lost notification is found" \
	'^not ok [0-9]+ - posted_running\.paused # TODO known KVM bug: pending-notification-not-saved'

for order in selftests nested-first nested-last legacy; do
	run 0 --driver kvm --order "$order" --scenario rvi_behind_if,regs_all
	expect "order $order: registers and pending interrupts survive" \
		'^ok [0-9]+ - rvi_behind_if # 1 hop, L2 active in 1 of 1' \
		'^ok [0-9]+ - regs_all # 1 hop, L2 active in 1 of 1'
done
run 0 --driver kvm --order refused-once --scenario rvi_behind_if,launched,vmxon_only
expect "a nested state that KVM refuses half way leaves nothing behind, of L2 or in L1" \
	'^ok [0-9]+ - rvi_behind_if # 1 hop, L2 active in 1 of 1' '^ok [0-9]+ - launched # 1 hop' \
	'^ok [0-9]+ - vmxon_only # 1 hop'
run 0 --driver kvm --scenario halted_init_paused,tsc_deadline_l1 --save-order firecracker --save-wait 20
expect "with the MP state saved first an INIT comes once, and time may pass meanwhile" \
	'^ok [0-9]+ - halted_init_paused # 1 hop' '^ok [0-9]+ - tsc_deadline_l1 # 1 hop'
run 0 --driver kvm --scenario halted_init_paused --save-order qemu
expect "as QEMU saves it, twice" '^not ok [0-9]+ - halted_init_paused # TODO known KVM bug: init-doubled'
run 1 --driver kvm --scenario single_step,single_step_exit,ud_l2_paused --no-cap exception-payload
expect "a VMM without exception payloads saves a pending exception as one that is injected" \
	'^ok [0-9]+ - single_step # 1 hop' '^not ok [0-9]+ - single_step_exit # FAIL' \
	'^ok [0-9]+ - ud_l2_paused # SKIP the host queues an exception, which it cannot without'
run 0 --driver kvm --scenario regs_all --loops 1 --pages 'lost-once=posted-interrupt descriptor'
expect "a page that KVM_RUN failed for and that is there at the next one" '^ok [0-9]+ - regs_all # 1 hop' 'never  lost$'
run 2 --driver kvm --no-cap wings
expect "an unknown capability is named" "there is no capability 'wings'"
run 2 --driver kvm --order no-such-order
expect "an unknown order is named" "no-such-order"

run 0 --driver kvm --loops 1 --nudge 0.5 --kick --scenario posted_halted,posted_running
expect "kick: leaving KVM_RUN once changes nothing" '^ok [0-9]+ - posted_halted\.control ' \
	'^not ok [0-9]+ - posted_halted\.blocked # TODO known KVM bug: halted-posted-interrupt-lost'
expect "kick: what it may have cured is no pass" '^ok [0-9]+ - posted_running\.restored # 1 hop' \
	'^ok [0-9]+ - posted_running\.blocked # SKIP passes, but .*\(--kick\)'

run 0 --driver kvm --freeze port --loops 3 --scenario running --verbose
expect "freeze=port: L2 is caught at its own instruction, never missed" \
	'^ok [0-9]+ - running # 3 hops, L2 active in 3 of 3 snapshots$'
run 0 --driver kvm --freeze time=3000 --loops 2 --scenario running
run 2 --freeze port
expect "freeze=port needs the raw driver" 'needs --driver kvm'

# An enlightened L1: pages, a field without a place, known bugs, and QEMU.
run 0 --driver kvm --pages remote --scenario evmcs_l2,evmcs_two_switched,msr_entry_load_evmcs
expect "enlightened: KVM asks for the VP assist page in KVM_SET_MSRS, for the VMCS in the first KVM_RUN" \
	'KVM_SET_MSRS +VP assist page .* vCPU +kvm_hv_set_msr_common' \
	'KVM_RUN 1 +enlightened VMCS .* vCPU +nested_' '^ok [0-9]+ - evmcs_l2 # 1 hop, L2 active in 1 of 1'
expect "enlightened: a field without a place is named" \
	'- msr_entry_load_evmcs # SKIP VM_ENTRY_MSR_LOAD_ADDR has no place in an enlightened VMCS'
expect "enlightened: what one VMCS saved and another got is known" \
	'- evmcs_two_switched # TODO known KVM bug: evmcs-written-into-another'
run 0 --driver kvm --scenario evmcs_l1
expect "enlightened: what the oracles alone see is known" \
	'- evmcs_l1 # TODO known KVM bug: evmcs-saved-from-empty-shadow'
run 0 --driver kvm --scenario evmcs_l2,hv_clocks_l2,kvmclock --to-tsc-khz 3000000
expect "clocks: a VM restored with another TSC frequency has times that go forward" \
	'^ok [0-9]+ - hv_clocks_l2 #' '^ok [0-9]+ - kvmclock #'
printf '%s\n' CPUID2 IRQCHIP PIT2 MSR_VMX_CAPABILITIES MSR_IA32_FEATURE_CONTROL MSR_IA32_APIC_BASE LAPIC SREGS2 \
	NESTED_STATE TSC_KHZ REGS XSAVE XCRS MSRS VCPU_EVENTS MP_STATE MSR_IA32_TSC_DEADLINE DEBUGREGS KVM_RUN CLOCK >"$work/late.order"
run 1 --driver kvm --scenario kvmclock --order "$work/late.order"
expect "clocks: one that is set behind the first KVM_RUN goes back" \
	'kvmclock goes forward: ' '- kvmclock # FAIL'
run 0 --enlightened --method postcopy --loops 1
expect "enlightened: QEMU's post-copy asks for its pages" \
	'^ok [0-9]+ - running_evmcs\.postcopy # 1 hop' 'page requests \(VP assist page, enlightened VMCS'
run 4 --enlightened --without hv-evmcs --loops 1
expect "enlightened: without hv-evmcs what is missing is named" \
	'SKIP no enlightened VMCS (recommended|of revision 1): CPUID\.4000000'

# A snapshot file outlives the process, and the machine (each lab run is a boot of its own).
command_exits 0 save "$work/running.snapshot" --scenario running --loops 3 --hops-before 1
command_exits 0 restore "$work/running.snapshot" --pages remote
expect "a restored file goes on to a verdict over the whole log" '^ok 1 - running\.restored # 3 hops'
cp "$work/running.snapshot" "$work/damaged"
printf X | dd of="$work/damaged" bs=1 seek=20000 conv=notrunc status=none
command_exits 2 restore "$work/damaged"
expect "a damaged file is refused with the reason" 'checksum|out of order'
head -c 20000 "$work/running.snapshot" >"$work/truncated"
command_exits 2 restore "$work/truncated"
expect "a truncated file is refused with the reason" 'truncated: 20000 bytes'

run 4 --driver kvm --pages exit --loops 1 --scenario running
expect "pages=exit: skipped with the reason" '^ok [0-9]+ - running # SKIP .*KVM_CAP_MEMORY_FAULT_INFO'

run 1 --driver kvm --pages 'lost=virtual-APIC page' --loops 1 --scenario running
expect "a page that never comes is named, and KVM's answer is not a hang" \
	"needs page 'virtual-APIC page' .*it never came" '^not ok [0-9]+ - running # CRASH'
