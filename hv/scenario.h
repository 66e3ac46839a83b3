/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios: one file hv/scenario_NAME.c for L1's half (and l2guest/NAME.c for L2's), registered by
 * itself through a linker section. Nothing else lists them: the runner reads what it must know from
 * the image.
 */
#ifndef HV_SCENARIO_H
#define HV_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hv/l2.h"

struct scenario {
	const char *name;
	const uint16_t *needs; /* ends with NEEDS_END */
	/*
	 * What @needs cannot say, or NULL. True if the CPU can run it; else @why names register and
	 * bit. VMX is there, and off.
	 */
	bool (*possible)(char *why, size_t size);
	/*
	 * One of both. In VMX root operation, interrupts off, no current VMCS, all pages free.
	 * Results by ktap_fail, ktap_check, ktap_skip.
	 *
	 * fly: one hop; `ready` was printed. It passes exactly one freeze point (freeze_point() in
	 * L1 or l2_freeze() in L2), if about says `freeze: port` or `page`. What it created is
	 * cleaned up behind it; VMX must be on again.
	 * run: all hops with hop_begin, hop_answer and hop_end.
	 */
	void (*fly)(void);
	void (*run)(void);
};

/*
 * SCENARIO(name, NEEDS(controls...), about, .fly = function): @about is text for people and for the
 * runner, lines of `key: value`. host/scenario.h tells the keys.
 */
#define SCENARIO(id, needs_list, about_text, ...)                             \
	static const uint16_t scenario_##id##_needs[] = needs_list;           \
	static const char scenario_##id##_about[]                             \
		__attribute__((used, section(".debug_scenarios"))) =          \
			"name: " #id "\nneeds: " #needs_list "\n" about_text; \
	static const struct scenario scenario_##id = {                        \
		.name = #id, .needs = scenario_##id##_needs, __VA_ARGS__};    \
	static const struct scenario *const scenario_##id##_entry             \
		__attribute__((used, section(".scenarios." #id))) = &scenario_##id

/*
 * What the CPU must offer: controls (enum vmx_control), and L2_BASE or L2_APICV for what
 * l2_create() sets. Without these a scenario needs only VMX itself.
 */
#define NEEDS(...)                                   \
	{                                            \
		VMX_ITSELF, ##__VA_ARGS__, NEEDS_END \
	}
enum scenario_need { VMX_ITSELF = VMX_CONTROLS, L2_BASE, L2_APICV, NEEDS_END };

/* Runs what the command line names, prints all results, ends the VM. */
void scenario_run_all(void) __attribute__((noreturn));

/* In L1: the host freezes the VM here. For scenarios with .fly. */
void freeze_point(void);

/*
 * Tells the host, in .fly before the freeze point, what its act (about, `act:`) needs: the vector
 * it sends, and the posted-interrupt descriptor of @l2 (NULL: none).
 */
void expect_vector(uint8_t vector, const struct l2 *l2);
/* The same for acts and freezes that are about a page of L1's: that at guest-physical @gpa. */
void expect_page(uint64_t gpa);
/*
 * For so many TSC ticks L1 and L2 may rightly have nothing to say in hop @hop and the next ones:
 * the host sends no nudge meanwhile.
 */
void expect_quiet(uint64_t hop, uint64_t ticks);

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
/*
 * The host's nudge met L2, whose VMCS is current: prints `nudged`. Unless it found an interrupt
 * @lost it may have cured what the hop is about, and hop_outcome() has the hop flown again.
 */
void hop_nudged(bool lost);
/* What becomes of a hop in which all is well and whose host has answered @answer. */
enum hop_answer hop_outcome(enum hop_answer answer);
enum hop_answer hop_wait(void); /* polls until the host has spoken */
uint64_t hop_current(void);

/* Whether there is a host to speak with (sync=host); else @why says so. */
bool hop_host_there(char *why, size_t size);

/*
 * What L2 has computed in @rounds rounds, when the host has spoken, for the next hop_end: of a VM
 * that goes back in time, and of any flight with the same seed that comes to the same round, the
 * host expects the same again.
 */
void hop_digest(uint64_t digest, uint64_t rounds);

/* Prints `missed` (to be flown again) or `hop` with the number of failures since hop_begin. */
void hop_end(uint64_t hop, enum hop_answer answer);

#endif
