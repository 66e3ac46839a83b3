/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios: one file hv/scenarios/NAME.c for L1's half (and l2guest/halves/NAME.c for L2's),
 * registered by itself through a linker section. Nothing else lists them: the runner reads what it
 * must know from the image.
 */
#ifndef HV_SCENARIO_H
#define HV_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hv/hop.h"
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
 * runner, lines of `key: value`. host/l1/scenario.h tells the keys.
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

#endif
