/* SPDX-License-Identifier: BSD-2-Clause */
/* L1's command line; docs/protocol.md lists the words. */
#ifndef BOOT_CMDLINE_H
#define BOOT_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* break=: what to break on purpose. */
#define BREAKAGES(B)                            \
	B(NONE, "none")                         \
	B(DIGEST, "digest")                     \
	B(DROP_INTERRUPT, "drop-interrupt")     \
	B(DOUBLE_INTERRUPT, "double-interrupt") \
	B(PAGE, "page")                         \
	B(VMCS_FIELD, "vmcs-field")             \
	B(TRUNCATE, "truncate")

enum breakage {
#define B(name, text) BREAK_##name,
	BREAKAGES(B)
#undef B
};

struct cmdline {
	const char *boot;     /* "multiboot" or "pvh" */
	const char *scenario; /* list, not terminated; NULL: all */
	size_t scenario_len;
	uint64_t hops;
	uint64_t seed;
	bool sync_host;
	uint64_t vcpus;	 /* that L1 may use: 1 or 2 */
	uint64_t sleep;	 /* how often the time that `halted` sleeps is doubled at the start */
	uint64_t wait;	 /* 1: at each `ready` wait for the host */
	uint64_t rounds; /* that L2 of `running` computes between two VMCALLs */
	enum breakage breakage;
	const void *module; /* that a multiboot loader has put into memory, the first; NULL: none */
	size_t module_size;
};

extern struct cmdline cmdline;

/*
 * A copy of what the loader, by which we were booted (@how, BOOT_*), left at @info; ends the run if
 * it is too long. Sets cmdline.boot and cmdline.module.
 */
const char *cmdline_copy(uint32_t how, uint64_t info);

/* Parses @text, which must live on. NULL if all is well, else the first word that is wrong. */
const char *cmdline_parse(const char *text);

#endif
