#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# build-l0.sh PACKAGES_DIR KERNEL_DIR OUT_DIR: makes boot.iso, the Linux that runs on the emulated CPU, out of
# Debian's kernel, busybox and QEMU. Only what is needed goes in: it is all copied by the emulator.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
packages=$(cd "$1" && pwd) linux=$(cd "$2" && pwd) out=$(cd "$3" && pwd)
MODULES='kvm-intel ata_piix sd_mod'
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
for deb in "$packages"/debs/*.deb "$linux"/debs/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -C "$debs" --keep-directory-symlink -x \
        --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale
done

mkdir -p "$root"/{dev,etc,midflight/out,proc,run,sys,tmp,modules,usr/share}
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

# ---- kernel and modules -------------------------------------------------------------------------
# Until Linux 6 it lies in /boot, since Linux 7 beside its modules.
kernel=$(find "$debs" -name 'vmlinuz*' -type f | head -n 1)
cp "$kernel" "$iso/boot/vmlinuz"

# The signature goes: checking it takes the emulated CPU longer than all the rest of loading.
cut_signature() { # FILE
    local magic='~Module signature appended~' length size
    [ "$(tail -c 28 "$1")" = "$magic" ] || return 0
    length=$(tail -c 32 "$1" | head -c 4 | od -An -tu1 |
        awk '{ print (($1 * 256 + $2) * 256 + $3) * 256 + $4 }')
    size=$(stat -c %s "$1")
    truncate -s $((size - 28 - 12 - length)) "$1"
}

declare -A seen=()
add_module() { # NAME; those that it depends on come first
    local name=${1//-/_} path ko dependency
    [ -z "${seen[$name]:-}" ] || return 0
    seen[$name]=yes
    path=$(find "$debs/usr/lib/modules" -name "${name//_/[-_]}.ko*" | head -n 1)
    [ -n "$path" ] || { echo "The kernel has no module $1" >&2; return 1; }
    ko=$root/modules/$name.ko
    case $path in
        *.xz) xz -dc "$path" > "$ko" ;;
        *.zst) zstd -qdc "$path" > "$ko" ;;
        *) cp "$path" "$ko" ;;
    esac
    cut_signature "$ko"
    for dependency in $(tr '\0' '\n' < "$ko" | sed -n 's/^depends=//p' | tr ',' ' '); do
        add_module "$dependency"
    done
    echo "$name" >> "$root/modules/order"
}
for module in $MODULES; do add_module "$module"; done

# ---- image ----------------------------------------------------------------------------------------
(cd "$root" && find . -mindepth 1 -print0 | sort -z |
    cpio --quiet --reproducible -0 -o -H newc -R 0:0) | zstd -q -T0 -10 > "$iso/boot/initrd"
# tsc_early_khz: the CPU model's CPUID names the real chip's frequency, but the emulated TSC runs
# at the rate set in bochsrc.
cat > "$iso/boot/grub/grub.cfg" <<'GRUB'
linux /boot/vmlinuz console=ttyS0,115200 quiet panic=-1 mitigations=off nokaslr tsc=reliable tsc_early_khz=100000 no_timer_check nowatchdog cryptomgr.notests init_on_alloc=0 cgroup_disable=memory randomize_kstack_offset=off audit=0 lsm= lpj=1000000
initrd /boot/initrd
boot
GRUB
grub-mkrescue -d /usr/lib/grub/i386-pc --install-modules='linux normal iso9660 biosdisk' \
    --locales= --fonts= --themes= -o "$out/boot.iso" "$iso" 2> "$work/mkrescue.log" ||
    { cat "$work/mkrescue.log" >&2; exit 1; }
du -sh "$root" "$iso/boot/initrd"
rm -rf "$work"
