/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a VM exit finds its stack; called by l2_entry.S. */
#include "boot/cpus.h"
#include "hv/vmx.h"

uint64_t vmx_host_rsp(void)
{
	static uint64_t slots[CPUS][2] __attribute__((aligned(16)));

	return (uint64_t)(slots + cpu_index() + 1);
}
