// SPDX-License-Identifier: BSD-2-Clause
// One boot of a foreign guest: it runs until it ends, frozen on the way at moments that it does not
// know of. A control only runs.
#include "host/guest/guest_boot.h"
#include "host/guest/guest_states.h"
#include "host/base/cleanup.h"
#include "host/snapshot/break.h"
#include "host/snapshot/saved_state.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Moments drawn by chance: one of ANYWHERE is anywhere, the others look for an L2 near by. */
#define ANYWHERE     4
#define LOOK_NS	     (50 * NS_PER_MS) /* between two at the memory it uses */
#define LONGEST	     10		      /* times the longest silence is the longest boot */
#define GAP_LEAST    500	      /* ns between two freezes */
#define SEEK_LOOKS   1000	      /* for an L2, behind one moment */
#define BEHIND_ENTRY (4 * NS_PER_US)  /* up to this */
#define SEEK_STEP    (50 * NS_PER_US) /* between two, about */

static void on_serial(void *arg, const char *bytes, size_t len)
{
	struct guest_boot *b = arg;

	if (b->log.bytes <= TRANSCRIPT_MAX)
		transcript_add(&b->log, bytes, len, b->passed);
	else
		b->log.bytes += len;
	if (b->serial && b->log.bytes <= TRANSCRIPT_MAX)
		fwrite(bytes, 1, len, b->serial);
	b->progress_ns = now_ns();
}

/* ---- running ------------------------------------------------------------------------------- */

/* The standing or running VM runs for @ns, then stands. */
static int run_for(struct guest_boot *b, int64_t ns)
{
	const struct driver *d = b->config->driver;
	const struct freeze soon = {.at = FREEZE_SOON, .value = ns};
	const int64_t until = now_ns() + ns;
	int ret = VM_OK;

	if (d->values) {
		b->vm_config.deadline_ns = b->config->timeout_ns + ns;
		ret = d->stop_at(b->vm, &soon, "");
		b->stands = true;
		return ret == VM_PORT ? VM_OK : ret;
	}
	if (b->stands)
		ret = d->cont(b->vm);
	b->stands = false;
	while (!ret && now_ns() < until)
		ret = d->wait(b->vm, until);
	b->stands = true;
	return ret ?: d->stop(b->vm);
}

static int run_exits(struct guest_boot *b, unsigned exits)
{
	const struct freeze freeze = {.at = FREEZE_EXITS, .value = exits};

	b->vm_config.deadline_ns = b->config->timeout_ns;
	b->stands = true;
	return b->config->driver->stop_at(b->vm, &freeze, "");
}

/* Kilobytes that line @key of @file has, 0: it has none. */
static unsigned long kilobytes(const char *file, const char *key)
{
	auto_fclose FILE *f = fopen(file, "re");
	char line[200];
	unsigned long n = 0;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			n = strtoul(line + strlen(key), NULL, 10);
	return n;
}

/*
 * Whether the guest has touched so much memory that this machine cannot save it too. Nobody would
 * be told of what the kernel does then.
 */
static bool too_large(void)
{
	return kilobytes("/proc/self/status", "RssAnon:") >
	       kilobytes("/proc/meminfo", "MemTotal:") / 4;
}

/* To its end; VM_ENDED is what should come. */
static int run_to_end(struct guest_boot *b)
{
	const struct driver *d = b->config->driver;
	const int64_t over = now_ns() + LONGEST * b->config->timeout_ns;
	int ret = b->stands ? d->cont(b->vm) : VM_OK;

	b->stands = false;
	b->progress_ns = now_ns();
	while (!ret) {
		const int64_t until = b->progress_ns + b->config->timeout_ns;

		if (b->log.bytes > TRANSCRIPT_MAX)
			return GUEST_FLOODED;
		if (now_ns() >= over)
			return err_as(VM_TIMEOUT, &b->err, "it has come to no end in %lld s",
				      LONGEST * b->config->timeout_ns / NS_PER_MS / 1000);
		if (now_ns() >= until)
			return err_as(VM_TIMEOUT, &b->err, "it has printed nothing for %lld s",
				      (long long)(b->config->timeout_ns / NS_PER_MS / 1000));
		if (b->config->control && d->values && too_large())
			return err_as(VM_LACKS, &b->err,
				      "it uses more memory than this machine can save: of %lu MB "
				      "a quarter%s",
				      kilobytes("/proc/meminfo", "MemTotal:") / 1024,
				      getenv("MIDFLIGHT_LAB") ? " (the lab's)" : "");
		ret = d->wait(b->vm, now_ns() + LOOK_NS < until ? now_ns() + LOOK_NS : until);
	}
	return ret;
}

