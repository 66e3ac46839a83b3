# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Starting and ending the emulator, for lab.sh and save-l0.sh (sourced, not run).

EMULATOR_PID=
EMULATOR_FOREGROUND= # not empty: it uses the terminal
SCRATCH=

# A private directory for one machine: relative names in bochsrc lead to files in it.
emulator_dir() { # BOCHS_DIR
    SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/midflight-lab.XXXXXX")
    # shellcheck disable=SC2154 # here: who sources this sets it
    ln -s "$1/BIOS" "$1/VGABIOS" "$here/msrs.def" "$SCRATCH/"
}

emulator_start() { # BOCHS_DIR TIMEOUT BOCHS_ARG...
    local bochs=$1/bochs seconds=$2
    shift 2
    # --pdeathsig: no emulator outlives this script, even one that is killed outright.
    (cd "$SCRATCH" && exec setpriv --pdeathsig TERM timeout ${EMULATOR_FOREGROUND:+--foreground} \
        --kill-after=2 "$seconds" \
        "$bochs" -q "$@" < /dev/null > bochs.out 2>&1) &
    EMULATOR_PID=$!
}

emulator_wait() {
    local status=0
    wait "$EMULATOR_PID" || status=$?
    EMULATOR_PID=
    return "$status"
}

emulator_end() {
    if [ -n "$EMULATOR_PID" ]; then
        kill "$EMULATOR_PID" 2> /dev/null || :
        wait "$EMULATOR_PID" 2> /dev/null || :
        EMULATOR_PID=
    fi
}

emulator_cleanup() {
    emulator_end
    [ -z "$SCRATCH" ] || rm -rf "$SCRATCH"
    SCRATCH=
}

# What is worth reading of the emulator's own log.
emulator_complaints() {
    [ ! -r "$SCRATCH/bochs.log" ] || grep -aE 'PANIC|VMFAIL|triple|shutdown' "$SCRATCH/bochs.log" |
        tail -n 5 || :
}
