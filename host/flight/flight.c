// SPDX-License-Identifier: BSD-2-Clause
// The hop logic: wait for `ready`, freeze, save, make sure that L2 was caught on the CPU, throw the
// VM away, restore it in a new process, let it go on. A hop that catches something else is retaken.
// What the methods have of their own is in flight_move.c.
#include "host/flight/flight_state.h"
#include "host/base/cleanup.h"
#include "host/l0/l0_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define JITTER_STEP  (500 * NS_PER_US) /* per miss */
#define JITTER_LIMIT (20 * NS_PER_MS)

/* After a miss the next try comes at another moment of L2's round. */
static int jitter(struct flight *f, unsigned missed)
{
	int64_t range = missed * JITTER_STEP, until;
	int ret = VM_OK;

	if (!missed)
		return VM_OK;
	if (range > JITTER_LIMIT)
		range = JITTER_LIMIT;
	until = now_ns() + (int64_t)(random_next(&f->random) % (uint64_t)range);
	while (!ret && now_ns() < until)
		ret = f->config->driver->wait(f->vm, until);
	return ret;
}

/* Stops and saves. VM_OK with *@caught. */
static int take_snapshot(struct flight *f, struct hop_record *hop, bool *caught)
{
	const struct driver *d = f->config->driver;
	int64_t start = now_ns(), stopped;
	int ret;

	*caught = false;
	hop->bytes = 0;
	f->why[0] = '\0';
	if (flight_posts_before(f)) {
		ret = flight_wait_blocked(f) ?: flight_post(f);
		if (ret)
			return ret;
	}
	ret = flight_freeze(f);
	stopped = now_ns();
	if (ret)
		return ret;
	flight_take_fetches(f);
	hop->stop_ns = stopped - start;
	flight_phase(f, "snapshot");
	hop->kvm_says = d->l2_active(f->vm);
	if (hop->kvm_says == 0 && !f->config->any_state && f->config->scenario->l2)
		return VM_OK; /* a cheap miss: nothing need be saved */
	ret = flight_save(f, &hop->state);
	if (ret)
		return ret;
	hop->save_ns = now_ns() - stopped;
	hop->bytes = flight_saved_bytes(f);
	if (hop->kvm_says == 1 && !saved_l2_active(&hop->state))
		return err_as(FLIGHT_LACKS, &f->err,
			      "KVM's statistics say that L2 is active, its nested state says not");
	ret = flight_wanted(f, &hop->state);
	if (ret < 0)
		return VM_HARNESS;
	*caught = ret;
	if (!*caught)
		return VM_OK;
	if (f->config->scenario->posts && f->config->post == POST_PAUSED)
		ret = flight_post(f);
	else if (flight_acts_when(f, WHEN_PAUSED))
		ret = flight_act(f, WHEN_PAUSED);
	else
		return VM_OK;
	return ret ?: flight_save(f, &hop->state);
}

/* The acts at the same instants, in a VM that goes on. */
static int control_act(struct flight *f)
{
	const bool stops = flight_acts_before_freeze(f) || flight_acts_when(f, WHEN_OUT) ||
			   flight_acts_when(f, WHEN_PAUSED) || flight_acts_when(f, WHEN_RESTORED);
	int ret = stops ? flight_freeze(f) : flight_send_go(f);

	if (!ret && stops)
		ret = flight_act(f, WHEN_PAUSED) ?: flight_act(f, WHEN_RESTORED)
		      ?: f->config->driver->cont(f->vm);
	if (!ret && flight_acts_when(f, WHEN_BLOCKED))
		ret = flight_wait_blocked(f) ?: flight_act(f, WHEN_BLOCKED);
	return ret ?: flight_answer(f, 'k');
}

/* A hop without a snapshot. */
static int hop_control(struct flight *f)
{
	int ret;

	if (f->config->scenario->acts)
		return control_act(f);
	ret = flight_send_go(f);
	if (ret || !f->config->scenario->posts)
		return ret ?: flight_answer(f, 'k');
	return flight_wait_blocked(f) ?: flight_post_live(f) ?: flight_answer(f, 'p');
}

/* What was saved at `ready`: the log says all that was learned up to there. */
static int resume(struct flight *f)
{
	const struct flight_resume *from = f->config->resume;
	unsigned n;
	struct hop_record *hop;
	int64_t start = now_ns();
	int ret;

	flight_phase(f, "restore");
	flight_serial(f, from->log.p, from->log.len);
	n = f->result->log.ready_hop;
	if (!f->ready || !n || n > f->config->hops)
		return err_set(&f->err, "the saved log does not end with `ready`");
	hop = &f->result->hop[n - 1];
	flight_timeline_begin(f, hop);
	ret = flight_saved_read(f, &from->snapshot) ?: flight_restore_saved(f);
	if (ret || FREEZE_BEHIND_MARK(&f->config->freeze)) /* which begins at the guest's `ready` */
		return ret;
	hop->state = from->state;
	hop->bytes = from->snapshot.len;
	hop->restore_ns = now_ns() - start;
	return flight_land(f, hop);
}