/* Runs on in small steps until L2 is active. */
static int seek_l2(struct guest_boot *b, bool *found)
{
	const struct driver *d = b->config->driver;
	int ret = VM_OK;

	*found = false;
	for (unsigned i = 0; !ret && i < SEEK_LOOKS; i++) {
		*found = d->l2_active(b->vm) != 0;
		b->found += *found;
		if (*found)
			return VM_OK;
		b->looks++;
		ret = run_for(b, 1 + (int64_t)random_below(&b->random, 2 * SEEK_STEP));
	}
	return ret;
}

/*
 * How long it runs until freeze @n, from 0. Guests are in L2 in short bursts: from one freeze to
 * the next it is mostly short, of any order of magnitude, and those that are anywhere make up for
 * that, so that all of them together take about as long as the control.
 */
static int64_t draw_gap(struct guest_boot *b, unsigned n)
{
	const double ran = (double)b->guest->control.ran_ns;
	const double longest = 2 * ran / (b->config->hops + 1);
	const double chance = (double)random_below(&b->random, 1 << 30) / (1 << 30);

	if (longest <= GAP_LEAST)
		return GAP_LEAST;
	if (b->no_l2 || !b->config->driver->values) /* nothing is looked for */
		return 1 + (int64_t)(chance * longest);
	if (n % ANYWHERE == 0)
		return 1 + (int64_t)(chance * fmin(longest * ANYWHERE * 0.85, ran * 0.6));
	return (int64_t)(GAP_LEAST * pow(longest / GAP_LEAST, chance));
}

/* To the moment of freeze @n, from 0. *@there: it shall be frozen here. */
static int run_to_freeze(struct guest_boot *b, unsigned n, bool *there)
{
	const struct guest_words *w = &b->guest->words;
	const bool drawn = guest_drawn(w);
	const double ms = w->every_ms > 0 ? w->every_ms : w->at_ms;
	int ret;

	*there = true;
	if (w->every_exits)
		ret = run_exits(b, w->every_exits);
	else
		ret = run_for(b, drawn ? draw_gap(b, n) : (int64_t)(ms * NS_PER_MS));
	if (!ret && b->config->driver->values &&
	    (w->only_l2 || (drawn && n % ANYWHERE && !b->no_l2))) {
		ret = seek_l2(b, there);
		/* KVM leaves for us mostly with L2's entry pending: sometimes behind that. */
		if (!ret && *there && !w->only_l2 && n % 2)
			ret = run_for(b, 1 + (int64_t)random_below(&b->random, BEHIND_ENTRY));
		*there |= !w->only_l2;
	}
	return ret;
}

/* ---- a freeze ------------------------------------------------------------------------------ */

static int save(struct guest_boot *b, struct hop_record *hop)
{
	const struct driver *d = b->config->driver;
	struct flight_result *r = b->result;
	const int64_t start = now_ns();
	uint64_t hash;
	int ret;

	hop->kvm_says = d->l2_active(b->vm);
	ret = d->save(b->vm, &b->saved, &hop->state);
	if (ret)
		return ret;
	hop->save_ns = now_ns() - start;
	hop->bytes = d->values ? snapshot_bytes(&b->saved.value) : b->saved.stream.len;
	if (!d->values)
		return VM_OK;
	hop->states = guest_states_of(&b->saved.value);
	hash = snapshot_hash(&b->saved.value);
	r->trace = hash_bytes(r->trace, &hash, sizeof(hash));
	return VM_OK;
}

static int restore(struct guest_boot *b, struct hop_record *hop)
{
	const struct driver *d = b->config->driver;
	struct flight_result *r = b->result;
	bool nothing = false; /* to break in this state */
	int64_t start;
	int ret = VM_OK;

	if (b->config->oracles) {
		ret = d->oracles(b->vm, &b->saved.value, &r->oracle);
		r->oracles_run++;
	}
	ret = ret ?: d->quit(b->vm);
	if (!ret && b->config->broken) {
		ret = break_apply(&b->saved.value, b->config->broken, &b->err);
		nothing = ret > 0;
		ret = ret < 0 ? VM_HARNESS : VM_OK;
	}
	r->proved += !ret && !nothing;
	start = now_ns();
	ret = ret ?: d->restore(b->vm, &b->saved);
	hop->restore_ns = now_ns() - start;
	if (ret == VM_REFUSED)
		snprintf(r->refused, sizeof(r->refused), "%.255s", b->err.text);
	return ret;
}

