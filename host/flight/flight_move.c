// SPDX-License-Identifier: BSD-2-Clause
// Hops by methods that are more than stop, save and restore: live moves, moves that must fail,
// going back in time, a VM that is split in two, a reset. Where a VM has two futures each writes on
// from the same log; what is not the one that counts is judged and kept as a branch.
#include "host/flight/flight_state.h"
#include "host/base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

bool flight_moves(const struct flight *f)
{
	const enum method_kind kind = method_info(f->method)->kind;

	return kind != KIND_FREEZE && kind != KIND_PAUSE;
}

/* Ping-pong tries others until it meets one that is offered. */
int flight_choose_method(struct flight *f, unsigned n)
{
	const struct flight_config *c = f->config;
	uint64_t random = random_next(&f->random);
	int ret;

	if (!flight_goes_live(c))
		return VM_OK;
	flight_phase(f, "prepare");
	/* L1 waits, and must not take the CPU from what is started meanwhile. */
	ret = c->driver->stop(f->vm);
	if (ret)
		return ret;
	ret = VM_LACKS;
	for (unsigned i = 0; ret == VM_LACKS && i < 8 * METHODS; i++) {
		f->method = method_of_hop(c->method, n + i * (c->hops + 1), c->seed);
		ret = c->driver->use(f->vm, f->method, random);
		if (f->method == c->method)
			break;
	}
	flight_take_fetches(f);
	ret = ret ?: c->driver->cont(f->vm);
	f->progress_ns = now_ns();
	return ret;
}

/* Goes back in the log to where it had @mark bytes: what came since is a branch. */
static int rewind_log(struct flight *f, size_t mark)
{
	struct flight_result *r = f->result;
	auto_buf struct buf kept = {0};
	char name[64];

	snprintf(name, sizeof(name), "branch-%u.log", ++f->branches);
	if (write_file(f->config->vm.dir, name, f->whole.p, f->whole.len, 0666, &f->err))
		return VM_HARNESS;
	if (fflush(f->serial_log) || ftruncate(fileno(f->serial_log), 0))
		return err_set(&f->err, "serial.log: %s", strerror(errno));
	rewind(f->serial_log);
	if (r->log.fails && !r->branch.fails) {
		guest_log_free(&r->branch);
		r->branch = r->log;
		memset(&r->log, 0, sizeof(r->log));
	}
	guest_log_free(&r->log);
	buf_append(&kept, f->whole.p, mark);
	f->whole.len = f->tail.len = f->assembler.len = 0;
	f->serial_bytes = 0;
	f->again = true;
	flight_serial(f, kept.p, kept.len);
	f->again = false;
	f->ready = f->waiting = false;
	f->nudge_ns = 0;
	return VM_OK;
}

/* L2 has computed the same as in the future before; else the code under test is wrong. */
static void check_digest(struct flight *f)
{
	struct flight_result *r = f->result;

	if (!f->digest)
		verdict_raise(&r->branch_verdict, WORD_ERROR, "the guest has told no digest of L2");
	else if (f->digest_due && f->digest != f->digest_due)
		verdict_raise(&r->branch_verdict, WORD_FAIL,
			      "hop %u: L2 digest 0x%llx, in the future before it was 0x%llx",
			      r->log.ready_hop, (unsigned long long)f->digest,
			      (unsigned long long)f->digest_due);
	f->digest_due = f->digest;
}

/* Stops the VM. Whether it is in the state that the scenario is about; if not, *@ret comes of it.
 */
static bool frozen_in_state(struct flight *f, struct hop_record *hop, int *ret)
{
	int wanted;

	hop->bytes = 0;
	*ret = flight_freeze(f);
	if (!*ret)
		*ret = f->config->driver->look(f->vm, &hop->state);
	if (*ret)
		return false;
	wanted = flight_wanted(f, &hop->state);
	if (wanted <= 0)
		*ret = wanted < 0 ? VM_HARNESS : flight_miss(f, hop);
	return wanted > 0;
}

/* The same for a VM that ran on all the time; hop->state is known. */
static bool running_in_state(struct flight *f, struct hop_record *hop, int *ret)
{
	int wanted = flight_wanted(f, &hop->state);

	if (wanted > 0)
		return true;
	*ret = VM_HARNESS;
	if (wanted < 0)
		return false;
	f->result->missed++;
	if (++hop->missed >= f->config->miss_limit)
		err_set(&f->err, "could not catch L2: %u misses", hop->missed);
	else
		*ret = flight_answer(f, 'r');
	return false;
}

/* The VM moves while L2 is at work. */
static int hop_live(struct flight *f, struct hop_record *hop)
{
	const struct driver *d = f->config->driver;
	int64_t start = now_ns();
	int ret = flight_send_go(f);

	if (ret)
		return ret;
	flight_phase(f, "migration");
	ret = d->move(f->vm, &hop->state);
	hop->restore_ns = now_ns() - start;
	if (ret)
		return ret;
	hop->kvm_says = -1;
	ret = flight_wanted(f, &hop->state);
	if (ret < 0)
		return VM_HARNESS;
	if (ret)
		return flight_land(f, hop);
	hop->bytes = 0; /* what runs now is the restored VM: it only has to go on */
	snprintf(f->why, sizeof(f->why), "L2 was not there any more when the VM moved");
	return flight_miss(f, hop);
}

/* A move that must fail: the VM runs on where it is. */
static int hop_stay(struct flight *f, struct hop_record *hop)
{
	const struct driver *d = f->config->driver;
	int ret = flight_send_go(f);

	flight_phase(f, "migration that must fail");
	/* Only KVM's statistics tell that L2 runs. */
	ret = ret ?: d->move(f->vm, &hop->state);
	if (ret || !running_in_state(f, hop, &ret))
		return ret;
	flight_taken(f, hop);
	return flight_answer(f, 'k');
}

