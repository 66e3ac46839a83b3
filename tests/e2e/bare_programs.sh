#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Programs under KVM and without it: alike, a bug of KVM's that needs no snapshot, and the same with its cure.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

printf 'apicv\nl1 field EXCEPTION_BITMAP 0x40\nl1 enter\nl2 wrmsr 0x175 0x7000\nl2 freeze nmi paused\nl2 ud2\n' >"$work/alike.mf"
printf 'l1 field EXCEPTION_BITMAP 0x2000\nl1 field GUEST_IDTR_LIMIT 0x0\nl1 inject privileged 0x1\nl2 cpuid 0x1\n' >"$work/int1.mf"
printf 'l1 enter\nl2 hlt\n' >"$work/endless.mf"
printf 'l2 out 0x1\n' >"$work/out.mf"

command_exits 0 fuzz --bare "$work/alike.mf" "$work/int1.mf" "$work/endless.mf" "$work/out.mf"
expect "bare: marks are left out, and said so; what KVM does is what the CPU does" \
	'^# .*alike\.mf: without 1 step' '^ok 1 - .*alike\.mf$' '^ok 4 - .*out\.mf$'
expect "bare: what does not come to its end under KVM is skipped" '^ok 3 - .*endless\.mf # SKIP it does not come to its end'
expect "bare: a bug that needs no snapshot is seen" '^not ok 2 - .*int1\.mf # TODO known KVM bug: injected-int1-lost$'
holds "bare: both traces are left" grep -q '^! exit 0 IDT_VECTORING_INFO_FIELD  *0  *0x80000501' "$work/log/finding-2/traces.txt"
command_exits 0 fuzz --bare "$work/int1.mf" --patch fixes/injected-int1-lost.cocci
expect "bare: with its cure it is gone" '^ok 1 - .*int1\.mf$'

cat >"$work/planted.cocci" <<'COCCI'
@@
expression qualification;
@@
prepare_vmcs12(...)
{
	...
-	vmcs12->exit_qualification = qualification;
+	vmcs12->exit_qualification = qualification ^ 0x100;
	...
}
COCCI
command_exits 1 fuzz --bare "$work/out.mf" --patch "$work/planted.cocci"
expect "bare: a difference that was planted in KVM is seen" \
	'^not ok 1 - .*out\.mf # FAIL exit 0 EXIT_QUALIFICATION: under KVM 0x710100, without 0x710000$'

command_exits 0 fuzz --bare --seed 2 --loops 60
expect "bare: of 60 that are drawn none differs in another way than the known ones" \
	'^# under KVM .*: 60 programs, ' '^# without KVM: [0-9]+ alike, [0-9]+ not, [0-9]+ of them known, 0 only behind others$'

# L2 sleeps, each mark of the newer kind, and what KVM has as a NOP: none of it hangs the bare side.
printf 'l2 insn mwait 0x0\nl2 insn monitor 0x7\nl2 freeze-behind irq 0x100\nl2 cpuid 0x1\n' >"$work/nop.mf"
printf 'l1 inject other 0x0\nl2 cpuid 0x1\n' >"$work/mtf.mf"
command_exits 0 fuzz --bare "$work/nop.mf" "$work/endless.mf" "$work/mtf.mf"
expect "bare: MWAIT and marks are left out of both flights" '^# .*nop\.mf: without 3 steps' '^ok 1 - .*nop\.mf$'
expect "bare: an L2 that sleeps is no end" '^ok 2 - .*endless\.mf # SKIP it does not come to its end'
expect "bare: an injected MTF that KVM loses is seen" '^not ok 3 - .*mtf\.mf # TODO known KVM bug: injected-monitor-trap-lost$'
command_exits 2 fuzz --bare
expect "bare: without a number of programs there is none" 'needs FILEs, or --loops N'
