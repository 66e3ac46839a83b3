#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Makes a bootable ISO with GRUB: mkiso.sh ELF ISO [WORD...], WORDs become L1's command line. File MODULE,
# if that is set, is loaded with it.
set -eu
elf=$1
iso=$2
shift 2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/tree/boot/grub"
cp "$elf" "$dir/tree/boot/l1.elf"
cat >"$dir/tree/boot/grub/grub.cfg" <<CFG
set timeout=0
multiboot /boot/l1.elf $*
CFG
if [ -n "${MODULE:-}" ]; then
	cp "$MODULE" "$dir/tree/boot/module"
	echo 'module /boot/module' >>"$dir/tree/boot/grub/grub.cfg"
fi
echo boot >>"$dir/tree/boot/grub/grub.cfg"
date=2000010100000000 # the same image for the same kernel
if ! grub-mkrescue -d "${GRUB_I386_PC:-/usr/lib/grub/i386-pc}" -o "$iso" --install-modules="multiboot normal iso9660 biosdisk" \
	--locales="" --fonts="" --themes="" "$dir/tree" -- \
	-volume_date uuid $date -volume_date c $date -volume_date m $date \
	-volume_date all_file_dates $date >"$dir/log" 2>&1; then
	cat "$dir/log" >&2
	exit 1
fi
