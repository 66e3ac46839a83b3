/* SPDX-License-Identifier: BSD-2-Clause */
/* What all unit tests include, in the order that cmocka wants. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/l1/scenario.h"
#include "host/base/util.h"
#include "tests/mutate.h"

/* Fails with both strings shown unless @text contains @part. */
#define assert_contains(text, part)                                         \
	do {                                                                \
		if (!strstr(text, part))                                    \
			fail_msg("'%s' does not contain '%s'", text, part); \
	} while (0)

/* Two scenarios, as an image would tell of them. */
static inline void unit_scenarios(void)
{
	static const char about[] =
		"name: running\ntitle: L2 runs\nproof: l2 runnable\nquick: yes\n"
		"\0name: halted\ntitle: L2 sleeps\nproof: l2 halted\nquick: yes\n";
	struct err e;

	if (scenarios_parse(about, sizeof(about), &e))
		fail_msg("%s", e.text);
}

#endif
