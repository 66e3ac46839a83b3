/* SPDX-License-Identifier: BSD-2-Clause */
/* An L2 in the activity state wait-for-SIPI; told of below. */
#include "hv/scenario.h"
#include "lib/ktap.h"

#define VECTOR 0x9a

static bool possible(char *why, size_t size)
{
	return vmx_misc_cap(MISC_CAP_WAIT_FOR_SIPI, "activity state wait-for-SIPI", why, size) &&
	       hop_host_there(why, size);
}

static void fly(void)
{
	static struct l2 l2;
	uint64_t rip;

	l2_create(&l2, "tell");
	if (!l2_tells(&l2, 1))
		return;
	rip = vmcs_read(GUEST_RIP);
	vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_WAIT_SIPI);
	expect_vector(VECTOR, NULL);
	if (!l2_exits(&l2, EXIT_REASON_SIPI_SIGNAL))
		return;
	ktap_check("vector of the SIPI", VECTOR, vmcs_read(EXIT_QUALIFICATION));
	ktap_check("activity state", GUEST_ACTIVITY_WAIT_SIPI, vmcs_read(GUEST_ACTIVITY_STATE));
	ktap_check("RIP", rip, vmcs_read(GUEST_RIP));
	vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	l2_tells(&l2, 1);
}

#define ABOUT                                                                          \
	PROMISE("SDM, Activity State and Other Causes of VM Exits: only a SIPI ends "  \
		"wait-for-SIPI, by a VM exit with its vector"),                        \
		BUG("none known"), FAILURE("L2 runs, sleeps on, or the SIPI is lost"), \
		FREEZE(blocked), PROOF("l2 init-received GUEST_ACTIVITY_STATE=3")
SCENARIO(wait_sipi, NEEDS(L2_ANY), FLY(fly, .possible = possible),
	 TITLE("an L2 in wait-for-SIPI gets its SIPI"), ABOUT,
	 HOST("snapshot of the waiting L2; the SIPI when the restored vCPU has blocked"),
	 ACT(sipi, blocked));
SCENARIO(wait_sipi_paused, NEEDS(L2_ANY), FLY(fly, .possible = possible),
	 TITLE("a SIPI is pending when an L2 in wait-for-SIPI is saved"), ABOUT,
	 HOST("stops the waiting L2, sends the SIPI, saves"), ACT(sipi, paused));
SCENARIO(wait_sipi_restored, NEEDS(L2_ANY), FLY(fly, .possible = possible),
	 TITLE("a SIPI comes to an L2 in wait-for-SIPI before the first KVM_RUN"), ABOUT,
	 HOST("snapshot of the waiting L2; the SIPI between restore and KVM_RUN"),
	 ACT(sipi, restored));
