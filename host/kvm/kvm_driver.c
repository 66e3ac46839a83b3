// SPDX-License-Identifier: BSD-2-Clause
// Driver `kvm`: the small VMM of kvm_vm.c with a thread for each vCPU (kvm_threads.c). All that may
// block on a page that is not there yet (the restore's ioctls, KVM_RUN) runs in these threads, a
// restore in the first vCPU's; the caller's thread, here, watches them.
#include "host/kvm/kvm_threads.h"
#include "host/kvm/kvm_offers.h"
#include "host/base/cleanup.h"
#include "host/pages/pages.h"
#include "host/base/signals.h"
#include "host/snapshot/saved_state.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WATCH_NS	(100 * NS_PER_MS)
#define PAGE_LIMIT_NS	(3000 * NS_PER_MS) /* a page that has not come by then never will */
#define FETCHES_STALLED "a page that KVM asked for did not come"

/* To be asked before drain(): what is sent up to the end is then not lost. */
static bool has_ended(struct machine *m)
{
	hold_lock(&m->lock);
	return m->ended;
}

/* Waits for news, a signal for the runner, or @until_ns. */
static int sleep_until(struct machine *m, int64_t until_ns)
{
	struct pollfd fds[] = {{.fd = m->event, .events = POLLIN},
			       {.fd = signals_fd(), .events = POLLIN}};
	uint64_t count;

	if (poll(fds, 2, poll_ms(until_ns)) < 0 && errno != EINTR)
		return err_set(m->config->err, "poll: %s", strerror(errno));
	if (read(m->event, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return VM_HARNESS;
	return signals_pending() ? VM_SIGNAL : VM_OK;
}

/* A request for a page that has waited too long: nothing will answer it, so go on without. */
static bool stalled(struct machine *m)
{
	struct fetch waiting;

	return m->pages && pages_waiting(m->pages, &waiting) && waiting.waited_ns > PAGE_LIMIT_NS;
}

/* Whether the process that has the pages is gone: an error, whatever the VM made of it. */
static bool source_dead(struct machine *m)
{
	if (!m->remote || !serve_dead(m->remote, m->config->err))
		return false;
	if (m->pages)
		pages_release(m->pages);
	return true;
}

/* Waits until the threads are idle. */
static int wait_idle(struct machine *m)
{
	int64_t until = now_ns() + m->config->deadline_ns;

	while (!kvm_drain(m)) {
		int64_t next = now_ns() + WATCH_NS;
		int ret;

		if (now_ns() >= until)
			return err_as(VM_TIMEOUT, m->config->err, "a vCPU's thread does not stop");
		if (stalled(m))
			pages_release(m->pages);
		ret = sleep_until(m, next < until ? next : until);
		if (ret)
			return ret;
		if (source_dead(m))
			return VM_HARNESS;
	}
	return source_dead(m) ? VM_HARNESS : VM_OK;
}

static void *create(const struct vm_config *config)
{
	struct machine *m = xcalloc(1, sizeof(*m));
	struct sigaction action = {.sa_handler = kvm_kick};

	m->config = config;
	if (config->save_order)
		m->saving.order = *config->save_order;
	m->saving.wait_ns = config->save_wait_ns;
	m->saving.roam = config->save_roam;
	m->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->changed, NULL);
	sigaction(KICK, &action, NULL);
	kvm_vm_catch_poison();
	return m;
}

static void collect_fetches(struct machine *m)
{
	if (!m->pages)
		return;
	free(m->fetch);
	m->fetches = pages_fetches(m->pages, &m->fetch);
	pages_stop(m->pages);
	m->pages = NULL;
	if (m->remote && !serve_dead(m->remote, m->config->err)) {
		serve_disconnect(m->remote);
		m->remote = NULL;
	}
}

/* Ends the threads and the VM, whatever they are at. */
static void throw_away(struct machine *m)
{
	if (m->pages)
		pages_release(m->pages);
	kvm_want(m, DO_QUIT);
	for (unsigned i = 0; i < m->threads; i++)
		pthread_join(m->runner[i].thread, NULL);
	m->threads = 0;
	collect_fetches(m);
	if (m->exists)
		kvm_vm_end(&m->vm);
	m->exists = false;
	if (m->remote)
		serve_disconnect(m->remote);
	m->remote = NULL;
	m->want = DO_NOTHING;
}

static void destroy(void *vm)
{
	struct machine *m = vm;

	throw_away(m);
	kvm_vm_ended();
	close(m->event);
	snapshot_free(&m->like);
	buf_free(&m->sent);
	buf_free(&m->messages);
	free(m->fetch);
	pthread_mutex_destroy(&m->lock);
	pthread_cond_destroy(&m->changed);
	free(m);
}

static int make(struct machine *m, uint64_t memory_size, unsigned vcpus, bool bare)
{
	const struct unanswered none = m->vm.unanswered; /* by all VMs */
	int64_t start;

	throw_away(m);
	start = now_ns();
	if (kvm_vm_create(&m->vm, memory_size, bare, m->config->err))
		return VM_HARNESS;
	m->vm.unanswered = none;
	m->saving.like = m->like.sections ? &m->like : NULL;
	m->vm.fds.saving = &m->saving;
	if (m->config->no_cap)
		kvm_vm_enable_caps(&m->vm, m->config->no_cap);
	m->exists = true;
	m->ended = false;
	m->byte_ns = m->end_ns = 0;
	while (m->vm.vcpus < vcpus)
		if (kvm_vm_add_vcpu(&m->vm, bare, m->config->err))
			return VM_HARNESS;
	kvm_record_ioctl(m, 0, start, "KVM_CREATE_VM, KVM_CREATE_VCPU, ...", false);
	return kvm_threads_start(m);
}

static int cont(void *vm)
{
	kvm_want(vm, DO_RUN);
	kvm_vm_end_aside();
	return VM_OK;
}

static int start(void *vm)
{
	struct machine *m = vm;
	const struct vm_config *c = m->config;
	int ret = VM_OK;

	if (c->like && !m->like.sections)
		ret = kvm_offers_load(c->like, &m->like, c->err);
	ret = ret ?: make(m, (uint64_t)c->memory_mib << 20, c->vcpus, true);
	if (ret)
		return ret;
	if (kvm_vm_offer(&m->vm, 0, c->enlightened, m->saving.like, c->err))
		return VM_HARNESS;
	if (kvm_vm_load(&m->vm, c->image, c->cmdline, c->module, c->err))
		return VM_HARNESS;
	return cont(m);
}

static const void *page_source(void *arg, uint64_t gpa)
{
	return snapshot_page(((struct machine *)arg)->from, gpa);
}

/* Memory of the new VM: filled now, or when it is asked for. */
static int restore_memory(struct machine *m)
{
	const struct pages_config *pages = m->config->pages;
	int64_t start = now_ns();

	if (pages->mode == PAGES_EAGER) {
		kvm_memory_restore(m->from, m->vm.memory);
		timeline_span(m->config->timeline, LANE_PAGES, TIMELINE_PAGE, start, now_ns(),
			      "all memory filled");
		return VM_OK;
	}
	if (m->config->serve_from) {
		m->remote = serve_connect(m->config->serve_from, m->vm.memory_size,
					  m->config->serve_id, PAGE_LIMIT_NS, m->config->err);
		if (!m->remote)
			return VM_HARNESS;
	}
	m->pages = pages_start(pages, m->vm.memory, m->vm.memory_size, m->config->names,
			       m->remote ? serve_page : page_source,
			       m->remote ? (void *)m->remote : m, m->config->err);
	return m->pages ? VM_OK : VM_HARNESS;
}

static int restore(void *vm, const struct saved_vm *from)
{
	struct machine *m = vm;
	struct ports *const ports = &m->vm.ports;
	int ret = make(m, from->value.memory_size, kvm_vcpus_saved(&from->value), true);

	m->from = &from->value;
	if (!ret)
		kvm_ports_load(ports, m->from);
	ret = ret ?: restore_memory(m);
	if (ret)
		return ret;
	m->restore_err.text[0] = '\0';
	kvm_want(m, DO_RESTORE);
	ret = wait_idle(m);
	if (!ret)
		kvm_ports_restore(ports, m->vm.fds.vm);
	if (!ret && m->restore_status) {
		*m->config->err = m->restore_err;
		return m->restore_status == KVM_STATE_TAKEN ? VM_TAKEN : VM_REFUSED;
	}
	return ret;
}

/* Waits for the threads to stand still, and takes what the restored VM asked for. */
static int come_to_rest(struct machine *m)
{
	int ret = wait_idle(m);

	pthread_mutex_lock(&m->lock);
	m->freeze.at = FREEZE_NOW;
	pthread_mutex_unlock(&m->lock);
	if (!ret)
		collect_fetches(m);
	if (!ret && source_dead(m)) /* then memory is not whole */
		return VM_HARNESS;
	return ret ?: m->ended ? VM_ENDED : VM_OK;
}

/* Locked. */
static int push(struct machine *m, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!uart_push(&m->vm.ports.uart, (uint8_t)bytes[i]))
			return err_set(m->config->err, "the guest does not read its serial port");
	return VM_OK;
}

