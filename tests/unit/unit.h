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

#include "host/scenario.h"
#include "host/util.h"

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

/* Changes up to @changes random bytes of @p; may cut the end. Returns the new length. */
static inline size_t mutate(uint8_t *p, size_t len, unsigned changes, uint64_t *seed)
{
	for (unsigned i = 0; i < changes; i++) {
		uint64_t r = random_next(seed);
		size_t at = len ? (size_t)(r >> 16) % len : 0;

		if (!len)
			break;

		switch (r & 7) {
		case 0:
			p[at] ^= (uint8_t)(1u << (r >> 8 & 7));
			break;
		case 1:
			p[at] = (uint8_t)(r >> 8);
			break;
		case 2: /* a structural character */
			p[at] = (uint8_t) " \"\\=#@0\n\r{}[]:,."[r >> 8 & 15];
			break;
		case 3:
			p[at] = p[(size_t)(r >> 40) % len];
			break;
		case 4: /* lose a byte */
			memmove(p + at, p + at + 1, len - at - 1);
			len--;
			break;
		case 5: /* lose a stretch */
			if (at + 16 < len) {
				memmove(p + at, p + at + 16, len - at - 16);
				len -= 16;
			}
			break;
		case 6:
			p[at] = 0;
			break;
		default:
			if ((r >> 8 & 7) == 0)
				len = at;
			else
				p[at] = 0xff;
		}
	}
	return len;
}

#endif