/* One `ready` of the guest, answered. */
static int hop_once(struct flight *f)
{
	struct flight_result *r = f->result;
	unsigned n = r->log.ready_hop;
	struct hop_record *hop;
	int64_t start;
	bool caught;
	int ret;

	if (!n || n > flight_guest_hops(f->config))
		return err_set(&f->err, "the guest is ready for hop %u of %u", n,
			       flight_guest_hops(f->config));
	if (f->config->progress)
		f->config->progress(f->config->arg, n, r->missed);
	if (FREEZE_BEHIND_MARK(&f->config->freeze))
		return flight_hop_after(f, n);
	if (f->config->control && n != f->config->save_hop)
		return hop_control(f);
	hop = flight_record(f, n);
	flight_timeline_begin(f, hop);
	ret = flight_choose_method(f, n);
	if (ret)
		return ret;
	if (flight_moves(f))
		return flight_hop_by_method(f, hop, n);
	hop->method = f->method;
	ret = jitter(f, hop->missed) ?: take_snapshot(f, hop, &caught);
	if (ret)
		return ret;
	if (!caught)
		return flight_miss(f, hop);
	if (n == f->config->save_hop) {
		r->saved = true;
		return FLIGHT_SAVED;
	}

	if (method_info(f->method)->kind != KIND_PAUSE) {
		ret = flight_examine(f, true);
		if (ret)
			return ret;
		r->proved++;
		start = now_ns();
		ret = flight_restore(f);
		hop->restore_ns = now_ns() - start;
		if (ret)
			return ret;
	}
	return flight_land(f, hop);
}

static void set_up(struct flight *f, const struct flight_config *config,
		   struct flight_result *result, const char *cmdline, int64_t start)
{
	f->config = config;
	f->result = result;
	f->random = config->seed;
	f->method = config->method;
	if (config->hop_files && !config->control)
		f->timeline = timeline_create();
	flight_phase(f, "start");
	f->assembler.on_line = flight_on_line;
	f->assembler.arg = f;
	f->progress_ns = f->start_ns = start;
	f->vm_config = config->vm;
	f->vm_config.cmdline = cmdline;
	f->vm_config.names = &f->names;
	f->vm_config.method = config->method;
	f->vm_config.vcpus = config->scenario->vcpus;
	f->vm_config.enlightened = config->scenario->enlightened;
	f->vm_config.deadline_ns = config->timeout_ns;
	f->vm_config.timeline = f->timeline;
	f->vm_config.err = &f->err;
	f->vm_config.on_serial = flight_serial;
	f->vm_config.arg = f;
}

static void fly(const struct flight_config *config, struct flight_result *result)
{
	auto_free struct flight *f = xcalloc(1, sizeof(*f));
	auto_free char *cmdline = flight_cmdline(config);
	auto_free char *path = xasprintf("%s/serial.log", config->vm.dir);
	int64_t start = now_ns();
	auto_buf struct buf file = {0};
	int ret;

	set_up(f, config, result, cmdline, start);
	if (config->l0_log)
		l0_log_rearm(); /* the run has said if it fails */
	result->hop = xcalloc(config->hops, sizeof(*result->hop));
	result->hops = config->hops;
	f->serial_log = fopen(path, "we");
	if (!f->serial_log) {
		verdict_raise(&result->verdict, WORD_ERROR, "cannot create %s: %s", path,
			      strerror(errno));
	} else {
		f->vm = config->driver->create(&f->vm_config);
		ret = config->resume ? resume(f) : config->driver->start(f->vm);
		if (!ret && config->driver->use && !config->control && !flight_goes_live(config))
			ret = config->driver->use(f->vm, f->method, f->random);
		while (!ret) {
			unsigned missed = result->missed;

			ret = flight_wait(f, 0) ?: hop_once(f);
			/*
			 * Only now: it would count as time of the hop that began meanwhile. A
			 * guest that was told of a miss will be ready at once.
			 */
			if (!ret && result->missed == missed)
				flight_timeline_write(f);
		}
		if (config->driver->span)
			result->after_ns = config->driver->span(f->vm);
		result->trace = hash_bytes(result->trace, f->whole.p, f->whole.len);
		flight_judge(f, ret);
		flight_take_l0(config, result, &f->names, &f->l0_text);
		flight_take_fetches(f);
		flight_timeline_end(f);
		buf_printf(&result->messages, "%s", config->driver->messages(f->vm));
		if (!result->interrupted &&
		    (config->keep_snapshot || result->saved || result->verdict.word > WORD_SKIP) &&
		    !(f->looked && !flight_saved_bytes(f)))
			flight_kept_file(f, &file);
		config->driver->destroy(f->vm);
		flight_take_l0_end(config, result, &f->names, &f->l0_text);
		flight_pages_write(f);
		if (fclose(f->serial_log))
			verdict_raise(&result->verdict, WORD_ERROR, "cannot write %s: %s", path,
				      strerror(errno));
	}
	if (file.len && write_file(config->vm.dir, "snapshot.bin", file.p, file.len, 0666, &f->err))
		verdict_raise(&result->verdict, WORD_ERROR, "%s", f->err.text);
	result->duration_ns = now_ns() - start;
	buf_free(&f->tail);
	buf_free(&f->whole);
	buf_free(&f->l0_text);
	flight_saved_free(&f->saved);
	page_names_free(&f->names);
	timeline_free(f->timeline);
}

void flight_run(const struct flight_config *config, struct flight_result *result)
{
	const char *line;

	/* Who flies several ends as if told to. */
	if (l0_log_death(&line) != L0_QUIET) {
		result->interrupted = true;
		verdict_raise(&result->verdict, WORD_ERROR, "not flown: " L0_DEATH "%s", line);
		return;
	}
	fly(config, result);
}

void flight_result_free(struct flight_result *result)
{
	verdict_free(&result->verdict);
	guest_log_free(&result->log);
	guest_log_free(&result->branch);
	verdict_free(&result->branch_verdict);
	for (unsigned i = 0; i < result->hops; i++)
		free(result->hop[i].fetch);
	free(result->hop);
	buf_free(&result->details);
	buf_free(&result->messages);
	memset(result, 0, sizeof(*result));
}
