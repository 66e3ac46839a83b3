/* SPDX-License-Identifier: BSD-2-Clause */
/* Tells L1's CPUs apart, before and after the second one has come up. */
#include "boot/cpus.h"
#include "lib/print.h"
#include "lib/x2apic.h"

static bool started; /* from here on there are two CPUs that ask who they are */
static uint32_t id;

void cpus_second(uint32_t apic_id)
{
	id = apic_id;
	started = true;
}

bool ap_there(char *why, size_t size)
{
	if (!started)
		format(why, size, "no second vCPU (vcpus=1)");
	return started;
}

unsigned cpu_index(void)
{
	return started && apic_id() == id;
}

uint32_t ap_apic_id(void)
{
	return id;
}
