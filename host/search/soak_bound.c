// SPDX-License-Identifier: BSD-2-Clause
// The bound of Clopper and Pearson, from the sum of the binomial distribution itself.
#include "host/search/soak_bound.h"

#include <math.h>

#define HALVINGS 60

/* Probability of @failed or fewer failures of @flown with the share @p, which is below 1. */
static double at_most(unsigned failed, unsigned flown, double p)
{
	double term = flown * log1p(-p), sum = 0; /* of no failure, its logarithm */

	for (unsigned i = 0; i <= failed; i++) {
		sum += exp(term);
		term += log((flown - i) / (i + 1.0)) + log(p) - log1p(-p);
	}
	return sum;
}

double bound_upper(unsigned failed, unsigned flown)
{
	double low = 0, high = 1;

	if (failed >= flown)
		return 1;
	if (!failed)
		return -expm1(log(1 - BOUND_CONFIDENCE) / flown);
	for (int i = 0; i < HALVINGS; i++) {
		const double middle = (low + high) / 2;

		if (at_most(failed, flown, middle) > 1 - BOUND_CONFIDENCE)
			low = middle;
		else
			high = middle;
	}
	return high;
}
