// SPDX-License-Identifier: BSD-2-Clause
// The tables of scenarios and of known KVM bugs, and when a failure counts as known.
#include "host/known.h"
#include "host/util.h"

#include <linux/kvm.h>
#include <string.h>

static const struct scenario scenario_table[] = {
#define S(name, mp_state, state) {name, mp_state, state},
#include "host/scenarios.def"
#undef S
};

static const struct known known_table[] = {
#define K(id, scenario, check, text) {id, scenario, check, text},
#include "host/known.def"
#undef K
};

const struct scenario *scenarios(unsigned *count)
{
	*count = ARRAY_SIZE(scenario_table);
	return scenario_table;
}

const struct scenario *scenario_find(const char *name, size_t len)
{
	for (unsigned i = 0; i < ARRAY_SIZE(scenario_table); i++)
		if (strlen(scenario_table[i].name) == len &&
		    !memcmp(scenario_table[i].name, name, len))
			return &scenario_table[i];
	return NULL;
}

const struct known *known_of(const char *scenario)
{
	for (unsigned i = 0; i < ARRAY_SIZE(known_table); i++)
		if (!strcmp(known_table[i].scenario, scenario))
			return &known_table[i];
	return NULL;
}

static bool explains(const struct known *known, const struct guest_log *log)
{
	for (unsigned i = 0; i < log->kept; i++)
		if (strcmp(log->fail[i].scenario, known->scenario) ||
		    strcmp(log->fail[i].check, known->check))
			return false;
	return true;
}

const struct known *known_match(const char *scenario, const struct guest_log *log,
				const struct verdict *v, bool control_passed)
{
	/* A finding of the host's (damage, HANG, CRASH, ...) is never part of a known bug. */
	if (!control_passed || v->word != WORD_FAIL || !v->complete || v->findings ||
	    log->word != WORD_FAIL || !log->fails || log->errors || log->kept != log->fails ||
	    log->hops_done != log->hello_hops)
		return NULL;
	for (unsigned i = 0; i < ARRAY_SIZE(known_table); i++)
		if (!strcmp(known_table[i].scenario, scenario) && explains(&known_table[i], log))
			return &known_table[i];
	return NULL;
}
