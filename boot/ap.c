/* SPDX-License-Identifier: BSD-2-Clause */
/* Gives L1's second CPU work. */
#include "boot/ap.h"
#include "boot/cpu.h"
#include "boot/cpus.h"
#include "boot/trap.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/x2apic.h"

void ap_main(void);

static void (*volatile work)(void);

void ap_main(void)
{
	trap_init(1);
	fpu_init();
	x2apic_init();
	cpus_second(apic_id());
	for (;;) {
		while (!work)
			cpu_relax();
		work();
		work = NULL;
	}
}

void ap_run(void (*fn)(void))
{
	work = fn;
}

/* @flag may be NULL. */
static bool wait(const volatile uint32_t *flag, const char *what)
{
	unsigned nmis = trap_count(VECTOR_NMI);

	while (work && !(flag && *flag)) {
		if (trap_count(VECTOR_NMI) != nmis) {
			if (what)
				ktap_fail("check=\"nudged while waiting\" for=\"%s\"", what);
			return false;
		}
		cpu_relax();
	}
	if (!flag || *flag)
		return true;
	ktap_fail("check=\"second CPU has nothing more to do\" for=\"%s\"", what);
	return false;
}

bool ap_wait(const char *what)
{
	return wait(NULL, what);
}

bool ap_until(const volatile uint32_t *flag, const char *what)
{
	return wait(flag, what);
}
