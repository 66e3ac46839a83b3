// SPDX-License-Identifier: BSD-2-Clause
// The threads of driver `kvm`: KVM_RUN, and a restore, which may block on a page that is not there
// yet; stopping where a freeze was asked for. Page requests are told of the first vCPU.
#include "host/kvm/kvm_threads.h"
#include "host/base/cleanup.h"
#include "host/snapshot/saved_state.h"
#include "l2guest/layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef KVM_EXIT_MEMORY_FAULT /* newer than the headers of Debian 12 */
#define KVM_EXIT_MEMORY_FAULT 39
#endif

#define SHORT_RUN_NS (1 * NS_PER_MS) /* of which many in a row are one event of a timeline */
#define LINE_LIMIT   4096 /* serial bytes without an end of line that wait to be told of */

void kvm_kick(int signal)
{
	(void)signal;
}

static void tell(struct machine *m)
{
	const uint64_t one = 1;

	if (write(m->event, &one, sizeof(one)) < 0)
		return; /* full: it has been told */
}

/* Makes all vCPUs leave KVM_RUN, to see what is wanted now. Locked. */
static void kick_all(struct machine *m)
{
	for (unsigned i = 0; i < m->threads; i++) {
		if (m->want != DO_RUN || m->ended)
			__atomic_store_n(&m->vm.vcpu[i].run->immediate_exit, 1, __ATOMIC_RELAXED);
		pthread_kill(m->runner[i].thread, KICK);
	}
}

static void phase(struct machine *m, const char *text)
{
	if (m->pages)
		pages_phase(m->pages, text);
}

static void record_run(const struct machine *m, unsigned n, int64_t start_ns, int error)
{
	const struct kvm_vcpu *vcpu = &m->vm.vcpu[n];
	char exit[64];

	kvm_exit_text(vcpu->run, error, exit, sizeof(exit));
	if (vcpu->runs == 1) /* what a restore is about */
		timeline_span(m->config->timeline, LANE_VCPU + n, TIMELINE_RUN, start_ns, now_ns(),
			      "KVM_RUN 1 (%s)", exit);
	else
		timeline_often(m->config->timeline, LANE_VCPU + n, TIMELINE_RUN, start_ns, now_ns(),
			       SHORT_RUN_NS, "KVM_RUN (%s)", exit);
}

void kvm_record_ioctl(const struct machine *m, unsigned n, int64_t start_ns, const char *text,
		      bool failed)
{
	timeline_span(m->config->timeline, LANE_VCPU + n, TIMELINE_IOCTL, start_ns, now_ns(),
		      "%s%s", text, failed ? ": failed" : "");
}

/* Step @i; the TSC's frequency may be that of another host. */
static int restore_step(struct machine *m, const struct kvm_fds *fds, const struct snapshot *part,
			unsigned i)
{
	const struct order *o = m->config->order;
	const unsigned khz = m->config->to_tsc_khz;

	if (!khz || strcmp(o->step[i], "TSC_KHZ"))
		return kvm_state_restore_step(fds, part, o, i, &m->restore_err);
	return ioctl(fds->vcpu, KVM_SET_TSC_KHZ, khz)
		       ? err_errno(&m->restore_err, "KVM_SET_TSC_KHZ")
		       : 0;
}

/* Steps @first to before @end of the order, for vCPU @n, as kvm_state_restore_step(). */
static int restore_steps(struct machine *m, unsigned n, unsigned first, unsigned end)
{
	const struct order *o = m->config->order;
	const struct kvm_fds fds = kvm_vcpu_fds(&m->vm, n);
	struct snapshot part = kvm_vcpu_part(m->from, n);
	char text[64];
	int ret = 0;

	for (unsigned i = first; !ret && i < end; i++) {
		int64_t start = now_ns();

		order_step_text(o->step[i], text, sizeof(text));
		phase(m, text);
		ret = restore_step(m, &fds, &part, i);
		kvm_record_ioctl(m, n, start, text, ret);
	}
	kvm_vcpu_part_free(&part);
	return ret;
}

/* One vCPU after the other, as QEMU does it. */
static int restore_all(struct machine *m)
{
	const struct order *o = m->config->order;
	int ret = 0;

	for (unsigned n = 0; !ret && n < m->vm.vcpus; n++)
		ret = restore_steps(m, n, 0, o->late ?: o->steps);
	phase(m, "before KVM_RUN");
	return ret;
}

