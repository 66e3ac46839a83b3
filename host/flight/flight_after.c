// SPDX-License-Identifier: BSD-2-Clause
// A flight that is frozen once, at a time after the start mark, wherever that falls. The VM is
// restored at the mark already, where L1 waits and L2 is not entered, so that a flight that is
// resumed there (a sweep has thousands) goes the same way as one that was booted. All that the host
// has to say is in the serial port before the mark: from there on the guest's path is its own.
#include "host/flight/flight_state.h"
#include "host/base/cleanup.h"

#include <string.h>

/* `g` and `k` for each hop that is left. The caller frees it. */
static char *answers(const struct flight *f)
{
	const unsigned left = f->config->hops - f->result->log.ready_hop + 1;
	char *bytes = xcalloc(left + 1, 2);

	for (unsigned i = 0; i < left; i++)
		memcpy(bytes + 2 * i, "gk", 2);
	return bytes;
}

/* The same without a snapshot. */
static int control(struct flight *f, const char *bytes)
{
	int ret = VM_OK;

	while (*bytes && !ret)
		ret = f->config->driver->send(f->vm, *bytes++);
	flight_expect_event(f);
	return ret ?: f->config->driver->cont(f->vm);
}

/* At the mark, where nothing of L2 can be lost yet. */
static int restart(struct flight *f)
{
	struct hop_record at_mark;
	int ret;

	flight_phase(f, "snapshot at the mark");
	ret = f->config->driver->stop(f->vm);
	ret = ret ?: flight_save(f, &at_mark.state);
	if (!ret && f->config->save_hop) {
		f->result->saved = true;
		return FLIGHT_SAVED;
	}
	return ret ?: flight_restore(f);
}

static void classify(struct flight *f, struct hop_record *hop)
{
	const struct flight_config *c = f->config;
	struct err e = {0};

	for (unsigned i = 0; i < c->state_count; i++)
		if (flight_proves(f, 0, c->states[i], &e) == 1)
			hop->states |= 1u << i;
}

static int freeze(struct flight *f, const char *bytes)
{
	const struct driver *d = f->config->driver;
	const int64_t start = now_ns();
	struct hop_record *hop;
	int ret;

	flight_phase(f, "run to the moment of the freeze");
	ret = d->stop_at(f->vm, &f->config->freeze, bytes);
	if (ret)
		return ret;
	f->ready = false; /* later ones are answered */
	hop = &f->result->hop[f->result->log.ready_hop - 1];
	flight_timeline_begin(f, hop);
	hop->method = f->method;
	hop->stop_ns = now_ns() - start;
	hop->kvm_says = d->l2_active(f->vm);
	flight_phase(f, "snapshot");
	ret = flight_save(f, &hop->state);
	if (ret)
		return ret;
	hop->bytes = flight_saved_bytes(f);
	classify(f, hop);
	ret = flight_examine(f, saved_l2_active(&hop->state)); /* they speak of an L2 */
	if (ret)
		return ret;
	f->result->proved++;
	ret = flight_restore(f);
	if (ret)
		return ret;
	flight_taken(f, hop);
	f->restored = hop;
	flight_phase(f, "cont");
	flight_expect_event(f);
	return d->cont(f->vm);
}

int flight_hop_after(struct flight *f, unsigned n)
{
	auto_free char *bytes = NULL;
	int ret = VM_OK;

	f->ready = false;
	if (n > 1) {
		flight_expect_event(f);
		return VM_OK;
	}
	if (!f->config->resume)
		ret = restart(f);
	if (ret)
		return ret;
	bytes = answers(f);
	return f->config->control ? control(f, bytes) : freeze(f, bytes);
}
