/* SPDX-License-Identifier: BSD-2-Clause */
/* The threads of driver `kvm`, one for each vCPU; for kvm_driver.c alone. */
#ifndef HOST_KVM_KVM_THREADS_H
#define HOST_KVM_KVM_THREADS_H

#include "host/vmm/driver.h"
#include "host/kvm/kvm_vm.h"
#include "host/pages/pages.h"
#include "host/pages/serve.h"
#include "host/kvm/vcpu_alarm.h"

#include <pthread.h>
#include <signal.h>

#define KICK SIGUSR1 /* to a thread in KVM_RUN */

struct machine {
	const struct vm_config *config;
	struct snapshot like; /* of config->like; no sections: none */
	struct kvm_saving saving;
	struct kvm_vm vm;
	bool exists;
	struct runner {
		struct machine *m;
		unsigned vcpu;
		pthread_t thread;
		bool busy; /* it does what is wanted */
		/* An access of the guest is out: left so (FREEZE_READ), or KVM is to complete it.
		 */
		enum { ACCESS_NONE, ACCESS_OUT, ACCESS_TO_COMPLETE } access;
		struct vcpu_alarm alarm;
	} runner[KVM_VCPUS_MAX];
	unsigned threads;
	int event; /* eventfd: something to tell the caller */

	pthread_mutex_t lock; /* all below, the runners' busy, and vm.ports */
	pthread_cond_t changed;
	enum { DO_NOTHING, DO_RESTORE, DO_RUN, DO_QUIT } want;
	struct freeze freeze; /* where a thread stops all by itself */
	struct err freeze_err;
	int64_t byte_ns, end_ns; /* when the guest took its first byte; its end; 0: not yet */
	struct buf sent;
	struct buf messages; /* what messages() gave last */
	struct vm_end end;
	bool ended;
	int restore_status;
	struct err restore_err;

	const struct snapshot *from; /* what the running VM was restored from */
	struct pages *pages;
	struct serve_client *remote; /* where its pages come from, if that is another process */
	struct fetch *fetch;
	unsigned fetches;
};

/* The handler of KICK, which does nothing: it only ends KVM_RUN. */
void kvm_kick(int signal);

/* Tells the timeline what was done to vCPU @n from @start_ns on. */
void kvm_record_ioctl(const struct machine *m, unsigned n, int64_t start_ns, const char *text,
		      bool failed);

/*
 * Starts a thread for each vCPU that has none. It does what is wanted until that is DO_QUIT. VM_OK,
 * or VM_HARNESS with the machine's err filled.
 */
int kvm_threads_start(struct machine *m);

/* From now on the threads do @what, one of DO_*. */
void kvm_want(struct machine *m, int what);

/* Hands serial bytes on. True if the threads have nothing more to do. */
bool kvm_drain(struct machine *m);

#endif
