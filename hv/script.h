/* SPDX-License-Identifier: BSD-2-Clause */
/* L1's half of an L2 that does what L1 wrote down; l2guest/script.h tells the steps. */
#ifndef HV_SCRIPT_H
#define HV_SCRIPT_H

#include "hv/l2.h"
#include "l2guest/script.h"

/*
 * Builds the one such L2 (l2_create(): all of APICv) with its @steps, which end with OP_END. The
 * vectors of its S_SELF_IPI() count as posted from now on.
 */
struct l2 *script_l2(const struct script_step *steps);
#define SCRIPT_L2(...) script_l2((const struct script_step[]){__VA_ARGS__, {OP_END, 0}})

/* Checks that L2 has traced exactly these bytes since the last call. The list ends with 0. */
bool script_traced(struct l2 *l2, const uint8_t *bytes);
#define SCRIPT_TRACED(l2, ...) script_traced(l2, (const uint8_t[]){__VA_ARGS__, 0})

/*
 * Lets the main program run to its end, and checks the trace as above and that no interrupt is
 * under way any more.
 */
bool script_ends(struct l2 *l2, const uint8_t *bytes);
#define SCRIPT_ENDS(l2, ...) script_ends(l2, (const uint8_t[]){__VA_ARGS__, 0})

/*
 * Writes code for S_CALL(@before) over two of L2's pages: @first, of @before bytes, at the end of
 * one, and the one-byte instruction @second, CLI and RET at the start of the other. The latter's L1
 * address.
 */
uint64_t script_code(struct l2 *l2, const char *first, unsigned before, uint8_t second);

#endif
