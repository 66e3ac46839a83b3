/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A high-resolution timer that makes the calling thread's KVM_RUN return EINTR at a given moment,
 * also if that comes just before the ioctl.
 */
#ifndef HOST_KVM_VCPU_ALARM_H
#define HOST_KVM_VCPU_ALARM_H

#include "host/base/util.h"

#include <linux/kvm.h>
#include <time.h>

struct vcpu_alarm {
	bool set;
	timer_t timer; /* of the kernel, if it is set; a process's first one is called 0 */
};

/* In @ns nanoseconds (0: at once) KVM_RUN of this thread, with @run, returns. 0, or -1 with @e. */
int vcpu_alarm_set(struct vcpu_alarm *a, struct kvm_run *run, int64_t ns, struct err *e);

/* Whether it has rung. To be asked behind each write to run->immediate_exit, which it sets. */
bool vcpu_alarm_rang(void);

/* Ends it, rung or not. */
void vcpu_alarm_end(struct vcpu_alarm *a);

#endif
