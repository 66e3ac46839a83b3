/* SPDX-License-Identifier: BSD-2-Clause */
/* What some failures among many flights say of the flights that were not flown. */
#ifndef HOST_SEARCH_SOAK_BOUND_H
#define HOST_SEARCH_SOAK_BOUND_H

#define BOUND_CONFIDENCE 0.95

/*
 * The largest share of failures, 0 to 1, with which @failed or fewer of @flown flights still fail
 * with a probability of 1 - BOUND_CONFIDENCE: the one-sided upper bound of Clopper and Pearson. 1
 * if all failed, or none was flown; for no failure it is 1 - (1 - BOUND_CONFIDENCE)^(1/@flown).
 */
double bound_upper(unsigned failed, unsigned flown);

#endif
