// SPDX-License-Identifier: BSD-2-Clause
// `midflight bench`: how fast snapshots of a running L2 are taken and restored, and how fast the
// kernel could do the same ioctls for a VM in which nothing runs. Both in turns, so that whatever
// else slows the machine down slows both.
#include "host/commands/cmd.h"
#include "host/flight/known.h"
#include "host/kvm/kvm_vm.h"
#include "host/lab/lab.h"
#include "host/run/setup.h"
#include "host/base/signals.h"
#include "host/base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 4
#define GOAL   1.15

struct times {
	unsigned cycles;
	int64_t stop_ns, save_ns, restore_ns, cont_ns;
};

struct bench {
	struct setup setup;
	struct flight_config config;
	struct times cycle, floor;
	unsigned hops;
	int64_t hop_ns;
	unsigned fds; /* open before the first block */
};

static int64_t all_ns(const struct times *t)
{
	return t->stop_ns + t->save_ns + t->restore_ns + t->cont_ns;
}

static unsigned open_fds(void)
{
	auto_closedir DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	while (dir && readdir(dir))
		count++;
	return count;
}

/* ---- the floor ---------------------------------------------------------------------------- */

/* KVM_RUN that returns at once: all that a restore prepared is loaded into the CPU. */
static int touch(struct kvm_vm *vm, struct err *e)
{
	int error;

	vm->vcpu[0].run->immediate_exit = 1;
	error = kvm_vm_enter(&vm->vcpu[0]);
	vm->vcpu[0].run->immediate_exit = 0;
	if (error == EINTR || error == EAGAIN)
		return 0;
	return err_set(e, "floor: KVM_RUN: %s",
		       error ? strerror(error) : "it did not return at once");
}

static int floor_cycle(struct bench *b, struct kvm_vm *vm, struct err *e)
{
	const struct order *order = &b->setup.order;
	auto_by(snapshot_free) struct snapshot s = {0};
	int64_t start = now_ns(), saved;
	int ret;

	kvm_vm_l2_active(vm); /* a hop asks for it as well */
	ret = kvm_state_save(&vm->fds, &s, e);
	saved = now_ns();
	kvm_vm_destroy(vm);
	if (!ret)
		ret = kvm_vm_create(vm, vm->memory_size, true, e);
	for (unsigned i = 0; !ret && i < order->steps; i++)
		ret = kvm_state_restore_step(&vm->fds, &s, order, i, e);
	b->floor.save_ns += saved - start;
	b->floor.restore_ns += now_ns() - saved;
	start = now_ns();
	if (!ret)
		ret = touch(vm, e);
	b->floor.cont_ns += now_ns() - start;
	b->floor.cycles++;
	return ret;
}

static int floor_block(struct bench *b, unsigned cycles, struct err *e)
{
	struct kvm_vm vm;
	int ret = kvm_vm_create(&vm, (uint64_t)b->config.vm.memory_mib << 20, false, e);

	if (ret)
		return ret;
	ret = touch(&vm, e);
	for (unsigned i = 0; !ret && i < cycles && !signals_pending(); i++)
		ret = floor_cycle(b, &vm, e);
	kvm_vm_destroy(&vm);
	return ret;
}

/* ---- the cycle ---------------------------------------------------------------------------- */

static void count(struct bench *b, const struct flight_result *result)
{
	for (unsigned i = 0; i < result->hops; i++) {
		const struct hop_record *hop = &result->hop[i];

		if (!hop->taken)
			continue;
		b->cycle.cycles++;
		b->cycle.stop_ns += hop->stop_ns;
		b->cycle.save_ns += hop->save_ns;
		b->cycle.restore_ns += hop->restore_ns;
		b->cycle.cont_ns += hop->cont_ns;
	}
	b->hops += result->log.hops_done;
	b->hop_ns += result->duration_ns - result->ready_ns;
}

