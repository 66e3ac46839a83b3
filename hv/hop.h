/* SPDX-License-Identifier: BSD-2-Clause */
/* One hop as L1 tells the host of it, and the host's answer; docs/protocol.md. */
#ifndef HV_HOP_H
#define HV_HOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct l2;
struct program_lists;
struct program_trace;

/* In L1: the host freezes the VM here. For scenarios with .fly. */
void freeze_point(void);

/*
 * Tells the host, in .fly before the freeze point, what its ACT() needs: the vector
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

/* The same, but it goes on only when the host is prepared for the freeze point. */
void hop_begin_waiting(uint64_t hop);

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
