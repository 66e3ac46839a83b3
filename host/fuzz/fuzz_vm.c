// SPDX-License-Identifier: BSD-2-Clause
// Flies programs: the host writes them into L1's memory and reads the traces from there.
#include "host/fuzz/fuzz_vm.h"
#include "host/base/cleanup.h"
#include "host/snapshot/break.h"
#include "l2guest/layout.h"

#include <stdlib.h>
#include <string.h>

#define WAKES_MAX   8
#define DEADLINE_NS (100 * NS_PER_MS) /* a program is much shorter */
#define START_NS    (60 * 1000 * NS_PER_MS)

/* ---- what L1 says --------------------------------------------------------------------------- */

static void take_line(struct fuzz_vm *v, const char *line)
{
	static const struct {
		const char *words;
		size_t at;
	} pages[] = {{"name=\"fuzz program\" gpa=", offsetof(struct fuzz_vm, program_gpa)},
		     {"name=\"fuzz trace\" gpa=", offsetof(struct fuzz_vm, trace_gpa)}};

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		const char *found = strstr(line, pages[i].words);

		if (found)
			*(uint64_t *)((char *)v + pages[i].at) =
				strtoull(found + strlen(pages[i].words), NULL, 0);
	}
	v->ready |= strstr(line, " ready ") != NULL;
	if (strstr(line, " error "))
		snprintf(v->error, sizeof(v->error), "%s", line);
}

static void on_serial(void *arg, const char *bytes, size_t len)
{
	struct fuzz_vm *v = arg;

	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != '\n') {
			buf_append(&v->line, &bytes[i], 1);
			continue;
		}
		take_line(v, buf_text(&v->line));
		v->line.len = 0;
	}
}

/* ---- memory --------------------------------------------------------------------------------- */

/* @size bytes of the standing VM at @gpa; NULL: they are not all there. */
static void *at(struct fuzz_vm *v, uint64_t gpa, uint64_t size)
{
	uint64_t have = 0;
	uint8_t *memory = v->driver->memory(v->vm, &have);

	return memory && gpa && gpa < have && size <= have - gpa ? memory + gpa : NULL;
}

static struct program_trace *trace_of(struct fuzz_vm *v)
{
	return at(v, v->trace_gpa, sizeof(struct program_trace));
}

/*
 * The mark at which the VM stands, L1's or L2's, for once: an SMI that the host sends here stops it
 * again, in the handler, which has none (0).
 */
static uint64_t take_mark(struct fuzz_vm *v, struct program_trace *trace)
{
	struct program_log *log = at(v, trace->l2_log, sizeof(*log));
	const uint64_t mark = trace->mark ?: log ? log->mark : 0;

	trace->mark = 0;
	if (log)
		log->mark = 0;
	return mark;
}

/* ---- a flight ------------------------------------------------------------------------------- */

static void took(struct fuzz_flown *f, struct fuzz_vm *v, int ret)
{
	switch (ret) {
	case VM_OK:
	case VM_PORT:
		return;
	case VM_ENDED:
		f->outcome = FUZZ_ENDED;
		snprintf(f->text, sizeof(f->text), "%.255s",
			 *v->error ? v->error : v->driver->end(v->vm)->text);
		return;
	case VM_TIMEOUT:
		f->outcome = FUZZ_STUCK;
		return;
	case VM_REFUSED:
		f->outcome = FUZZ_REFUSED;
		snprintf(f->text, sizeof(f->text), "%.255s", v->err.text);
		return;
	default:
		f->outcome = FUZZ_FAILED;
		snprintf(f->text, sizeof(f->text), "%.255s", v->err.text);
	}
}

static int act(struct fuzz_vm *v, uint64_t mark, const struct program_trace *trace)
{
	const struct program_act *a = &program_acts[PROGRAM_MARK_ACT(mark) % PROGRAM_ACTS];
	const struct act_config config = {.act = a->act,
					  .vector = a->vector,
					  .page = (trace->pi_desc ?: trace->l2_log) &
						  ~(uint64_t)(SNAPSHOT_PAGE - 1),
					  .notification = L2_NOTIFICATION_VECTOR,
					  .pi_desc = trace->pi_desc};

	if (config.act == ACT_NONE || (config.act == ACT_POST && !config.pi_desc))
		return VM_OK;
	return v->driver->act(v->vm, &config, false);
}

static int move(struct fuzz_vm *v, struct fuzz_flown *f)
{
	const struct driver *d = v->driver;
	struct saved_state state;
	int ret;

	snapshot_free(&v->saved.value);
	memset(&v->saved, 0, sizeof(v->saved));
	f->frozen = v->control;
	if (v->control)
		return VM_OK;
	ret = d->save(v->vm, &v->saved, &state);
	if (!ret && v->oracles)
		ret = d->oracles(v->vm, &v->saved.value, &f->oracle);
	ret = ret ?: d->quit(v->vm);
	if (!ret && v->broken && break_apply(&v->saved.value, v->broken, &v->err) < 0)
		ret = VM_HARNESS;
	ret = ret ?: d->restore(v->vm, &v->saved);
	f->frozen = !ret;
	return ret;
}

/*
 * What the host does while the VM stands at mark @here: its act, and the snapshot if @wanted.
 * VM_PORT: it stands at the next mark then.
 */
