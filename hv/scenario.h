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
	 * L1 or l2_freeze() in L2), with FREEZE(port) or FREEZE(page). What it created is cleaned
	 * up behind it; VMX must be on again.
	 * run: all hops with hop_begin, hop_answer and hop_end.
	 */
	void (*fly)(void);
	void (*run)(void);
};

/*
 * SCENARIO(name, NEEDS(controls...), FLY(function), TITLE("..."), ...): what follows the function
 * is for people and for the runner, keys that stand below behind TEXT_, each at most once but ACT
 * and ACT1; host/l1/scenario.h tells what they mean. Another key, or a word of FREEZE or ACT that
 * is not in its table, does not compile.
 */
#define SCENARIO(id, needs_list, functions, ...)                                        \
	_Static_assert(true EACH(WORD, __VA_ARGS__), #id ": VCPUS is 2 or not there");  \
	static const uint16_t scenario_##id##_needs[] = needs_list;                     \
	static const char scenario_##id##_about[]                                       \
		__attribute__((used, section(".debug_scenarios"))) =                    \
			"name: " #id "\nfamily: " __FILE_NAME__ "\nneeds: " #needs_list \
			"\n" EACH(TEXT, __VA_ARGS__);                                   \
	static const struct scenario scenario_##id = {                                  \
		.name = #id, .needs = scenario_##id##_needs, functions};                \
	static const struct scenario *const scenario_##id##_entry                       \
		__attribute__((used, section(".scenarios." #id))) = &scenario_##id

/* The scenario's function, and a condition: FLY(function, .possible = function). */
#define FLY(function, ...) .fly = function, ##__VA_ARGS__
#define RUN(function, ...) .run = function, ##__VA_ARGS__

/* EACH(TEXT, FREEZE(port), QUICK) is TEXT_FREEZE(port) TEXT_QUICK. */
#define EACH(what, ...) EACH_(what, __VA_ARGS__, , , , , , , , , , , , )
#define EACH_(what, a, b, c, d, e, f, g, h, i, j, k, l, ...)                                    \
	what##_##a what##_##b what##_##c what##_##d what##_##e what##_##f what##_##g what##_##h \
		what##_##i what##_##j what##_##k what##_##l
#ifdef __cppcheck__ /* finds no macro whose name was put together */
#undef EACH
#define EACH(what, ...)
#endif

/* The line of a key; nothing is behind the last one. */
#define TEXT_
#define TEXT_TITLE(text)      "title: " text "\n"
#define TEXT_PROMISE(text)    "promise: " text "\n"
#define TEXT_HOST(text)	      "host: " text "\n"
#define TEXT_BUG(text)	      "bug: " text "\n"
#define TEXT_FAILURE(text)    "failure: " text "\n"
#define TEXT_FREEZE(when)     "freeze: " #when "\n"
#define TEXT_VCPUS(n)	      "vcpus: " #n "\n"
#define TEXT_PROOF(terms)     "proof: " terms "\n"
#define TEXT_PROOF1(terms)    "proof1: " terms "\n"
#define TEXT_ACT(what, when)  "act: " #what " " #when "\n"
#define TEXT_ACT1(what, when) "act1: " #what " " #when "\n"
#define TEXT_POSTS	      "posts: yes\n"
#define TEXT_QUICK	      "quick: yes\n"
#define TEXT_ORDINARY	      "ordinary: yes\n"
#define TEXT_ORDER(name)      "order: " name "\n"

/* Behind `true`: whether what a key says is in its table. */
#define WORD_
#define WORD_TITLE(text)
#define WORD_PROMISE(text)
#define WORD_HOST(text)
#define WORD_BUG(text)
#define WORD_FAILURE(text)
#define WORD_FREEZE(when) &&FREEZE_##when >= 0
#define WORD_VCPUS(n)	  &&n == 2
#define WORD_PROOF(terms)
#define WORD_PROOF1(terms)
#define WORD_ACT(what, when)  &&ACT_##what + WHEN_##when >= 0
#define WORD_ACT1(what, when) &&ACT_##what + WHEN_##when >= 0
#define WORD_POSTS
#define WORD_QUICK
#define WORD_ORDINARY
#define WORD_ORDER(name)

enum scenario_word {
#define F(id, name, text) FREEZE_##name,
#include "hv/freezes.def"
#undef F
#define A(id, name, text) ACT_##name,
#include "hv/acts.def"
#undef A
#define W(id, name, text) WHEN_##name,
#include "hv/act_whens.def"
#undef W
};

/*
 * What the CPU must offer: controls (enum vmx_control), and L2_BASE or L2_APICV for what
 * l2_create() sets. Without these a scenario needs only VMX itself.
 * EVMCS: it is about an enlightened VMCS, and L1 is enlightened when it flies. Those that need
 * L2_BASE, or L2_ANY, fly a second time in that way, as NAME_evmcs, unless they say ORDINARY.
 * L2_ANY: it uses l2_create(), and nothing of APICv: L2_APICV, but L2_BASE for an enlightened L1.
 */
#define NEEDS(...)                                   \
	{                                            \
		VMX_ITSELF, ##__VA_ARGS__, NEEDS_END \
	}
enum scenario_need { VMX_ITSELF = VMX_CONTROLS, L2_BASE, L2_APICV, L2_ANY, EVMCS, NEEDS_END };

#endif