/* The original of a background snapshot goes on to its end, and is judged. */
static int end_original(struct flight *f)
{
	const struct expected want = {f->config->scenario->name, flight_guest_hops(f->config),
				      f->result->log.ready_hop, f->config->seed};
	struct verdict v = {0};
	int ret = flight_answer(f, 'e');

	while (!ret)
		ret = flight_wait(f, 0);
	flight_phase(f, "the original's end");
	if (ret != VM_ENDED)
		return ret;
	if (f->config->driver->end(f->vm)->how == END_CRASH)
		return VM_ENDED;
	assembler_end(&f->assembler);
	verdict_judge(&v, &f->result->log, &want);
	for (unsigned i = 0; i < v.findings; i++)
		verdict_raise(&f->result->branch_verdict, v.word, "the original of hop %u: %s",
			      f->result->log.ready_hop, v.finding[i]);
	if (v.word > f->result->branch_verdict.word)
		f->result->branch_verdict.word = v.word;
	verdict_free(&v);
	return VM_OK;
}

static int hop_fork(struct flight *f, struct hop_record *hop)
{
	const struct driver *d = f->config->driver;
	size_t mark = f->whole.len;
	int ret = flight_send_go(f);

	flight_phase(f, "background snapshot");
	ret = ret ?: d->move(f->vm, &hop->state);
	if (ret)
		return ret;
	hop->bytes = flight_saved_bytes(f);
	if (!running_in_state(f, hop, &ret))
		return ret;
	ret = end_original(f) ?: rewind_log(f, mark);
	flight_phase(f, "restore");
	return ret ?: d->restore(f->vm, &f->saved) ?: flight_land(f, hop);
}

/* The VM goes on from the snapshot to the end of hop @n. */
static int future(struct flight *f, unsigned n)
{
	int ret;

	flight_expect_event(f); /* first: cont() may deliver the next `ready` */
	ret = f->config->driver->cont(f->vm) ?: flight_wait(f, n);
	if (!ret)
		check_digest(f);
	return ret;
}

/*
 * The answer lies in the serial port's buffer when the snapshot is taken. So L2 stops at the same
 * instruction in each future, and has computed the same.
 */
static int hop_savevm(struct flight *f, struct hop_record *hop, unsigned n)
{
	const struct driver *d = f->config->driver;
	size_t mark;
	int ret;

	if (!frozen_in_state(f, hop, &ret))
		return ret;
	mark = f->whole.len;
	f->digest_due = 0;
	flight_phase(f, "savevm");
	ret = d->send(f->vm, 'k') ?: d->save(f->vm, &f->saved, &hop->state) ?: future(f, n);
	flight_phase(f, "loadvm in the same process");
	ret = ret ?: d->stop(f->vm) ?: d->back(f->vm) ?: rewind_log(f, mark) ?: future(f, n);
	flight_phase(f, "quit");
	ret = ret ?: d->stop(f->vm) ?: d->quit(f->vm) ?: rewind_log(f, mark);
	flight_phase(f, "loadvm in a new process");
	ret = ret ?: d->restore(f->vm, &f->saved) ?: future(f, n);
	if (!ret)
		flight_taken(f, hop);
	return ret;
}

/* What L1 is told to reset the machine itself; 0: the host does it. */
static char reset_byte(enum method method)
{
	switch (method) {
	case METHOD_RESET_CF9:
		return 'c';
	case METHOD_RESET_KEYBOARD:
		return 'b';
	case METHOD_RESET_FAULT:
		return 't';
	default:
		return 0;
	}
}

/*
 * Nothing may touch the VM before: QEMU writes back what it has read of a stopped one. The log of
 * the new boot may have begun before the reset is heard of.
 */
static int reset_itself(struct flight *f, struct hop_record *hop, char byte)
{
	const struct driver *d = f->config->driver;
	auto_buf struct buf since = {0};
	int ret = d->look(f->vm, &hop->state);

	if (ret || !running_in_state(f, hop, &ret))
		return ret;
	flight_phase(f, "reset");
	f->held = &since;
	ret = d->reset_itself(f->vm, byte);
	f->held = NULL;
	ret = ret ?: rewind_log(f, 0);
	flight_expect_event(f);
	f->nudge_ns = 0; /* it boots */
	if (ret)
		return ret;
	f->resets++;
	flight_taken(f, hop);
	if (since.len)
		flight_serial(f, since.p, since.len);
	return VM_OK;
}

static int hop_reset(struct flight *f, struct hop_record *hop)
{
	const struct driver *d = f->config->driver;
	const char byte = reset_byte(f->method);
	int ret;

	if (byte)
		return reset_itself(f, hop, byte);
	if (!frozen_in_state(f, hop, &ret))
		return ret;
	flight_phase(f, "reset");
	ret = d->reset(f->vm) ?: rewind_log(f, 0);
	flight_expect_event(f); /* before cont(), as in future() */
	f->nudge_ns = 0;
	ret = ret ?: d->cont(f->vm);
	if (ret)
		return ret;
	f->resets++;
	flight_taken(f, hop);
	return VM_OK;
}

int flight_hop_by_method(struct flight *f, struct hop_record *hop, unsigned n)
{
	if (!hop)
		return flight_answer(f, 'k');
	hop->method = f->method;
	switch (method_info(f->method)->kind) {
	case KIND_LIVE:
		return hop_live(f, hop);
	case KIND_STAY:
		return hop_stay(f, hop);
	case KIND_FORK:
		return hop_fork(f, hop);
	case KIND_SAVEVM:
		return hop_savevm(f, hop, n);
	default:
		return hop_reset(f, hop);
	}
}
