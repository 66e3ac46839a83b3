/* SPDX-License-Identifier: BSD-2-Clause */
/* Mutations of bytes, for all tests that damage what the runner reads. */
#ifndef TESTS_MUTATE_H
#define TESTS_MUTATE_H

#include "host/base/util.h"

#include <string.h>

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