static int stand(struct fuzz_vm *v, struct fuzz_flown *f, uint64_t here, bool wanted)
{
	const bool before = PROGRAM_MARK_WHEN(here) == PROGRAM_PAUSED ||
			    PROGRAM_MARK_WHEN(here) == PROGRAM_ASLEEP;
	const struct freeze soon = {.at = FREEZE_SOON, .value = PROGRAM_MARK_NS(here)};
	int ret = before ? act(v, here, trace_of(v)) : VM_OK, came = VM_OK;

	f->mark = wanted ? here : f->mark;
	if (!ret && wanted && soon.value) {
		came = v->driver->stop_at(v->vm, &soon, "");
		ret = came < 0 ? came : VM_OK;
	}
	if (!ret && wanted && !trace_of(v)->done) {
		const int64_t start = now_ns();

		ret = move(v, f);
		v->moved_ns += now_ns() - start;
	}
	if (!ret && !before)
		ret = act(v, here, trace_of(v));
	return ret ?: came;
}

/* L2 sleeps where the program has no mark. VM_TIMEOUT: neither of these wakes it. */
static int wake(struct fuzz_vm *v, unsigned *woken)
{
	static const enum act acts[] = {ACT_IRQ, ACT_NMI};
	const struct act_config config = {.act = acts[*woken % ARRAY_SIZE(acts)],
					  .vector = PROGRAM_WAKE_VECTOR};

	return !v->sleeps_on && (*woken)++ < WAKES_MAX ? v->driver->act(v->vm, &config, false)
						       : VM_TIMEOUT;
}

void fuzz_fly(struct fuzz_vm *v, const struct program_lists *p, int mark_wanted,
	      struct fuzz_flown *f)
{
	const struct freeze freeze = {.at = FREEZE_ASLEEP};
	const char *bytes = "kg";
	struct program_lists *given = at(v, v->program_gpa, sizeof(*given));
	struct program_trace *trace = trace_of(v);
	const int64_t start = now_ns();
	bool falls_asleep = false, asleep;
	uint64_t here = 0; /* the mark at which it stands, or falls asleep */
	unsigned woken = 0;
	int ret = VM_OK;

	memset(f, 0, sizeof(*f));
	if (!given || !trace) {
		took(f, v, err_set(&v->err, "L1 has not told where its program is"));
		return;
	}
	*given = *p;
	trace->done = 0;
	while (ret >= 0) {
		if (ret != VM_PORT)
			ret = v->driver->stop_at(v->vm, &freeze, bytes);
		bytes = "";
		trace = trace_of(v);
		if (ret < 0 || trace->done)
			break;
		asleep = ret != VM_PORT;
		ret = VM_OK;
		if (asleep && !falls_asleep) {
			ret = wake(v, &woken);
			continue;
		}
		here = asleep ? here : take_mark(v, trace); /* one without sleep is none */
		falls_asleep = !asleep && PROGRAM_MARK_WHEN(here) >= PROGRAM_ASLEEP;
		if (!falls_asleep)
			ret = stand(v, f, here, (int)f->marks++ == mark_wanted);
	}
	v->flown_ns += now_ns() - start;
	took(f, v, ret);
	if (ret >= 0)
		memcpy(&f->trace, trace, sizeof(f->trace));
	else
		fuzz_vm_renew(v, f);
}

void fuzz_vm_renew(struct fuzz_vm *v, struct fuzz_flown *f)
{
	int ret;

	v->line.len = 0;
	*v->error = '\0';
	/* One that has ended, or does not stop, is thrown away with its driver's part. */
	if (v->vm)
		v->driver->destroy(v->vm);
	v->vm = v->driver->create(&v->config);
	ret = v->driver->restore(v->vm, &v->start);
	if (ret && f) {
		f->outcome = FUZZ_FAILED;
		snprintf(f->text, sizeof(f->text), "the VM of the start: %.200s", v->err.text);
	}
}

/* ---- the VM --------------------------------------------------------------------------------- */

void fuzz_vm_init(struct fuzz_vm *v, const struct setup *setup)
{
	struct flight_config config;

	setup_flight(setup, &config);
	v->driver = &kvm_driver;
	v->config = config.vm;
	v->config.dir = setup->log;
	v->config.vcpus = 1;
	v->config.deadline_ns = DEADLINE_NS;
	v->broken = config.broken;
}

int fuzz_vm_start(struct fuzz_vm *v, bool enlightened)
{
	const struct driver *d = v->driver;
	const struct freeze port = {.at = FREEZE_PORT};
	const int64_t until = now_ns() + START_NS;
	struct saved_state state;
	int ret;

	v->config.err = &v->err;
	v->config.cmdline = enlightened ? "scenario=program_evmcs hops=1000000000 sync=host seed=1"
					: "scenario=program hops=1000000000 sync=host seed=1";
	v->config.enlightened = enlightened;
	v->config.on_serial = on_serial;
	v->config.arg = v;
	v->vm = d->create(&v->config);
	ret = d->start(v->vm);
	while (!ret && !v->ready)
		ret = now_ns() < until ? d->wait(v->vm, until) : VM_TIMEOUT;
	if (ret == VM_TIMEOUT)
		err_set(&v->err, "L1 does not come to its first program");
	ret = ret ?: d->stop(v->vm);
	ret = ret ?: d->stop_at(v->vm, &port, "g");
	if (!ret && (!v->program_gpa || !v->trace_gpa || !trace_of(v) || !trace_of(v)->done))
		ret = err_set(&v->err, "L1 flies no programs");
	if (ret == VM_ENDED)
		err_set(&v->err, "L1 flies no programs: %.200s",
			*v->error ? v->error : d->end(v->vm)->text);
	return ret || d->save(v->vm, &v->start, &state) ? -1 : 0;
}

void fuzz_vm_end(struct fuzz_vm *v)
{
	if (v->vm)
		v->driver->destroy(v->vm);
	v->vm = NULL;
	snapshot_free(&v->start.value);
	snapshot_free(&v->saved.value);
	buf_free(&v->line);
}