/* What the order has behind the first KVM_RUN, if that is what vCPU @n has just left. Locked. */
static void restore_late(struct machine *m, unsigned n)
{
	const struct order *o = m->config->order;
	int ret = 0;

	if (m->from && o->late && m->vm.vcpu[n].runs == 1 && !m->ended)
		ret = restore_steps(m, n, o->late, o->steps);
	if (!ret)
		return;
	m->end.how = END_CRASH;
	snprintf(m->end.text, sizeof(m->end.text), "%sbehind the first KVM_RUN: %.200s",
		 ret == KVM_STATE_TAKEN ? "" : "refused ", m->restore_err.text);
	m->ended = true;
	kick_all(m);
}

/* Stops the vCPUs where stop_at() asked for. Locked. */
static void freeze_here(struct machine *m, unsigned n)
{
	const struct kvm_run *run = m->vm.vcpu[n].run;
	const bool access = run->exit_reason == KVM_EXIT_IO && run->io.port == FREEZE_IO_PORT;
	const bool port = access && run->io.direction == KVM_EXIT_IO_OUT;
	const bool wanted = m->freeze.at == FREEZE_PORT || m->freeze.at == FREEZE_SOON;

	const bool out = m->freeze.at == FREEZE_READ && access && !port;

	if (m->freeze.at == FREEZE_EXITS ? --m->freeze.value <= 0 : out || (wanted && port)) {
		if (out)
			m->runner[n].access = ACCESS_OUT;
		m->freeze.at = FREEZE_NOW;
		m->want = DO_NOTHING;
		kick_all(m);
	}
}

/* Whether each instruction is to end KVM_RUN. 0, or -1 with freeze_err filled. Locked. */
static int single_step(struct machine *m, unsigned n, bool on)
{
	struct kvm_guest_debug debug = {
		.control = on ? KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP : 0};

	return ioctl(m->vm.vcpu[n].fd, KVM_SET_GUEST_DEBUG, &debug)
		       ? err_errno(&m->freeze_err, "KVM_SET_GUEST_DEBUG")
		       : 0;
}

/* FREEZE_STEPS: one instruction was executed. Locked. */
static void count_step(struct machine *m, unsigned n)
{
	if (--m->freeze.value > 0)
		return;
	m->freeze.at = FREEZE_NOW;
	single_step(m, n, false);
	m->want = DO_NOTHING;
	kick_all(m);
}

/* The guest has taken a byte, which is the mark of FREEZE_AFTER and FREEZE_STEPS. Locked. */
static void pass_mark(struct machine *m, unsigned n)
{
	if (m->freeze.at == FREEZE_STEPS && !single_step(m, n, true))
		return;
	m->freeze.at = FREEZE_NOW;
	if (!*m->freeze_err.text && !vcpu_alarm_set(&m->runner[n].alarm, m->vm.vcpu[n].run,
						    m->freeze.value, &m->freeze_err))
		return;
	m->want = DO_NOTHING;
	kick_all(m);
}

/* Whether KVM_RUN, which gave @error, was left for a page that is here now. */
static bool page_came(struct machine *m, const struct kvm_run *run, int error)
{
	struct {
		uint64_t flags, gpa, size;
	} fault;

	if (!m->pages || error != EFAULT || run->exit_reason != KVM_EXIT_MEMORY_FAULT)
		return false;
	memcpy(&fault, run->padding, sizeof(fault));
	return pages_fetch(m->pages, fault.gpa);
}

