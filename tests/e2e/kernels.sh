#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Kernels and KVM modules that the lab takes from files: each refusal, before anything boots, and what
# runs when nothing is wrong. Files come from the lab's own Debian kernel, or are made up here.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

lab() { # EXIT-STATUS ARG...: runs `lab.sh ARG...`
	local want=$1 status=0
	shift
	what="(lab.sh $*)"
	lab/lab.sh "$@" >"$work/out" 2>&1 </dev/null || status=$?
	[ "$status" = "$want" ] || report "not ok" "exit status $want: lab.sh $*: was $status"
}

refused() { # NAME REGEX OPTION...: no line may be of a boot
	local name=$1 regex=$2
	shift 2
	lab 2 run "$@" -- true
	if grep -Eq 'booting|L0 runs' "$work/out"; then
		report "not ok" "refused before anything boots: $name"
	else
		expect "refused: $name" "$regex"
	fi
}

changed() { # FROM TO: module kvm-intel.ko with a text in it changed to one as long
	sed "s/$1/$2/" "$work/kvm-intel.ko" >"$work/changed.ko"
	[ "$(stat -c %s "$work/changed.ko")" = "$(stat -c %s "$work/kvm-intel.ko")" ]
}

byte() { # FILE OFFSET OCTAL...: puts bytes there
	local file=$1 offset=$2
	shift 2
	# shellcheck disable=SC2059 # the escapes are the format
	printf "$(printf '\\%s' "$@")" | dd of="$file" bs=1 seek="$offset" conv=notrunc status=none
}

# A bzImage as far as can be told without running it: the header, and a kernel that is not packed,
# with its configuration and the words that a built-in KVM leaves in it.
make_bzimage() { # FILE CONFIG [RELEASE]
	printf '\177ELF IKCFG_ST' >"$work/vmlinux"
	gzip -c "$2" >>"$work/vmlinux"
	printf '\0kvm_intel.nested\0kvm_intel.ept\0' >>"$work/vmlinux"
	truncate -s 1536 "$1"
	byte "$1" 497 001                         # setup_sects
	byte "$1" 510 125 252 000 000 110 144 162 123 017 002 # boot_flag, HdrS, version 2.15
	byte "$1" 526 000 002                     # kernel_version
	byte "$1" 529 001                         # loadflags: LOADED_HIGH
	byte "$1" 566 001                         # xloadflags: XLF_KERNEL_64
	byte "$1" 584 0 2 0 0                     # payload_offset
	printf '%08x' "$(stat -c %s "$work/vmlinux")" | sed -E 's/(..)(..)(..)(..)/\4\3\2\1/' |
		sed 's/../\\x&/g' | xargs -0 printf | dd of="$1" bs=1 seek=588 conv=notrunc status=none
	printf '%s (nobody@nowhere)' "${3:-9.9.9-test}" | dd of="$1" bs=1 seek=1024 conv=notrunc status=none
	cat "$work/vmlinux" >>"$1"
}

lab/lab.sh build >"$work/out" 2>&1 || report "not ok" "lab.sh build"
cache=${MIDFLIGHT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/midflight}/lab/kernel-6.12
mkdir "$work/debian" "$work/empty"
dpkg-deb --fsys-tarfile "$cache"/debs/linux-image-*.deb | tar -C "$work/debian" -x --wildcards \
	'./boot/*' '*/kernel/arch/x86/kvm/*' '*/modules.builtin' '*/irqbypass.ko*'