/* One boot of L1 with @cycles hops. The exit status. */
static int cycle_block(struct bench *b, unsigned cycles)
{
	auto_by(flight_result_free) struct flight_result result = {0};
	const struct known *known;
	int status = 0;

	b->config.hops = cycles;
	flight_run(&b->config, &result);
	known = known_match(b->config.scenario->name, &b->config, &result, true, NULL);
	if (known) {
		printf("# met a known KVM bug: %s\n", known->id);
	} else if (result.verdict.word != WORD_PASS && !result.interrupted) {
		printf("# %s: %s\n", word_name(result.verdict.word),
		       result.verdict.findings ? result.verdict.finding[0] : "checks failed");
		status = result.verdict.word == WORD_ERROR  ? 2
			 : result.verdict.word == WORD_SKIP ? 4
							    : 1;
	}
	count(b, &result);
	return status;
}

/* ---- the answer --------------------------------------------------------------------------- */

static double per_second(int64_t ns, unsigned n)
{
	return ns > 0 ? n * 1000.0 * NS_PER_MS / (double)ns : 0;
}

static double ms_each(int64_t ns, unsigned n)
{
	return n ? (double)ns / NS_PER_MS / n : 0;
}

static void print_line(const char *name, int64_t ns, unsigned n, const char *text)
{
	printf("%-6s %8.1f /s %8.2f ms  %s\n", name, per_second(ns, n), ms_each(ns, n), text);
}

static void print(const struct bench *b)
{
	const struct times *c = &b->cycle, *f = &b->floor;
	double ratio = ms_each(all_ns(c), c->cycles) / ms_each(all_ns(f), f->cycles);

	print_line("cycle", all_ns(c), c->cycles, "stop, save, new VM, restore, go on");
	print_line("floor", all_ns(f), f->cycles,
		   "the same ioctls one by one, no L2, no memory, no checks");
	printf("ratio  %8.2f              goal: at most %.2f\n", ratio, GOAL);
	print_line("hop", b->hop_ns, b->hops, "a cycle, L1's and L2's checks, the serial log");
	printf("# cycle: stop %.2f ms, save %.2f ms, new VM and restore %.2f ms, go on %.2f ms\n",
	       ms_each(c->stop_ns, c->cycles), ms_each(c->save_ns, c->cycles),
	       ms_each(c->restore_ns, c->cycles), ms_each(c->cont_ns, c->cycles));
	printf("# floor: save %.2f ms, new VM and restore %.2f ms, KVM_RUN %.2f ms\n",
	       ms_each(f->save_ns, f->cycles), ms_each(f->restore_ns, f->cycles),
	       ms_each(f->cont_ns, f->cycles));
	if (b->setup.o->verbose)
		printf("# file descriptors: %u before, %u after\n", b->fds, open_fds());
}

static int measure(struct bench *b, struct err *e)
{
	unsigned cycles = b->setup.o->hops, left = cycles;
	int status = 0;

	printf("# scenario %s, order %s, %u MiB, %u cycles in %d turns, CLOCK_MONOTONIC%s\n",
	       b->config.scenario->name, b->setup.order.name, b->config.vm.memory_mib, cycles,
	       BLOCKS, *lab_time() ? ": all times are emulated ones" : "");
	fflush(stdout);
	b->fds = open_fds();
	for (unsigned i = 0; i < BLOCKS && left && !status && !signals_pending(); i++) {
		unsigned block = i == BLOCKS - 1 ? left : (cycles + BLOCKS - 1) / BLOCKS;

		if (block > left)
			block = left;
		left -= block;
		if (floor_block(b, block, e))
			return give_up(e->text);
		status = cycle_block(b, block);
	}
	if (signals_pending())
		return 128 + signals_pending();
	if (b->cycle.cycles)
		print(b);
	return status;
}

int cmd_bench(struct options *o)
{
	struct bench b = {0};
	auto_free char *dir = NULL;
	struct err e = {0};

	if (setup(&b.setup, o, &e))
		return give_up(e.text);
	if (b.setup.lab)
		return setup_become_lab(&b.setup);
	if (b.setup.missing)
		return setup_skip(&b.setup);
	if (signals_init())
		return give_up("cannot set up signals");
	setup_flight(&b.setup, &b.config);
	dir = xasprintf("%s/bench", b.setup.log);
	b.config.scenario = o->scenario[0];
	b.config.vm.dir = dir;
	return make_dirs(dir, &e) ? give_up(e.text) : measure(&b, &e);
}