static int send_byte(void *vm, char byte)
{
	struct machine *m = vm;

	hold_lock(&m->lock);
	return push(m, &byte, 1);
}

static int stop(void *vm)
{
	kvm_want(vm, DO_NOTHING);
	return come_to_rest(vm);
}

/* In the trap's thread: the vCPU's own still waits for the page, deep in KVM_RUN. */
static void on_touch(void *arg)
{
	const struct machine *m = arg;

	timeline_instant(m->config->timeline, LANE_PAGES, TIMELINE_PAGE,
			 "the expected page, which was taken away, is asked for");
	kvm_want(arg, DO_NOTHING);
}

/* The stopped VM goes on until it asks for a page that was taken away. */
static int stop_at_page(struct machine *m, uint64_t gpa)
{
	struct page_trap *trap;
	int ret;

	if (!gpa || gpa % SNAPSHOT_PAGE || gpa + SNAPSHOT_PAGE > m->vm.memory_size)
		return err_set(m->config->err, "the guest has not said which page it expects");
	trap = page_trap_arm(m->vm.memory + gpa, on_touch, m, m->config->err);
	if (!trap)
		return VM_HARNESS;
	kvm_want(m, DO_RUN);
	ret = come_to_rest(m);
	page_trap_disarm(trap);
	return ret;
}