/* The standing VM is moved; it stands again. */
static int move(struct guest_boot *b, struct hop_record *hop)
{
	const struct driver *d = b->config->driver;
	int ret = d->use ? d->use(b->vm, hop->method, b->random) : VM_OK;

	if (ret)
		return ret;
	switch (method_info(hop->method)->kind) {
	case KIND_FREEZE:
		return save(b, hop) ?: restore(b, hop);
	case KIND_PAUSE:
		return save(b, hop);
	case KIND_SAVEVM:
		return save(b, hop) ?: d->back(b->vm);
	case KIND_LIVE:
		ret = d->cont(b->vm) ?: d->move(b->vm, &hop->state);
		if (d->moved)
			d->moved(b->vm, &hop->move);
		return ret;
	default:
		return err_as(VM_LACKS, &b->err, "a foreign guest is not moved by %s",
			      method_name(hop->method));
	}
}

/* Whether it is frozen at moment @n, from 0, or only stopped. */
static bool wanted(const struct guest_boot *b, unsigned n)
{
	const char *list = b->guest->words.freezes;
	char number[16];

	snprintf(number, sizeof(number), "%u", n + 1);
	return !b->paused && (!list || word_in(list, ',', number));
}

static int freeze(struct guest_boot *b, unsigned n)
{
	struct flight_result *r = b->result;
	struct hop_record *hop = &r->hop[n];
	int ret;

	r->log.ready_hop = n + 1;
	if (b->config->progress && !b->paused)
		b->config->progress(b->config->arg, n + 1, 0);
	if (wanted(b, n)) {
		hop->method = method_of_hop(b->config->method, n + 1, b->config->seed);
		hop->taken_ns = now_ns();
		ret = move(b, hop);
		if (ret)
			return ret;
		hop->taken = true;
		r->taken++;
		r->l2_active += saved_l2_active(&hop->state);
	}
	b->passed = n + 1;
	return VM_OK;
}

/* All freezes, then on to its end. What a driver returned, or GUEST_FLOODED. */
static int run(struct guest_boot *b)
{
	const bool once = b->guest->words.at_ms > 0;
	const unsigned most = b->config->control ? 0 : once ? 1 : b->config->hops;
	int ret = VM_OK;

	if (most && b->config->driver->values) { /* which counts from where it stands */
		ret = b->config->driver->stop(b->vm);
		b->stands = true;
	}
	for (unsigned n = b->passed; !ret && n < most;) {
		bool there;

		ret = run_to_freeze(b, n, &there);
		if (!ret && there)
			ret = freeze(b, n++);
		if (!ret && b->log.bytes > TRANSCRIPT_MAX)
			ret = GUEST_FLOODED;
	}
	return ret ?: run_to_end(b);
}

int guest_boot(struct guest_boot *b, const struct flight_config *config,
	       struct flight_result *result, const struct guest_plan *plan)
{
	const struct driver *d = config->driver;
	auto_free char *path = xasprintf("%s/%s", config->vm.dir,
					 plan->paused ? "serial-paused.log" : "serial.log");
	int ret;

	*b = (struct guest_boot){.config = config,
				 .result = result,
				 .guest = config->scenario->guest,
				 .paused = plan->paused,
				 .end = {.code = -1},
				 .no_l2 = plan->no_l2,
				 .passed = plan->first,
				 .random = config->seed + plan->number,
				 .vm_config = config->vm};
	b->vm_config.image = b->guest->words.file;
	b->vm_config.cmdline = d->values ? b->guest->line : (b->guest->words.append ?: "");
	b->vm_config.module = b->guest->words.initrd;
	b->vm_config.memory_mib = b->guest->words.memory_mib;
	b->vm_config.vcpus = b->guest->words.vcpus;
	if (b->guest->words.cpu)
		b->vm_config.cpu = b->guest->words.cpu;
	b->vm_config.method = config->method;
	b->vm_config.deadline_ns = config->timeout_ns;
	b->vm_config.names = &b->names;
	b->vm_config.err = &b->err;
	b->vm_config.on_serial = on_serial;
	b->vm_config.arg = b;
	b->serial = fopen(path, "we");
	if (!b->serial)
		return err_set(&b->err, "cannot create %s: %s", path, strerror(errno));
	b->vm = d->create(&b->vm_config);
	ret = d->start(b->vm);
	if (!ret) {
		b->started_ns = now_ns();
		ret = run(b);
		b->ran_ns = now_ns() - b->started_ns;
	}
	if (ret == VM_ENDED)
		b->end = *d->end(b->vm);
	transcript_end(&b->log, b->passed);
	if (fclose(b->serial) && ret == VM_ENDED)
		ret = err_set(&b->err, "cannot write %s: %s", path, strerror(errno));
	b->serial = NULL;
	return ret;
}

void guest_boot_stop(struct guest_boot *b)
{
	if (b->vm)
		b->config->driver->destroy(b->vm);
	b->vm = NULL;
}

void guest_boot_end(struct guest_boot *b)
{
	guest_boot_stop(b);
	transcript_free(&b->log);
	snapshot_free(&b->saved.value);
	buf_free(&b->saved.stream);
}
