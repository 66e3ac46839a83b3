// SPDX-License-Identifier: BSD-2-Clause
// From the MSR to the VP assist page, from there to the enlightened VMCS, and on.
#include "host/snapshot/hyperv.h"
#include "host/snapshot/saved_state.h"

#include <linux/kvm.h>
#include <string.h>

#define ENABLE 1ull

/* The address at @at of the page at *@gpa becomes *@gpa. */
static int follow(const struct snapshot *s, uint64_t *gpa, unsigned at, const char *what,
		  struct err *e)
{
	uint64_t next = 0;

	if (*gpa < s->memory_size)
		memcpy(&next, (const uint8_t *)snapshot_page(s, *gpa) + at, sizeof(next));
	if (!next || next % SNAPSHOT_PAGE || next >= s->memory_size)
		return err_set(e, "L1 has no %s", what);
	*gpa = next;
	return 0;
}

int hyperv_address(const struct snapshot *s, enum hyperv_page which, uint64_t *gpa, struct err *e)
{
	const struct kvm_msr_entry *assist = saved_msr(s, HOST_MSR_HV_X64_MSR_VP_ASSIST_PAGE);

	if (!assist || !(assist->data & ENABLE))
		return err_set(e, "L1 has no VP assist page");
	*gpa = assist->data & ~(uint64_t)(SNAPSHOT_PAGE - 1);
	if (which != HYPERV_ASSIST &&
	    follow(s, gpa, VP_ASSIST_CURRENT_NESTED_VMCS, "enlightened VMCS", e))
		return -1;
	return which == HYPERV_PARTITION
		       ? follow(s, gpa, EVMCS_PARTITION_ASSIST_PAGE, "partition assist page", e)
		       : 0;
}
