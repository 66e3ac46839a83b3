/* SPDX-License-Identifier: BSD-2-Clause */
/* KVM's binary statistics of a vCPU (api.rst, KVM_GET_STATS_FD). */
#ifndef HOST_KVM_KVM_STATS_H
#define HOST_KVM_KVM_STATS_H

#include <stdint.h>

/* A descriptor for the statistics of a vCPU, or -1. Opening waits for the end of KVM_RUN. */
int kvm_stats_open(int vcpu_fd);

/* The statistic @name, at any time; -1 if this KVM does not have it or @fd is -1. */
int64_t kvm_stats_read(int fd, const char *name);

#endif
