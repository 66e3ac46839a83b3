/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts L1's second CPU and gives it work. SDM, "Multiple-Processor (MP) Initialization". */
#include "boot/ap.h"
#include "boot/trap.h"
#include "hv/vmx_caps.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/print.h"
#include "lib/string.h"
#include "lib/x2apic.h"

extern const uint8_t ap_trampoline[], ap_trampoline_end[];

void ap_main(void);

static bool started; /* from here on there are two CPUs that ask who they are */
static uint32_t id;
static volatile bool up;
static void (*volatile work)(void);

void ap_main(void)
{
	trap_init(1);
	fpu_init();
	x2apic_init();
	id = apic_id();
	vmx_on();
	up = true;
	for (;;) {
		while (!work)
			cpu_relax();
		work();
		work = NULL;
	}
}

void ap_start(void)
{
	id = ~apic_id(); /* nobody's, until it has said its own */
	started = true;
	memcpy((void *)AP_TRAMPOLINE, ap_trampoline,
	       (uintptr_t)ap_trampoline_end - (uintptr_t)ap_trampoline);
	apic_send(0, APIC_ICR_INIT | APIC_ICR_OTHERS);
	apic_send(0, APIC_ICR_SIPI | APIC_ICR_OTHERS | AP_TRAMPOLINE / PAGE_SIZE);
	while (!up)
		cpu_relax();
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
