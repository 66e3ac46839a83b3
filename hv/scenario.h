/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios: one file hv/scenario_NAME.c for L1's half (and l2guest/NAME.c for L2's), registered by
 * itself through a linker section. Nothing else lists them.
 */
#ifndef HV_SCENARIO_H
#define HV_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hv/l2.h"

struct scenario {
	const char *name;
	/* True if the CPU can run it; else @why names register and bit. VMX itself is checked
	 * before. */
	bool (*possible)(char *why, size_t size);
	/* In VMX root operation, interrupts off. Results by ktap_fail, ktap_check, ktap_skip. */
	void (*run)(void);
};

#define SCENARIO(id, possible_fn, run_fn)                                        \
	static const struct scenario scenario_##id = {#id, possible_fn, run_fn}; \
	static const struct scenario *const scenario_##id##_entry                \
		__attribute__((used, section(".scenarios." #id))) = &scenario_##id

/* Runs what the command line names, prints all results, ends the VM. */
void scenario_run_all(void) __attribute__((noreturn));

/*
 * One hop: hop_begin prints `ready` - call it right before entering L2. hop_answer says whether the
 * host has spoken: 0 not yet, else HOP_KEEP, HOP_POSTED (it posted an interrupt), or the same
 * with RETRY.
 * Without sync=host it is HOP_KEEP at once.
 */
enum hop_answer { HOP_NONE, HOP_KEEP, HOP_POSTED, HOP_RETRY, HOP_POSTED_RETRY };
static inline bool hop_posted(enum hop_answer answer)
{
	return answer == HOP_POSTED || answer == HOP_POSTED_RETRY;
}
static inline bool hop_again(enum hop_answer answer)
{
	return answer == HOP_RETRY || answer == HOP_POSTED_RETRY;
}
void hop_begin(uint64_t hop);
enum hop_answer hop_answer(void);
enum hop_answer hop_wait(void); /* polls until the host has spoken */

/* Whether there is a host to speak with (sync=host); else @why says so. */
bool hop_host_there(char *why, size_t size);

/* Prints `missed` or `hop` with the number of failures since hop_begin. */
void hop_end(uint64_t hop, enum hop_answer answer);

#endif
