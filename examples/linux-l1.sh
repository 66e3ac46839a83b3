#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# linux-l1.sh MODULES BUSYBOX GUEST OUT: makes OUT, an initramfs with which a Linux is an L1: it loads kvm_intel, runs
# the multiboot image GUEST in a virtual machine of its own (by this midflight's small VMM), says how that ended, and
# powers off. MODULES: a directory with the kernel's irqbypass, kvm and kvm-intel, as /lib/modules/$(uname -r);
# BUSYBOX: a static one, as /bin/busybox of Debian's busybox-static.
#
#   examples/linux-l1.sh /lib/modules/6.12.*-cloud-amd64 /bin/busybox build/guests/works.elf l1.gz
#   midflight run --guest /boot/vmlinuz-6.12.*-cloud-amd64 --initrd l1.gz --profile linux --memory 96 \
#       --append 'console=ttyS0,115200 quiet panic=-1' --method precopy --loops 8 --lab-memory 1024
set -euo pipefail
[ $# = 4 ] || { sed -n '3,7s/^# //p' "$0" >&2; exit 2; }
modules=$1 busybox=$2 guest=$3 out=$4
midflight=$(dirname "$0")/../build/midflight

work=$(mktemp -d "${TMPDIR:-/tmp}/linux-l1.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/root/{bin,dev,modules,proc,sys,tmp}
for name in irqbypass kvm kvm[-_]intel; do
	file=$(find "$modules" -name "$name.ko*" -print -quit)
	[ -n "$file" ] || { echo "linux-l1.sh: no module $name in $modules" >&2; exit 2; }
	case $file in
	*.xz) xz -dc "$file" ;;
	*.zst) zstd -dqc "$file" ;;
	*) cat "$file" ;;
	esac >"$work/root/modules/$(basename "${file%.ko*}").ko"
	basename "${file%.ko*}" >>"$work/root/modules/order"
done
cp "$busybox" "$work/root/bin/busybox"
cp "$guest" "$work/root/guest.elf"
strip -o "$work/root/bin/midflight" "$midflight"
cat >"$work/root/init" <<'END'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
while read -r module; do /bin/busybox insmod /modules/$module.ko; done </modules/order
/bin/midflight run --lab no --driver kvm --guest /guest.elf --at 0.001 --quiet --log /tmp/log >/tmp/out 2>&1
status=$?
/bin/busybox grep 'ok [12] ' /tmp/out
echo "the guest's guest: $status"
/bin/busybox poweroff -f
END
chmod +x "$work/root/init"
(cd "$work/root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) | gzip -1 >"$out"