static int blocked(void *vm)
{
	const struct kvm_vm *v = &((struct machine *)vm)->vm;

	return (int)kvm_stats_read(v->vcpu[v->vcpus - 1].stats, "blocking");
}

/* The VM, which runs, is told to stop when it sleeps, unless it does so before. */
static int wait_asleep(struct machine *m)
{
	const int64_t until = now_ns() + m->config->deadline_ns;
	int ret = VM_OK;

	while (!ret && !kvm_drain(m) && blocked(m) != 1)
		ret = now_ns() < until ? sleep_until(m, now_ns() + BLOCK_POLL_NS)
				       : err_as(VM_TIMEOUT, m->config->err,
						"the vCPU neither stops nor sleeps");
	if (!ret)
		kvm_want(m, DO_NOTHING);
	return ret;
}

static int stop_at(void *vm, const struct freeze *freeze, const char *bytes)
{
	struct machine *m = vm;
	const bool asleep = freeze->at == FREEZE_ASLEEP;
	bool port = false;
	int ret;

	if (freeze->at == FREEZE_PAGE)
		return stop_at_page(m, (uint64_t)freeze->value);
	pthread_mutex_lock(&m->lock);
	ret = push(m, bytes, strlen(bytes)); /* all of them, before the guest can take the first */
	m->freeze = *freeze;
	if (asleep)
		m->freeze.at = FREEZE_PORT;
	m->freeze_err.text[0] = '\0';
	m->want = DO_RUN;
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
	if (!ret && asleep)
		ret = wait_asleep(m);
	ret = ret ?: wait_idle(m);
	if (!ret && (asleep || freeze->at == FREEZE_SOON)) {
		hold_lock(&m->lock);
		port = m->freeze.at == FREEZE_NOW;
	}
	ret = ret ?: come_to_rest(m);
	if (!ret && *m->freeze_err.text) {
		*m->config->err = m->freeze_err;
		ret = VM_HARNESS;
	}
	return ret ?: port ? VM_PORT : VM_OK;
}

