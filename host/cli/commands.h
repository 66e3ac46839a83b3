/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of commands and their options: parser, --help, man page and completion read them. */
#ifndef HOST_CLI_COMMANDS_H
#define HOST_CLI_COMMANDS_H

#include "host/cli/options.h"

#include <argp.h>

enum {
	OPT_DRIVER = 256,
	OPT_ACCEL,
	OPT_IMAGE,
	OPT_QEMU,
	OPT_MACHINE,
	OPT_CPU,
	OPT_LAB,
	OPT_SEED,
	OPT_BREAK,
	OPT_STRICT,
	OPT_KICK,
	OPT_NUDGE,
	OPT_SHOWN_COMMAND,
	OPT_SHOWN_LOG,
	OPT_SHOWN_REPLAY,
	OPT_SHOWN_STARTED,
	OPT_ONLY,
	OPT_METHOD,
	OPT_ORDER,
	OPT_PAGES,
	OPT_FREEZE,
	OPT_HOPS_BEFORE,
	OPT_SERVE_FROM,
	OPT_SOCKET,
	OPT_ALL,
	OPT_NO_ORACLES,
	OPT_IRQCHIP,
	OPT_WITHOUT,
	OPT_SHARD,
	OPT_METHODS,
	OPT_OUT,
	OPT_JSON,
	OPT_JUNIT,
	OPT_DIFF,
	OPT_KERNEL,
	OPT_MODULES,
	OPT_LINUX,
	OPT_KVM,
	OPT_KVM_INTEL,
	OPT_KVM_PARAM,
	OPT_COVERAGE,
	OPT_DEBUG_INFO,
	OPT_EACH_MODULE,
	OPT_EACH_PARAM,
	OPT_BUILD,
	OPT_STEP,
	OPT_POINTS,
	OPT_FOR,
	OPT_ORDERS,
	OPT_COUNT_ON,
	OPT_EXACT,
	OPT_DEFCONFIG,
	OPTIONS_MAX
};

struct command_info {
	const char *name;
	const char *args;  /* what stands behind the options, or NULL */
	const char *title; /* in one line; NULL: not for people */
	const char *text;  /* --help: what it does, \v, exit status and examples */
};
extern const struct command_info commands[COMMANDS];

struct option_row {
	unsigned commands; /* 1 << CMD_... of those that take it */
	struct argp_option option;
};
extern const struct option_row option_rows[];
extern const unsigned option_row_count;

#endif
