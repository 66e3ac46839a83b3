#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Midflight as a kselftest: this kernel's KVM or nothing, KTAP on stdout; exit status 0 pass, 1 fail,
# 4 skip, all else is the harness. MIDFLIGHT names the program; the arguments are those of `midflight
# run`, which run_kselftest.sh takes from KSELFTEST_MIDFLIGHT_SH_ARGS.
midflight=${MIDFLIGHT:-midflight}

command -v "$midflight" >/dev/null || {
	echo "KTAP version 1"
	echo "1..0 # SKIP there is no program $midflight"
	exit 4
}
log=$(mktemp -d "${TMPDIR:-/tmp}/midflight-log.XXXXXX") || exit 2
exec "$midflight" run --lab no --log "$log" "$@"