/* KVM_RUN until the caller wants something else or the VM ends. Locked on entry and return. */
static void run_vcpu(struct machine *m, unsigned n)
{
	struct kvm_vcpu *vcpu = &m->vm.vcpu[n];
	struct runner *r = &m->runner[n];
	bool interrupted = false;

	if (m->freeze.at == FREEZE_SOON && !n &&
	    vcpu_alarm_set(&m->runner[n].alarm, vcpu->run, m->freeze.value, &m->freeze_err))
		m->want = DO_NOTHING;
	r->access = ACCESS_NONE;
	while (!m->ended && r->access != ACCESS_OUT && (m->want == DO_RUN || !interrupted)) {
		struct vm_end end = {0};
		struct buf sent = {0};
		enum vcpu_exit exit;
		unsigned before; /* bytes for the guest */
		char text[32];
		int64_t start;
		int error;

		/* When told to stop: once more, to complete what the last exit left open. */
		vcpu->run->immediate_exit = m->want != DO_RUN;
		if (vcpu_alarm_rang())
			vcpu->run->immediate_exit = 1;
		pthread_mutex_unlock(&m->lock);
		if (m->pages && !n) {
			snprintf(text, sizeof(text), "KVM_RUN %llu",
				 (unsigned long long)vcpu->runs + 1);
			phase(m, text);
		}
		/* What fixes/experiments/page-retrieval-c.cocci takes for "I bring missing pages
		 * myself". */
		vcpu->run->padding1[0] = m->pages && m->config->pages->mode == PAGES_EXIT;
		start = now_ns();
		error = kvm_vm_enter(vcpu);
		if (m->config->timeline)
			record_run(m, n, start, error);
		if (page_came(m, vcpu->run, error))
			error = EAGAIN;
		pthread_mutex_lock(&m->lock);
		before = m->vm.ports.uart.queued;
		exit = kvm_vm_handle(&m->vm, vcpu, error, &sent, &interrupted, &end);
		/* What KVM could not get is here now: does it go on where it was? */
		if (exit == VCPU_ENDED && end.how == END_CRASH && m->pages && pages_heal(m->pages))
			exit = VCPU_AGAIN;
		if (sent.len)
			buf_append(&m->sent, sent.p, sent.len);
		if (m->freeze.at != FREEZE_NOW && !interrupted && m->want == DO_RUN)
			freeze_here(m, n);
		if (m->vm.ports.uart.queued < before) {
			if (FREEZE_BEHIND_MARK(&m->freeze))
				pass_mark(m, n);
			if (!m->byte_ns)
				m->byte_ns = now_ns();
		}
		if (m->freeze.at == FREEZE_STEPS && exit == VCPU_STEPPED)
			count_step(m, n);
		if (interrupted && vcpu_alarm_rang() && m->want == DO_RUN) {
			m->want = DO_NOTHING;
			kick_all(m);
		}
		restore_late(m, n);
		if (exit == VCPU_ENDED && !m->ended) {
			m->end = end;
			m->ended = true;
			m->end_ns = now_ns();
			kick_all(m);
		}
		/* Line by line: it costs two context switches. */
		if ((sent.len && memchr(sent.p, '\n', sent.len)) || m->sent.len >= LINE_LIMIT ||
		    m->ended)
			tell(m);
		buf_free(&sent);
	}
	vcpu_alarm_end(&m->runner[n].alarm);
	vcpu->run->immediate_exit = 0;
}

static bool has_work(const struct runner *r)
{
	return r->m->want == DO_RUN	  ? !r->m->ended
	       : r->m->want == DO_RESTORE ? !r->vcpu
	       : r->m->want == DO_NOTHING ? r->access == ACCESS_TO_COMPLETE && !r->m->ended
					  : r->m->want == DO_QUIT;
}

static void *thread_main(void *arg)
{
	struct runner *r = arg;
	struct machine *m = r->m;

	pthread_mutex_lock(&m->lock);
	for (;;) {
		while (!has_work(r))
			pthread_cond_wait(&m->changed, &m->lock);
		if (m->want == DO_QUIT)
			break;
		r->busy = true;
		if (m->want == DO_RUN || m->want == DO_NOTHING) {
			run_vcpu(m, r->vcpu);
		} else {
			pthread_mutex_unlock(&m->lock);
			if (m->pages)
				pages_vcpu_thread(m->pages, gettid());
			m->restore_status = restore_all(m);
			pthread_mutex_lock(&m->lock);
			if (m->want == DO_RESTORE)
				m->want = DO_NOTHING;
		}
		r->busy = false;
		pthread_cond_broadcast(&m->changed);
		tell(m);
	}
	pthread_mutex_unlock(&m->lock);
	return NULL;
}

int kvm_threads_start(struct machine *m)
{
	while (m->threads < m->vm.vcpus) {
		struct runner *r = &m->runner[m->threads];
		int ret;

		*r = (struct runner){.m = m, .vcpu = m->threads};
		ret = pthread_create(&r->thread, NULL, thread_main, r);
		if (ret)
			return err_set(m->config->err, "cannot start a thread: %s", strerror(ret));
		m->threads++;
	}
	return VM_OK;
}

void kvm_want(struct machine *m, int what)
{
	hold_lock(&m->lock);
	m->want = (unsigned)what;
	for (unsigned i = 0; i < m->threads; i++)
		if (m->runner[i].access == ACCESS_OUT)
			m->runner[i].access = ACCESS_TO_COMPLETE;
	pthread_cond_broadcast(&m->changed);
	kick_all(m);
}

static bool any_busy(const struct machine *m)
{
	for (unsigned i = 0; i < m->threads; i++)
		if (m->runner[i].busy || (m->want == DO_NOTHING && has_work(&m->runner[i])))
			return true;
	return false;
}

bool kvm_drain(struct machine *m)
{
	struct buf sent;
	bool idle;

	pthread_mutex_lock(&m->lock);
	sent = m->sent;
	memset(&m->sent, 0, sizeof(m->sent));
	idle = !any_busy(m) && (m->want == DO_NOTHING || m->ended);
	pthread_mutex_unlock(&m->lock);
	if (sent.len)
		m->config->on_serial(m->config->arg, sent.p, sent.len);
	buf_free(&sent);
	return idle;
}
