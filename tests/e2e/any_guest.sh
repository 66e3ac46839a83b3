#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Foreign guests: those of tests/guests by driver kvm in one lab, as a kvm-unit-tests tree would be, and by QEMU's
# emulation on this machine; our own L1 as one. With KVM_UNIT_TESTS=DIR a built tree of kvm-unit-tests as well.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

make -s guests || exit 1
mkdir -p "$work/tree/x86"
cp build/guests/*.elf tests/guests/unittests.cfg "$work/tree/x86"
objcopy -O elf64-x86-64 build/guests/counts.elf "$work/tree/x86/counts64.elf"

command_exits 1 kvm-unit-tests "$work/tree" --group tiny --timeout 3 --loops 10 --lab yes
expect "a guest that goes through its freezes, of 32 bits and of 64" \
	'^ok [0-9]+ - counts # 10 hops, .*no-vmx 10; 65 lines, exit 0x0$' '^ok [0-9]+ - counts64 # 10 hops'
holds "result.json tells what each freeze met" \
	[ "$(python3 -c 'import json, sys; print([hop["states"] for result in json.load(open(sys.argv[1]))["results"]
		if result["name"] == "counts" for hop in result["hops"]].count(["no-vmx"]))' "$work/log/result.json")" = 10 ]
expect "one that says it can test nothing here" \
	'^ok [0-9]+ - asks.control # SKIP it says that it can test nothing here .*0x4d'
expect "one whose log depends on when it is stopped" '^ok [0-9]+ - times # SKIP it depends on when it is stopped'
holds "it leaves the log of being stopped" grep -q longest "$work/log/times/serial-paused.log"
expect "one that prints nothing" 'it printed nothing on its serial port' '^not ok [0-9]+ - silent.control # ERROR'
expect "one that powers the VM off at once" 'without any snapshot: the guest powered the VM off'
expect "one that comes to no end" '^not ok [0-9]+ - hangs.control # HANG' \
	'^ok [0-9]+ - hangs # SKIP it does not come to its end without snapshots either'
expect "one that ends by a triple fault" '^not ok [0-9]+ - faults.control # CRASH'
expect "what a list says against a test" '^ok [0-9]+ - model # SKIP it wants a CPU model of QEMU' \
	'^ok [0-9]+ - by_hand # SKIP marked as to be run by hand alone: --scenario by_hand$'
refuse "a test of another group" '- broken'

printf 'env=1\0' >"$work/module"
run 0 --guest build/guests/asks.elf --driver kvm --lab yes --smp 2 --memory 64 --append 'some words' \
	--initrd "$work/module" --at 0.05
cp "$work/log/asks/serial.log" "$work/out"
expect "what a guest is told: command line, CPUs, memory, module, no PCI function" '^line: asks.elf some words$' \
	'^CPUs: 00000002$' '^upper KB: 0000fc00$' '^modules: 00000001$' '^module: env=1$' '^PCI: ffffffff$'

l1=(--guest build/midflight.elf --append 'scenario=halted hops=2 sync=none seed=1' --driver kvm --lab yes)
run 1 "${l1[@]}" --only-l2 --loops 20 --timeout 3
expect "L1 as a foreign guest loses its wake-up as it does as ours" \
	'^not ok 2 - midflight # HANG, 20 hops, .*halted [1-9]' 'mp_state 0x3 ' 'PIR 0x[0-9a-f]+; ON 1'
command_exits 1 replay --guest build/midflight.elf --lab yes "$work/log/midflight/replay.json" --log "$work/replayed"
expect "a replay of it fails in the same way" 'same failure: HANG: '
command_exits 2 replay --lab yes "$work/log/midflight/replay.json" --log "$work/replayed"
expect "a replay wants to be told of the guest" 'of which --guest\?'

run 1 --guest build/guests/counts.elf --driver kvm --lab yes --at 0.3 --break memory-page=0x100000
expect "what was broken on purpose is noticed" 'broken on purpose \(memory-page=0x100000\): noticed'

run 0 --guest build/guests/counts.elf --accel tcg --at 1
expect "QEMU flies it, too" '^ok 2 - counts # 1 hop'
run 2 --guest build/guests/floods.elf --accel tcg --timeout 20
expect "one that floods its serial port" 'it floods its serial port: more than 16 MB'
run 2 --guest README.md --driver kvm --lab yes
expect "what is no multiboot image" 'README.md is no multiboot image, which driver kvm needs .*--driver qemu'
run 2 --guest build/guests/counts.elf --driver kvm --lab yes --initrd build/midflight --memory 4
expect "one that wants more memory" 'needs memory up to 0x[0-9a-f]+, the VM has 4 MB: --memory gives it more'

run 2 --guest nowhere.elf
expect "a guest that is not there" "midflight run: --guest nowhere.elf: No such file"
run 2 --append x
expect "an option of guests without one" '--append: of which --guest\?'
run 2 --guest build/guests/counts.elf --every 1 --at 2
expect "two moments at once" '--every, --every-exits, --at: one of them, please'
run 2 --guest build/guests/counts.elf --kick --driver kvm
expect "an option of L1's" "--kick is for L1's scenarios, not for foreign guests"
run 2 --guest build/guests/counts.elf --ignore '('
expect "no regular expression" "'\(' is no regular expression"
command_exits 2 kvm-unit-tests "$work"
expect "no kvm-unit-tests" 'is no built kvm-unit-tests: it has no x86/unittests.cfg'

if [ -n "${KVM_UNIT_TESTS:-}" ]; then
	command_exits 0 kvm-unit-tests "$KVM_UNIT_TESTS" --scenario vmx_hlt_with_rvi_test,vmx_posted_intr_test --lab yes
	expect "tests of kvm-unit-tests fly" '^ok 2 - vmx_hlt_with_rvi_test # [0-9]+ hops, L2 active in [1-9]'
else
	echo "ok - tests of kvm-unit-tests fly # SKIP KVM_UNIT_TESTS names no built tree"
fi

# A Linux as L1, with the kernel that the lab's L0 is: some two minutes for each method.
if [ -n "${LINUX_L1:-}" ]; then
	cache=$(lab/lab.sh status | sed -n 's/^cache: //p')/lab
	parts=$cache/parts-$(lab/lab.sh status | sed -n 's/^kernel: //p')
	dpkg-deb --fsys-tarfile "$cache"/packages/debs/busybox-static_*.deb | tar -x -C "$work" ./usr/bin/busybox
	examples/linux-l1.sh "$parts/modules" "$work/usr/bin/busybox" build/guests/works.elf "$work/l1.gz"
	run 0 --guest "$parts/vmlinuz" --initrd "$work/l1.gz" --append 'console=ttyS0,115200 quiet panic=-1' --memory 96 \
		--profile linux --lab-memory 1024 --timeout 120 --loops 8 --method file,precopy,postcopy,savevm --lab yes
	expect "a Linux that runs a guest of its own goes through its moves" '^ok 2 - vmlinuz.file # 8 hops' \
		'^ok [0-9] - vmlinuz.precopy # 8 hops' '^ok [0-9] - vmlinuz.postcopy # 8 hops' '^ok [0-9] - vmlinuz.savevm # 8 hops'
	holds "its guest has run" grep -q "the guest's guest: 0" "$work/log/vmlinuz.file/serial.log"
else
	echo "ok - a Linux as L1 # SKIP LINUX_L1=yes flies it, which takes ten minutes"
fi
