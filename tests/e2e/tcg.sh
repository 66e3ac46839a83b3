#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A QEMU without VMX: the guest must say SKIP with the reason, the runner must exit 4.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

run 4 --accel tcg --loops 2
expect "without VMX: both scenarios are skipped with the register that says so" \
	'^ok [0-9]+ - running # SKIP no VMX: CPUID\.1:ECX\[5\]=0' '^ok [0-9]+ - halted # SKIP no VMX'
refuse "without VMX: nothing passes" '^ok [0-9]+ - [a-z.]+( # [0-9]|$)'

run 2 --accel tcg --scenario no-such
expect "unknown scenario: usage error" 'no-such'

run 2 --accel tcg --image /nonexistent/midflight.elf
expect "missing image: error with its path" '/nonexistent/midflight.elf'