static int l2_active(void *vm)
{
	return kvm_vm_l2_active(&((struct machine *)vm)->vm);
}

static int save(void *vm, struct saved_vm *to, struct saved_state *state)
{
	struct machine *m = vm;
	struct snapshot *s = &to->value;
	int64_t start = now_ns();
	int ret;

	collect_fetches(m); /* it may be the source of pages until here */
	snapshot_drop_sections(s);
	ret = kvm_vcpus_save(&m->vm, s, m->config->err);
	kvm_record_ioctl(m, 0, start, "KVM_GET_...", ret);
	if (ret) {
		snapshot_free(s);
		return ret;
	}
	kvm_ports_save(&m->vm.ports, s);
	kvm_memory_save(s, m->vm.memory, m->vm.memory_size);
	kvm_state_summary(s, state);
	return VM_OK;
}

static uint8_t *memory(void *vm, uint64_t *size)
{
	struct machine *m = vm;

	*size = m->exists ? m->vm.memory_size : 0;
	return m->exists ? m->vm.memory : NULL;
}

static int64_t span(void *vm)
{
	struct machine *m = vm;

	hold_lock(&m->lock);
	return m->byte_ns && m->end_ns ? m->end_ns - m->byte_ns : 0;
}

static int quit(void *vm)
{
	struct machine *m = vm;

	kvm_drain(m);
	throw_away(m);
	return VM_OK;
}

/* To vCPUs that leave KVM_RUN for it and enter again. */
static int act_between(struct machine *m, const struct act_config *act)
{
	int ret;

	kvm_want(m, DO_NOTHING);
	ret = wait_idle(m);
	if (ret || m->ended)
		return ret ?: VM_ENDED;
	return kvm_act(&m->vm, act, m->config->err) ?: cont(m);
}

/*
 * As QEMU does it: the vCPU leaves KVM_RUN, and its events are read, which makes the queued NMI a
 * pending one. An NMI that is only queued meets KVM with a posted interrupt that it could not
 * complete, and ends the VM (docs/known-failures.md#halted-posted-interrupt-lost).
 */
static int nmi(void *vm)
{
	return act_between(vm, &(struct act_config){.act = ACT_NMI});
}

/* One more, with what the others were offered. The VM stands still. A VM that has two was saved
 * behind this. */
static int add_vcpu(struct machine *m)
{
	const struct vm_config *c = m->config;
	const unsigned first = m->vm.vcpus;

	if (first == KVM_VCPUS_MAX)
		return VM_OK;
	if (kvm_vm_add_vcpu(&m->vm, true, c->err) ||
	    kvm_vm_offer(&m->vm, first, c->enlightened, m->saving.like, c->err))
		return VM_HARNESS;
	return kvm_threads_start(m);
}