vmlinuz=$(echo "$work"/debian/boot/vmlinuz-*)
release=${vmlinuz##*/vmlinuz-}
xz -dc "$work"/debian/usr/lib/modules/*/kernel/arch/x86/kvm/kvm-intel.ko.xz >"$work/kvm-intel.ko"
id=$(readelf -n "$work/kvm-intel.ko" | sed -n 's/^ *Build ID: //p')

# ---- kernels ------------------------------------------------------------------------------------
refused "a version that there is none of" "no lab with Linux '5.4'.*6\.1, 6\.12 \(default\), 7\.3" --kernel 5.4
refused "no such file" 'no such file' --kernel "$work/none"
refused "a directory without packages" 'there is no package of a kernel in this directory' --kernel "$work/empty"
refused "two directories" 'is not a file' --kernel "$work/empty" --kernel "$work"
refused "not a bzImage" 'is no bzImage' --kernel README.md
refused "an ELF file" 'is an ELF file, as vmlinux is' --kernel build/midflight
head -c 700 "$vmlinuz" >"$work/short"
refused "a bzImage cut short" 'shorter than its header says' --kernel "$work/short"
cp "$vmlinuz" "$work/32"
byte "$work/32" 566 000
refused "32 bits" 'for 32 bits.*CONFIG_64BIT=y' --kernel "$work/32"
refused "no KVM in it, and no modules" 'has no kvm-intel built in. --modules|CONFIG_KVM_INTEL=y' --kernel "$vmlinuz"
cp "$vmlinuz" "$work/vmlinuz"
refused "the same without its configuration" 'has no kvm-intel built in' --kernel "$work/vmlinuz"
refused "no KVM among the modules" "There is no module kvm-intel in $work/empty" \
	--kernel "$work/vmlinuz" --modules "$work/empty"
refused "no such directory of modules" 'no such directory' --kernel "$vmlinuz" --modules "$work/none"
refused "no disk driver" 'has no ata_piix built in. There is no module ata_piix' --kernel "$vmlinuz" --modules "$work/debian"
mkdir "$work/other"
changed 'vermagic=6\.12' 'vermagic=6.13'
cp "$work/changed.ko" "$work/other/kvm-intel.ko"
refused "modules of another version" "differ in their versions" --kernel "$vmlinuz" --modules "$work/other"
expect "both versions are told" 'module: 6\.13' 'kernel: 6\.12'
refused "two bzImages" 'is no .deb, and only .debs can be more than one' --kernel "$vmlinuz" --kernel "$vmlinuz"
refused "modules for a version" '--modules goes with a bzImage' --kernel 6.12 --modules "$work/empty"
refused "an option without its value" '--kernel needs a value' --kernel ''

sed 's/^## .*//' lab/kernel.config >"$work/config"
make_bzimage "$work/built-in" "$work/config"
refused "no such parameter of a built-in KVM" "kvm_intel has no parameter 'x'. It has: ept nested" \
	--kernel "$work/built-in" --kvm-param x=1
refused "a module where KVM is built in" 'kvm_intel is built into this kernel' \
	--kernel "$work/built-in" --kvm-intel "$work/kvm-intel.ko"
sed -E 's/^CONFIG_(SERIAL_8250|RD_ZSTD|BLK_DEV_SD)=y/# CONFIG_\1 is not set/; s/(SIG_FORCE)=n/\1=y/' \
	"$work/config" >"$work/lacks"
make_bzimage "$work/lacking" "$work/lacks"
refused "no serial line, no zstd, no disks" 'lacks what L0 needs' --kernel "$work/lacking"
expect "each option that mends it is named" ' CONFIG_SERIAL_8250=y$' ' CONFIG_RD_ZSTD=y$' ' CONFIG_BLK_DEV_SD=y or m$' \
	' CONFIG_MODULE_SIG_FORCE=n$'
byte "$work/built-in" 526 000 000
refused "a bzImage without a version" 'does not say its version' --kernel "$work/built-in"
mkdir "$work/kept"
changed mod_unload mod_notyet
cp "$work/changed.ko" "$work/kept/kvm-intel.ko"
find "$work/debian" \( -name 'kvm.ko*' -o -name 'irqbypass.ko*' \) -exec cp -t "$work/kept" {} +
sed -E 's/^(CONFIG_KVM(_INTEL)?=)y/\1m/' "$work/config" >"$work/kept/config"
make_bzimage "$work/keeps" "$work/config" "$release"
refused "modules that cannot be unloaded" 'cannot unload its KVM. CONFIG_MODULE_UNLOAD=y' \
	--kernel "$work/keeps" --modules "$work/kept" --kvm-param ept=0

# ---- packages and build trees -------------------------------------------------------------------
head -c 100000 "$cache"/debs/linux-image-*.deb >"$work/cut.deb"
refused "a package cut short" 'is a damaged package' --kernel "$work/cut.deb"
mkdir -p "$work/package/DEBIAN"
printf '%s\n' 'Package: linux-image-9' 'Version: 9' 'Architecture: amd64' 'Maintainer: nobody <n@example.org>' \
	'Depends: linux-base, linux-binary-9 (= 9), linux-modules-9 (= 9)' 'Description: empty' \
	>"$work/package/DEBIAN/control"
dpkg-deb -b "$work/package" "$work/empty.deb" >/dev/null
refused "an empty package" 'There is no kernel in .*empty.deb' --kernel "$work/empty.deb"
expect "the packages are named that have it" '--kernel for each: linux-binary-9 linux-modules-9$'
mkdir "$work/debs"
cp "$work/empty.deb" "$work/debs/linux-image-9_9_amd64.deb"
cp "$work/empty.deb" "$work/debs/linux-image-9-dbg_9_amd64.deb"
refused "a directory with half of a kernel's packages" 'There is no kernel in [^ ]*/linux-image-9_9_amd64.deb\.$' \
	--kernel "$work/debs"
mkdir -p "$work/package/boot"
: >"$work/package/boot/vmlinuz-9"
: >"$work/package/boot/vmlinuz-10"
dpkg-deb -b "$work/package" "$work/debs/linux-image-9_9_amd64.deb" >/dev/null
refused "a directory with two kernels" 'more than one kernel in .*: vmlinuz-10 vmlinuz-9\.$' --kernel "$work/debs"
rm -r "$work/package/boot"
refused "not a build tree" 'has no arch/x86/boot/bzImage' --linux "$work/empty"
refused "no such tree" 'no such directory' --linux "$work/none"
refused "a tree and a kernel" 'stands for both' --linux "$work/empty" --kernel 6.1
tree=$work/tree
mkdir -p "$tree/arch/x86/boot"
cp "$vmlinuz" "$tree/arch/x86/boot/bzImage"
cp "$work/debian/boot/config-$release" "$tree/.config"
refused "a tree without its modules" 'modules are built by .make modules' --linux "$tree"
mkdir "$tree/arch/x86/kvm"
cp "$work/kvm-intel.ko" "$tree/arch/x86/kvm/"
printf '%s\n' arch/x86/kvm/kvm-intel.o arch/x86/kvm/kvm.o >"$tree/modules.order"
refused "a tree with half of its modules" 'kvm, which kvm_intel needs, is missing' --linux "$tree"

# ---- modules and parameters ---------------------------------------------------------------------
refused "no such module" 'no such file' --kvm-intel "$work/none"
refused "not a module" 'is no kernel module' --kvm-intel README.md
refused "a program" 'is no kernel module' --kvm-intel build/midflight
gzip -c "$work/kvm-intel.ko" | head -c 100000 >"$work/cut.ko.gz"
refused "a packed module cut short" 'cannot be unpacked' --kvm-intel "$work/cut.ko.gz"
refused "another module" "is the module 'kvm_intel', not kvm\." --kvm "$work/kvm-intel.ko"
cp "$work/kvm-intel.ko" "$work/arm.ko"
byte "$work/arm.ko" 18 267 000
refused "a module for another machine" 'for another architecture: AArch64' --kvm-intel "$work/arm.ko"
changed 'vermagic=6\.12' 'vermagic=6.13'
refused "another vermagic" 'their vermagics differ' --kvm-intel "$work/changed.ko"
expect "both vermagics are told" 'module: 6\.13' 'kernel: 6\.12'
changed 'parmtype=nested:' 'parmtype=nestle:'
refused "no nested" "has no parameter 'nested'" --kvm-intel "$work/changed.ko"
changed 'depends=kvm' 'depends=xyz'
refused "a module that needs another" 'needs the module xyz' --kvm-intel "$work/changed.ko"
objcopy --remove-section .note.gnu.build-id "$work/kvm-intel.ko" "$work/nameless.ko"
refused "no build id" 'has no build id' --kvm-intel "$work/nameless.ko"
refused "an unknown parameter" "kvm_intel has no parameter 'etp'. It has: .* ept " --kvm-param etp=0
refused "an unknown parameter of kvm" "kvm has no parameter 'ept'. It has: .* halt_poll_ns " --kvm-param kvm.ept=0
refused "no value" 'should be NAME=VALUE' --kvm-param ept
refused "not a bool" 'ept is a bool' --kvm-param ept=maybe
refused "not a number" 'ple_gap is a number' --kvm-param ple_gap=x
refused "nested off" 'without nested there is nothing to test' --kvm-param nested=0

# ---- runs ---------------------------------------------------------------------------------------
parameters='cat /sys/module/kvm_intel/parameters/enable_apicv'
lab 0 run --kvm-param enable_apicv=0 -- sh -c "$parameters"
expect "--kvm-param: KVM is loaded anew with it" '^N$' "^lab: L0 runs Linux .*kvm_intel \($id\).*, enable_apicv=N$"
zstd -q "$work/kvm-intel.ko" -o "$work/packed.ko.zst"
lab 0 run --kvm-intel "$work/packed.ko.zst" \
	--put build/midflight --put build/midflight.elf -- ./midflight run --lab=no --image=./midflight.elf \
	--driver kvm --scenario running -n 1 --log out
expect "--kvm-intel: the module runs whose build id it has" "^lab: L0 runs Linux .*kvm_intel \($id, given\)"
expect "--kvm-intel: L2 runs" '^ok [0-9]+ - running\.control' '^ok [0-9]+ - running '
objcopy --rename-section .note.gnu.build-id=.note.other "$work/kvm-intel.ko" "$work/other.ko"
gzip "$work/other.ko"
lab 2 run --kvm-intel "$work/other.ko.gz" -- echo ran
expect "a module that runs with another build id than its file is refused" \
	"not fit for use: the module kvm_intel that runs has the build id '.*', its file '$id'$" \
	'^lab: The command was not run'
changed kvm_init_shadow_ept_mmu kvm_init_shadow_xyz_mmu
lab 2 run --kvm-intel "$work/changed.ko" -- echo ran
expect "a module that does not load is refused, in the kernel's words" \
	'not fit for use: the module kvm_intel does not load' 'Unknown symbol kvm_init_shadow_xyz_mmu'
refuse "the command was not run" '^ran'
lab 0 run --kernel "$cache/debs" -- uname -r
expect "a directory of packages: their kernel runs" '^'"${release//+/[+]}"'$'
lab 0 kernels
expect "lab.sh kernels: what the archives have" '^6\.1 +bookworm +(6\.1\.|not known)' \
	'^6\.12 +trixie +(6\.12\.|not known).* built: 6\.12\.'
what="kernels"
build/midflight kernels >"$work/out" 2>&1
holds "exit status 0: midflight kernels" [ $? = 0 ]
expect "midflight kernels: the same" '^6\.1 +bookworm '
MIDFLIGHT_MIRROR=http://127.0.0.1:9/debian lab 0 kernels
expect "lab.sh kernels: without a network, what is here" '^lab: trixie: .' '^6\.12 +trixie +not known +built: 6\.12\.'
