#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# build-l0.sh PACKAGES_DIR PARTS_DIR OUT_DIR: makes boot.iso, the Linux that runs on the emulated CPU, out of
# a kernel's parts (kernel.sh), busybox and QEMU. Only what is needed goes in: it is all copied by the
# emulator.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
packages=$(cd "$1" && pwd) parts=$(cd "$2" && pwd) out=$(cd "$3" && pwd)
FIRMWARE='bios.bin bios-256k.bin bios-microvm.bin kvmvapic.bin linuxboot.bin linuxboot_dma.bin
    multiboot.bin multiboot_dma.bin pvh.bin qboot.rom'

work=$out/work
debs=$work/debs root=$work/root iso=$work/iso
mkdir -p "$iso/boot/grub"
for tree in "$debs" "$root"; do
    mkdir -p "$tree"/usr/{bin,lib,lib64}
    ln -s usr/bin "$tree/bin"
    ln -s usr/lib "$tree/lib"
    ln -s usr/lib64 "$tree/lib64"
done
for deb in "$packages"/debs/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -C "$debs" --keep-directory-symlink -x \
        --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale
done

mkdir -p "$root"/{dev,etc,midflight/out,proc,run,sys,tmp,usr/share}
ln -s bin "$root/usr/sbin"
ln -s usr/sbin "$root/sbin"
cp "$here/init" "$root/init"
chmod 755 "$root/init"
echo 'root:x:0:0:root:/tmp:/bin/sh' > "$root/etc/passwd"
echo 'root:x:0:' > "$root/etc/group"
cp "$debs/bin/busybox" "$root/bin/busybox"
"$root/bin/busybox" --list | while read -r applet; do
    [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done
gcc -O2 -Wall -Wextra -Werror -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables \
    -nostdlib -static -no-pie -Wl,--build-id=none -s -o "$root/bin/control" "$here/control.c"

# ---- QEMU, its libraries, its firmware --------------------------------------------------------
libs=usr/lib/x86_64-linux-gnu
loader=ld-linux-x86-64.so.2
mkdir -p "$root/$libs"
cp "$debs/usr/bin/qemu-system-x86_64" "$root/bin/"
cp -L "$debs/$libs/$loader" "$root/lib64/$loader"
"$debs/$libs/$loader" --inhibit-cache --library-path "$debs/$libs" \
    --list "$root/bin/qemu-system-x86_64" > "$work/list"
sed -n 's/.* => \(.*\) (0x[0-9a-f]*)$/\1/p' "$work/list" | while IFS= read -r lib; do
    case $lib in
        */"$loader") ;;
        "$debs"/*) cp -L "$lib" "$root/$libs/" ;;
        *) echo "QEMU's library $lib is in no package that was fetched" >&2; exit 1 ;;
    esac
done
if grep -F 'not found' "$work/list"; then exit 1; fi
mkdir -p "$root/usr/share/qemu" "$root/usr/share/seabios"
for file in $FIRMWARE; do
    for dir in usr/share/qemu usr/share/seabios; do
        [ ! -f "$debs/$dir/$file" ] || cp -L "$debs/$dir/$file" "$root/$dir/"
    done
done
gcc -O2 -Wall -Wextra -Werror -o "$work/lazy" "$here/lazy.c"
"$work/lazy" "$root/bin/qemu-system-x86_64" "$root/$libs"/*
# Saves QEMU's start the search for each of its libraries.
PATH=$PATH:/usr/sbin:/sbin ldconfig -X -r "$root"

# ---- image ----------------------------------------------------------------------------------------
cp "$parts/vmlinuz" "$iso/boot/vmlinuz"
cp -R "$parts/modules" "$root/modules"
(cd "$root" && find . -mindepth 1 -print0 | sort -z |
    cpio --quiet --reproducible -0 -o -H newc -R 0:0) | zstd -q -T0 -10 > "$iso/boot/initrd"
# tsc_early_khz: the CPU model's CPUID names the real chip's frequency, but the emulated TSC runs
# at the rate set in bochsrc.
cat > "$iso/boot/grub/grub.cfg" <<GRUB
linux /boot/vmlinuz console=ttyS0,115200 quiet panic=-1 mitigations=off nokaslr tsc=reliable tsc_early_khz=100000 no_timer_check nowatchdog cryptomgr.notests init_on_alloc=0 cgroup_disable=memory randomize_kstack_offset=off audit=0 lsm= lpj=1000000 $(paste -sd ' ' "$parts/cmdline")
initrd /boot/initrd
boot
GRUB
grub-mkrescue -d /usr/lib/grub/i386-pc --install-modules='linux normal iso9660 biosdisk' \
    --locales= --fonts= --themes= -o "$out/boot.iso" "$iso" 2> "$work/mkrescue.log" ||
    { cat "$work/mkrescue.log" >&2; exit 1; }
du -sh "$root" "$iso/boot/initrd"
rm -rf "$work"
