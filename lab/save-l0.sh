#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# save-l0.sh BOCHS_DIR L0_DIR DISK_MB LINES OUT_DIR: boots L0 on the machine that LINES of bochsrc describe, and
# keeps the emulator's saved state, from which every run starts, in OUT_DIR/state.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
bochs=$(cd "$1" && pwd) l0=$(cd "$2" && pwd) disk_mb=$3 out=$(cd "$5" && pwd)

# shellcheck source-path=SCRIPTDIR source=emulator.sh disable=SC1091
. "$here/emulator.sh"
trap emulator_cleanup EXIT

emulator_dir "$bochs"
ln -s "$l0"/{real-mode,loader} "$SCRATCH/"
for image in kernel initrd; do zstd -dq "$l0/$image.zst" -o "$SCRATCH/$image"; done
head -c 512 "$l0/loader" > "$SCRATCH/disk"
truncate -s "${disk_mb}M" "$SCRATCH/disk"
mkdir "$SCRATCH/state"
mapfile -t machine <<< "$4"
mapfile -t images < "$l0/images"
emulator_start "$bochs" 300 -f "$here/bochsrc" "${images[@]}" "boot: disk" \
    "${machine[@]}" \
    "ata0-master: type=disk, path=disk, mode=flat, translation=lba" \
    "com2: enabled=1, mode=file, dev=com2"
status=0
emulator_wait || status=$?
tr -d '\r' < "$SCRATCH/com1"
emulator_complaints
if [ "$status" -ne 0 ] || ! grep -q 'state saved' "$SCRATCH/bochs.out"; then
    echo "L0 did not come up (emulator's exit status $status)."
    tail -n 5 "$SCRATCH/bochs.out"
    exit 1
fi
# The disk's contents come new with every run.
rm "$SCRATCH/state/hard_drive.0.drive0.image"
sed -i '/^optramimage/s/file=.*/file=none/' "$SCRATCH/state/config"
mv "$SCRATCH/state" "$out/state"
tr -d '\r' < "$SCRATCH/com1" > "$out/boot.log"
