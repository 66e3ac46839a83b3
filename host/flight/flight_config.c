// SPDX-License-Identifier: BSD-2-Clause
// What follows from a flight's configuration: L1's command line, hops and their records.
#include "host/flight/flight_state.h"

#define RESET_HOPS 2 /* reset while the second is flown, when the first has been checked */

/* Short legs: more of what is seldom in the time that is looked at. */
#define AFTER_WORDS " wait=1 rounds=2"

static enum method_kind kind_of(const struct flight_config *config)
{
	return method_info(config->method)->kind;
}

unsigned flight_guest_hops(const struct flight_config *config)
{
	if (!config->control && kind_of(config) == KIND_RESET)
		return RESET_HOPS;
	/* The VM that goes back in the last hop must not have ended. */
	return config->hops + (!config->control && kind_of(config) == KIND_SAVEVM);
}

bool flight_goes_live(const struct flight_config *config)
{
	const enum method_kind kind = kind_of(config);

	return !config->control && config->driver->use &&
	       (kind == KIND_LIVE || kind == KIND_FORK || kind == KIND_STAY ||
		kind == KIND_PING_PONG);
}

struct hop_record *flight_record(struct flight *f, unsigned n)
{
	const struct flight_config *c = f->config;
	bool resets = kind_of(c) == KIND_RESET;
	unsigned i = resets ? f->resets : n - 1;

	return i < c->hops && !(resets && n < RESET_HOPS) ? &f->result->hop[i] : NULL;
}

unsigned flight_snapshots(const struct flight_config *config)
{
	return FREEZE_BEHIND_MARK(&config->freeze) ? 1 : config->hops;
}

char *flight_cmdline(const struct flight_config *config)
{
	return xasprintf("scenario=%s hops=%u sync=host seed=%llu%s%s%s%s", config->scenario->name,
			 flight_guest_hops(config), (unsigned long long)config->seed,
			 flight_goes_live(config)	       ? " wait=1 sleep=5"
			 : FREEZE_BEHIND_MARK(&config->freeze) ? AFTER_WORDS
							       : "",
			 config->scenario->vcpus > 1 ? " vcpus=2" : "",
			 config->breakage ? " break=" : "",
			 config->breakage ? config->breakage : "");
}
