#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Patches to KVM: the control of the build, each refusal before anything boots, and a cure and a breakage on
# trial beside the unpatched kernel.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

patched() { # EXIT-STATUS ARG...: runs `lab.sh patched ARG...`
	local want=$1 status=0
	shift
	what="(lab.sh patched $*)"
	lab/lab.sh patched "$@" >"$work/out" 2>&1 </dev/null || status=$?
	[ "$status" = "$want" ] || report "not ok" "exit status $want: lab.sh patched $*: was $status"
}

refused() { # NAME REGEX PATCH
	patched 2 --out "$work/none" "$3"
	expect "refused: $1" "$2"
	holds "and leaves no module: $1" [ ! -e "$work/none" ]
}

diff_of() { # FILE SED-SCRIPT: what the script changes in the source's FILE, as a diff
	mkdir -p "$work/a/$(dirname "$1")" "$work/b/$(dirname "$1")"
	cp "$cache/source-6.12/$1" "$work/a/$1"
	sed "$2" "$work/a/$1" >"$work/b/$1"
	(cd "$work" && diff -u "a/$1" "b/$1")
}

cure=fixes/halted-posted-interrupt-lost.cocci
cache=${MIDFLIGHT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/midflight}/lab
export MIDFLIGHT_LAB_KERNEL=6.12

# ---- building -------------------------------------------------------------------------------------
patched 0 --out "$work/cure" "$cure"
if [ ! -e "$cache/built-6.12" ]; then
	# No headers or source to be had, or no user namespaces: everything below would say the same.
	report "not ok" "the lab builds Debian's KVM"
	exit 1
fi
cp "$cache/log/built-6.12.log" "$work/out"
expect "the unpatched build has the code of Debian's modules" "^kvm.ko: \.text .* are Debian's to the byte$" \
	"^kvm-intel.ko: \.text .* are Debian's to the byte$"
holds "a cure of kvm.ko makes kvm.ko alone" [ -e "$work/cure/kvm.ko" ] && [ ! -e "$work/cure/kvm-intel.ko" ]
cp "$work/cure/patch.diff" "$work/out"
expect "and tells what it changed" '^\+\+\+ b/arch/x86/kvm/x86.c' '^\+.*KVM_REQ_GET_NESTED_STATE_PAGES'

nested=arch/x86/kvm/vmx/nested.c
{
	printf 'From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\nSubject: [PATCH 1/2] one\n---\n'
	diff_of $nested 's/^static void vmx_start_preemption_timer(/int midflight_one;\n&/'
	printf -- '-- \n2.39\n\nFrom 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\nSubject: [PATCH 2/2] two\n---\n'
	diff_of $nested 's/^static void vmx_start_preemption_timer(/int midflight_one;\n&/' >/dev/null
	cp "$work/b/$nested" "$work/one.c"
	sed 's/^int midflight_one;/&\nint midflight_two;/' "$work/one.c" |
		diff -u --label "a/$nested" --label "b/$nested" "$work/one.c" -
	diff -u --label a/Documentation/none --label b/Documentation/none /dev/null README.md
} >"$work/series.mbox"
patched 0 --out "$work/series" "$work/series.mbox"
holds "an mbox with two patches, one on the other: kvm-intel.ko" [ -e "$work/series/kvm-intel.ko" ]
cp "$work/series/patch.diff" "$work/out"
expect "both are in" '^\+int midflight_one' '^\+int midflight_two'