static int act(void *vm, const struct act_config *act, bool live)
{
	struct machine *m = vm;

	if (act->act == ACT_VCPU_ADD)
		return add_vcpu(m);
	if (live && !kvm_act_is_message(act->act))
		return act_between(m, act);
	if (act->act == ACT_IN_PLACE)
		return kvm_act_in_place(&m->vm.fds, m->config->order, m->config->err) ? VM_HARNESS
										      : VM_OK;
	return kvm_act(&m->vm, act, m->config->err);
}

static int oracles(void *vm, const struct snapshot *saved, struct oracle_report *report)
{
	struct machine *m = vm;

	return oracle_run(&m->vm, saved, m->config->order, report, m->config->err);
}

static int make_runnable(void *vm)
{
	struct machine *m = vm;
	struct kvm_mp_state state = {.mp_state = KVM_MP_STATE_RUNNABLE};

	return ioctl(m->vm.fds.vcpu, KVM_SET_MP_STATE, &state)
		       ? err_errno(m->config->err, "KVM_SET_MP_STATE")
		       : VM_OK;
}

static int wait_for(void *vm, int64_t until_ns)
{
	struct machine *m = vm;
	bool ended = has_ended(m);
	int ret;

	kvm_drain(m);
	if (source_dead(m))
		return VM_HARNESS;
	if (ended)
		return VM_ENDED;
	if (stalled(m)) {
		pages_release(m->pages);
		return VM_OK;
	}
	if (m->pages && until_ns > now_ns() + WATCH_NS)
		until_ns = now_ns() + WATCH_NS;
	ret = sleep_until(m, until_ns);
	ended = has_ended(m);
	kvm_drain(m);
	if (source_dead(m))
		return VM_HARNESS;
	return ret ?: ended ? VM_ENDED : VM_OK;
}

static const struct vm_end *end_of(void *vm)
{
	return &((struct machine *)vm)->end;
}

static void describe(void *vm, struct buf *text)
{
	struct machine *m = vm;
	struct fetch waiting;
	struct kvm_regs regs;

	if (m->pages && pages_waiting(m->pages, &waiting))
		buf_printf(text, "%s: %s (gpa 0x%llx), in %s\n", FETCHES_STALLED, waiting.name,
			   (unsigned long long)waiting.gpa, waiting.phase);
	if (stop(m))
		return;
	for (unsigned i = 0; i < m->vm.vcpus; i++)
		if (!ioctl(m->vm.vcpu[i].fd, KVM_GET_REGS, &regs))
			buf_printf(text, "vCPU %u: rip 0x%llx rsp 0x%llx rflags 0x%llx\n", i,
				   (unsigned long long)regs.rip, (unsigned long long)regs.rsp,
				   (unsigned long long)regs.rflags);
}

static const char *messages(void *vm)
{
	struct machine *m = vm;
	const struct unanswered *none = &m->vm.unanswered;

	m->messages.len = 0;
	for (unsigned i = 0; i < none->count; i++)
		buf_printf(&m->messages, "%s%s 0x%llx", i ? ", " : "no device answers at ",
			   none->mmio[i] ? "address" : "port", (unsigned long long)none->at[i]);
	return buf_text(&m->messages);
}

static unsigned fetches(void *vm, struct fetch **list)
{
	struct machine *m = vm;
	unsigned count;

	collect_fetches(m);
	count = m->fetches;
	*list = keep(m->fetch);
	m->fetches = 0;
	return count;
}

const struct driver kvm_driver = {
	.name = "kvm",
	.values = true,
	.create = create,
	.destroy = destroy,
	.start = start,
	.restore = restore,
	.stop = stop,
	.stop_at = stop_at,
	.cont = cont,
	.l2_active = l2_active,
	.save = save,
	.quit = quit,
	.send = send_byte,
	.nmi = nmi,
	.wait = wait_for,
	.end = end_of,
	.describe = describe,
	.messages = messages,
	.blocked = blocked,
	.make_runnable = make_runnable,
	.act = act,
	.oracles = oracles,
	.span = span,
	.memory = memory,
	.fetches = fetches,
};
