// SPDX-License-Identifier: BSD-2-Clause
// The moment of a freeze, and what the host does to the VM around it.
#include "host/flight/flight_state.h"

#include <linux/kvm.h>

/* Has the driver do @what to vCPU @vcpu of the VM, which runs if @live. */
static int do_to_vm(struct flight *f, enum act what, unsigned vcpu, bool live)
{
	const struct act_config config = {.act = what,
					  .vcpu = vcpu,
					  .vector = (uint8_t)f->vector,
					  .notification = (uint8_t)f->notification,
					  .pi_desc = f->pi_desc,
					  .page = f->page};
	int64_t start = now_ns();
	int ret;

	if ((what == ACT_IRQ || what == ACT_POST || what == ACT_SIPI) &&
	    (!f->vector || f->vector > 255 || f->notification > 255))
		return err_set(&f->err, "the guest has not said which vector it expects");
	ret = f->config->driver->act(f->vm, &config, live);
	flight_timeline_act(f, &config, start);
	return ret;
}

int flight_post(struct flight *f)
{
	flight_phase(f, "post");
	return do_to_vm(f, ACT_POST, 0, true);
}

int flight_act(struct flight *f, enum act_when when)
{
	const struct scenario *s = f->config->scenario;
	int ret = VM_OK;

	flight_phase(f, "act");
	for (unsigned i = 0; i < s->acts && !ret; i++)
		if (s->act[i].when == when)
			ret = do_to_vm(f, s->act[i].what, s->act[i].vcpu, when == WHEN_BLOCKED);
	return ret;
}

bool flight_acts_when(const struct flight *f, enum act_when when)
{
	const struct scenario *s = f->config->scenario;

	for (unsigned i = 0; i < s->acts; i++)
		if (s->act[i].when == when)
			return true;
	return false;
}

int flight_post_live(struct flight *f)
{
	int ret = flight_post(f);

	if (ret || !f->config->kick)
		return ret;
	flight_phase(f, "kick");
	f->kicked = true;
	return f->config->driver->stop(f->vm) ?: f->config->driver->cont(f->vm);
}

int flight_wait_blocked(struct flight *f)
{
	const struct driver *d = f->config->driver;
	int64_t until = now_ns() + f->config->timeout_ns;
	int ret = VM_OK, blocked;

	flight_phase(f, "wait for the vCPU to block");
	if (f->config->scenario->mp_state != KVM_MP_STATE_HALTED &&
	    f->config->scenario->freeze != AT_BLOCKED && !flight_acts_when(f, WHEN_ASLEEP) &&
	    !flight_acts_when(f, WHEN_BLOCKED))
		return VM_OK;
	/* A guest that failed on its way does not come there. */
	while (!ret && !f->result->log.fails && (blocked = d->blocked(f->vm)) != 1) {
		if (blocked < 0)
			return err_set(&f->err, "this KVM does not say whether a vCPU blocks");
		if (now_ns() >= until)
			return err_as(VM_TIMEOUT, &f->err, "the vCPU does not block");
		ret = d->wait(f->vm, now_ns() + BLOCK_POLL_NS);
	}
	return ret;
}

/* The guest waits until a stop is prepared: the byte for it, or none. */
static const char *go(struct flight *f)
{
	const char *bytes = f->waiting ? "g" : "";

	f->waiting = false;
	return bytes;
}

int flight_send_go(struct flight *f)
{
	const char *bytes = go(f);

	return *bytes ? f->config->driver->send(f->vm, *bytes) : VM_OK;
}

bool flight_acts_before_freeze(const struct flight *f)
{
	return flight_acts_when(f, WHEN_FIRST) || flight_acts_when(f, WHEN_ASLEEP);
}

/* Stops the VM on its way to the freeze for the act. */
static int act_on_the_way(struct flight *f)
{
	const struct driver *d = f->config->driver;
	const struct freeze port = {FREEZE_PORT, 0};
	int ret = VM_OK;

	if (flight_acts_when(f, WHEN_FIRST)) {
		flight_phase(f, "stop for the act");
		ret = d->stop_at(f->vm, &port, go(f)) ?: flight_act(f, WHEN_FIRST);
	}
	if (!ret && flight_acts_when(f, WHEN_ASLEEP))
		ret = flight_send_go(f) ?: flight_wait_blocked(f)
		      ?: d->stop(f->vm) ?: flight_act(f, WHEN_ASLEEP);
	return ret;
}

/* Stops the VM between an access and its end, which then comes. */
static int act_while_out(struct flight *f)
{
	const struct driver *d = f->config->driver;
	const struct freeze read = {FREEZE_READ, 0};

	return d->stop_at(f->vm, &read, go(f)) ?: flight_act(f, WHEN_OUT) ?: d->stop(f->vm);
}

int flight_freeze(struct flight *f)
{
	const struct driver *d = f->config->driver;
	const struct freeze *when = &f->config->freeze, port = {FREEZE_PORT, 0};
	const enum scenario_freeze at = f->config->scenario->freeze;
	int64_t until = now_ns() + when->value;
	int ret = VM_OK;

	if (flight_acts_before_freeze(f))
		ret = act_on_the_way(f);
	if (ret)
		return ret;
	if (at == AT_BLOCKED)
		return flight_send_go(f) ?: flight_wait_blocked(f) ?: d->stop(f->vm);
	flight_phase(f, "stop");
	if (at == AT_PORT && flight_acts_when(f, WHEN_OUT))
		return act_while_out(f);
	if (at == AT_PORT || at == AT_PAGE)
		ret = d->stop_at(f->vm, &port, go(f));
	if (!ret && at == AT_PAGE && !f->config->control && !f->result->log.fails) {
		const struct freeze page = {FREEZE_PAGE, (int64_t)f->page};

		flight_phase(f, "stop at the expected page");
		ret = d->stop_at(f->vm, &page, "");
	}
	if (at != AT_SOON)
		return ret;
	if (when->at == FREEZE_EXITS || when->at == FREEZE_PORT)
		return d->stop_at(f->vm, when, go(f));
	ret = flight_send_go(f);
	while (!ret && when->at == FREEZE_TIME && now_ns() < until)
		ret = d->wait(f->vm, until);
	return ret ?: d->stop(f->vm);
}