# ---- refusals -------------------------------------------------------------------------------------
refused "no patch" 'README.md is no patch' README.md
sed 's/^ static void vmx_start_preemption_timer(/ static void vmx_stop_preemption_timer(/' "$work/series.mbox" >"$work/old.patch"
refused "a hunk that does not apply" 'Hunk #1 FAILED at' "$work/old.patch"
printf '%s\n' '--- a/kernel/fork.c' '+++ b/kernel/fork.c' '@@ -1 +1 @@' '-a' '+b' >"$work/fork.patch"
refused "a file of the kernel" "changes kernel/fork.c, which is not KVM's own" "$work/fork.patch"
diff_of $nested 's/^static void vmx_start_preemption_timer(/int midflight_one = wrong;\n&/' >"$work/wrong.patch"
refused "what does not compile" "arch/x86/kvm/vmx/nested.c:[0-9:]+ error: .*wrong" "$work/wrong.patch"
diff_of $nested 's/^static void vmx_start_preemption_timer(/void do_exit_not(void);\n&/
	s/^	vmx_preemption_timer_fn(/	do_exit_not();\n&/; s/^		vmx_preemption_timer_fn(/		do_exit_not();\n&/' >"$work/symbol.patch"
refused "a function that the kernel does not export" 'do_exit_not.* undefined' "$work/symbol.patch"
printf '@@ @@\n-midflight_nowhere();\n' >"$work/nowhere.cocci"
refused "a semantic patch that matches nothing" 'nowhere.cocci changes nothing in KVM' "$work/nowhere.cocci"
printf '@@ @@\n-if (\n' >"$work/parse.cocci"
refused "a semantic patch that is none" 'parse error' "$work/parse.cocci"
{ echo 'Content-Transfer-Encoding: base64'; base64 "$work/wrong.patch"; } >"$work/encoded.mbox"
refused "an encoded mail" 'is an encoded mail' "$work/encoded.mbox"

# ---- on trial -------------------------------------------------------------------------------------
printf '@@ @@\n-vmx->nested.mtf_pending = !!(kvm_state->flags & KVM_STATE_NESTED_MTF_PENDING);\n' >"$work/forgets-mtf.cocci"
run 1 --driver kvm -s posted_halted,mtf_pending -n 1 --patch "$cure" --patch "$work/forgets-mtf.cocci" \
	--expect-cure posted_halted.restored
expect "the unpatched kernel is the first column" '^# +unpatched +halted-posted-interrupt-lost +forgets-mtf$'
expect "a cure: what it cured, and that nothing else changed" \
	'^#   cured +2  posted_halted.restored \(halted-posted-interrupt-lost\)  posted_halted.blocked' \
	'^#   broke +0$' '^#   still +1  posted_halted.paused'
expect "a breakage: what it broke" '^#   broke +1  mtf_pending \(FAIL, was PASS\)$'
expect "what was to be cured and is not" '^# forgets-mtf: not cured, but expected: posted_halted.restored$'

printf '@@ expression v, t; @@\n-is_guest_mode(v) && !(t & EMULTYPE_NO_DECODE)\n+is_guest_mode(v)\n' >"$work/rechecks.cocci"
run 1 --driver kvm -s io_out_intercept,io_out_nmi,io_out_in_place -n 1 --patch "$work/rechecks.cocci"
expect "a KVM that asks L1's intercepts again when an access is complete" \
	'^#   broke +2  io_out_intercept.control \(FAIL, was PASS\)  io_out_intercept \(FAIL, was PASS\)$' \
	'exception in L2: vector=6' 'WARNING: CPU: .* emulator_pio_in_out'

# All known bugs cured at once: each cure applies behind the others. One bug has none.
cured=()
for program in programs/*.mf; do
	bug=$(sed -n 's/^# known KVM bug \([a-z0-9-]*\).*/\1/p' "$program" | head -n 1)
	if [ -z "$bug" ] || [ -e "fixes/$bug.cocci" ]; then cured+=("$program"); fi
done
command_exits 0 fuzz "${cured[@]}" --patch fixes
refuse "with all cures no program leaves another trace" '^not ok'
for part in 1 2; do
	command_exits 0 fuzz --loops 200 --seed 5 --patch fixes
	sed '/^# logs/d; /^lab: /d' "$work/out" >"$work/out$part"
	cp "$work/log/fuzz.json" "$work/json$part"
done
expect "with all cures nothing is found by chance" '^# 200 programs: [1-9][0-9]* alike, 0 found, '
holds "the same seed gives the same bytes" cmp -s "$work/out1" "$work/out2"
holds "the same seed gives the same fuzz.json" cmp -s "$work/json1" "$work/json2"

# ---- a build tree of one's own ----------------------------------------------------------------------
# Debian's kernel, and a Makefile that plays kbuild: kvm.ko is the cured one as soon as x86.c is not Debian's.
tree=$work/tree
mkdir -p "$tree/arch/x86/boot"
cp -r "$cache/source-6.12"/{arch,virt} "$tree/"
cp "$cache/parts-6.12/vmlinuz" "$tree/arch/x86/boot/bzImage"
cp "$cache/parts-6.12/modules"/*.ko "$tree/arch/x86/kvm/"
sed 's,.*,arch/x86/kvm/&.o,' "$cache/parts-6.12/modules/order" >"$tree/modules.order"
cp "$work/cure/kvm.ko" "$work/cured.ko"
cp "$tree/arch/x86/kvm/kvm.ko" "$work/debian.ko"
cp "$tree/arch/x86/kvm/x86.c" "$work/x86.c"
printf '%s\n' 'bzImage modules: arch/x86/kvm/kvm.ko' 'arch/x86/kvm/kvm.ko: arch/x86/kvm/x86.c' \
	"	! grep -H 'int wrong' \$<" \
	"	if cmp -s \$< $work/x86.c; then cp $work/debian.ko \$@; else cp $work/cured.ko \$@; fi" >"$tree/Makefile"
find "$tree" -type f -exec sha256sum {} + | sort >"$work/before"
run 0 --driver kvm -s halted -n 1 --linux "$tree" --patch "$work/cure/patch.diff" \
	--expect-cure halted
expect "a tree of one's own: unpatched, and cured" '^# +unpatched +patch$' \
	'^#   cured +1  halted \(halted-posted-interrupt-lost\)$'
holds "the report can name the patch" grep -q '"patch": "patch.diff"' "$work/log/patch/result.json"
diff_of arch/x86/kvm/x86.c '1s/^/int wrong;\n/' >"$work/wrong.patch"
patched 2 --linux "$tree" "$work/wrong.patch"
expect "what does not compile there" 'wrong.patch does not compile in' 'arch/x86/kvm/x86.c:int wrong;'
find "$tree" -type f -exec sha256sum {} + | sort >"$work/after"
holds "the tree is what it was" cmp -s "$work/before" "$work/after"
echo '/* not built yet */' >>"$tree/arch/x86/kvm/x86.c"
patched 2 --linux "$tree" "$work/cure/patch.diff"
expect "a tree that is not up to date" 'is not what its source makes \(arch/x86/kvm/kvm.ko\)'
