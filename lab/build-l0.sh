#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# build-l0.sh PACKAGES_DIR PARTS_DIR OUT_DIR: makes the Linux that runs on the emulated CPU out of a kernel's
# parts (kernel.sh), busybox and QEMU: files, and OUT_DIR/images that tells where in memory each begins.
# Only what is needed goes in: it is all copied by the emulator.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
packages=$(cd "$1" && pwd) parts=$(cd "$2" && pwd) out=$(cd "$3" && pwd)
# shellcheck source-path=SCRIPTDIR source=cross.sh disable=SC1091
. "$here/cross.sh"
FIRMWARE='bios.bin bios-256k.bin bios-microvm.bin kvmvapic.bin linuxboot.bin linuxboot_dma.bin
    multiboot.bin multiboot_dma.bin pvh.bin qboot.rom'

work=$out/work
debs=$work/debs root=$work/root
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
cp "$here/keep" "$root/bin/keep"
chmod 755 "$root/init" "$root/bin/keep"
echo 'root:x:0:0:root:/tmp:/bin/sh' > "$root/etc/passwd"
echo 'root:x:0:' > "$root/etc/group"
cp "$debs/bin/busybox" "$root/bin/busybox"
# Its list of applets, as the file has it: it may not run on this machine.
tr '\0' '\n' < "$root/bin/busybox" | awk '$0 == "[[" { print "["; on = 1 } $0 == "" { on = 0 } on' |
    while read -r applet; do
        [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
    done
[ -e "$root/bin/sh" ] || { echo 'no list of applets is found in busybox' >&2; exit 1; }
"${cross}gcc" -O2 -Wall -Wextra -Werror -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables \
    -nostdlib -static -no-pie -Wl,--build-id=none -s -o "$root/bin/control" "$here/control.c"

# ---- QEMU, its libraries, its firmware --------------------------------------------------------
libs=usr/lib/x86_64-linux-gnu
loader=ld-linux-x86-64.so.2
mkdir -p "$root/$libs"
cp "$debs/usr/bin/qemu-system-x86_64" "$root/bin/"
cp -L "$debs/$libs/$loader" "$root/lib64/$loader"
# What the loader would find, by the files alone: it may not run on this machine.
add_libraries() { # FILE
    local name lib
    for name in $(readelf -W -d "$1" | sed -n "/$loader/d; s/.*(NEEDED).*\[\(.*\)\]\$/\1/p"); do
        [ ! -e "$root/$libs/$name" ] || continue
        lib=$(find "$debs/$libs/" -name "$name" -print -quit)
        [ -n "$lib" ] || { echo "QEMU's library $name is in no package that was fetched" >&2; exit 1; }
        cp -L "$lib" "$root/$libs/"
        add_libraries "$root/$libs/$name"
    done
}
add_libraries "$root/bin/qemu-system-x86_64"
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

# ---- what lies in memory when the emulator is switched on ------------------------------------
# As boot.rst has it: the kernel's real-mode code at 0x90000, which asks the BIOS about the machine and
# then calls what code32_start names; here that is the loader, which calls the kernel. Packed, or read by a
# boot loader, each would cost the emulated CPU many times what it costs the host.
die() { # MESSAGE...
    printf '%s\n' "$@" >&2
    exit 1
}
files=$work
# shellcheck source-path=SCRIPTDIR source=kernel.sh disable=SC1091
. "$here/kernel.sh"

poke() { # FILE OFFSET BYTES VALUE: little-endian
    local i
    for ((i = 0; i < $3; i++)); do
        # shellcheck disable=SC2059 # the number is the format
        printf "\\x$(printf %02x $(($4 >> 8 * i & 255)))"
    done | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

image() { # NAME ADDRESS
    images=$((images + 1))
    printf 'optramimage%d: file=%s, address=0x%x\n' "$images" "$1" "$2" >> "$out/images"
}

REAL_MODE=0x90000 CMDLINE=0xe000 LOADER=0x100000
images=0
vmlinuz=$parts/vmlinuz
setup_size=$(($(payload_at "$vmlinuz") - $(number "$vmlinuz" 584 4)))
head -c "$setup_size" "$vmlinuz" > "$out/real-mode"
# tsc_early_khz: the CPU model's CPUID names the real chip's frequency, but the emulated TSC runs
# at the rate set in bochsrc. unknown_nmi_panic: so it tells where it hangs (bochs/0034-heartbeat.patch).
# initcall_blacklist: what gathers entropy from a clock that has none.
printf '%s\0' "console=ttyS0,115200 quiet panic=-1 mitigations=off nokaslr tsc=reliable tsc_early_khz=100000 no_timer_check nowatchdog unknown_nmi_panic cryptomgr.notests init_on_alloc=0 cgroup_disable=memory randomize_kstack_offset=off audit=0 lsm= lpj=1000000 initcall_blacklist=jent_mod_init $(paste -sd ' ' "$parts/cmdline")" |
    dd of="$out/real-mode" bs=1 seek=$((CMDLINE)) status=none
image real-mode $REAL_MODE
if unpack_vmlinux "$vmlinuz"; then
    vmlinux=$files/vmlinux
    entry=$(number "$vmlinux" 24 8) header=$(number "$vmlinux" 32 8) base=
    for ((end = header + 56 * $(number "$vmlinux" 56 2); header < end; header += 56)); do
        [ "$(number "$vmlinux" "$header" 4)" = 1 ] || continue # PT_LOAD
        from=$(number "$vmlinux" $((header + 8)) 8) to=$(number "$vmlinux" $((header + 24)) 8)
        size=$(number "$vmlinux" $((header + 32)) 8)
        : "${base:=$to}"
        ((to >= base && size >= 0 && to - base + size <= $(number "$vmlinuz" 608 4))) ||
            die 'The kernel does not fit into the memory that its header asks for: it is damaged.'
        dd if="$vmlinux" of="$out/kernel" bs=1M iflag=skip_bytes,count_bytes oflag=seek_bytes \
            conv=notrunc status=none skip="$from" count="$size" seek=$((to - base))
    done
    poke "$out/real-mode" 532 4 $((LOADER + 512)) # code32_start
    image loader $LOADER
    image kernel "$base"
else # no tool for its packing: it unpacks itself
    entry=0
    tail -c +$((setup_size + 1)) "$vmlinuz" > "$out/kernel"
    image kernel 0x100000
fi
"${cross}gcc" -nostdlib -static -no-pie -Wl,--build-id=none,-Ttext=$LOADER,-e,$LOADER,--oformat=binary \
    -Wa,--defsym,ENTRY="$entry" -o "$out/loader" "$here/loader.S"

cp -R "$parts/modules" "$root/modules"
(cd "$root" && find . -mindepth 1 -print0 | sort -z |
    cpio --quiet --reproducible -0 -o -H newc -R 0:0) > "$out/initrd"
# Behind all that the kernel takes before it knows its memory: pref_address, init_size.
initrd=$((($(number "$vmlinuz" 600 8) + $(number "$vmlinuz" 608 4) + 0xfffff) & ~0xfffff))
image initrd $initrd
poke "$out/real-mode" 506 2 0xffff # vid_mode: as it is
poke "$out/real-mode" 528 1 0xff   # type_of_loader: unknown
poke "$out/real-mode" 529 1 $(($(number "$vmlinuz" 529 1) | 0x80)) # loadflags: there is a heap
poke "$out/real-mode" 536 4 $initrd
poke "$out/real-mode" 540 4 "$(stat -c %s "$out/initrd")"
poke "$out/real-mode" 548 2 $((CMDLINE - 0x200)) # heap_end_ptr
poke "$out/real-mode" 552 4 $((REAL_MODE + CMDLINE))
du -sh "$root"
zstd -q -T0 -3 --rm "$out/initrd" "$out/kernel"
rm -rf "$work"
