/* SPDX-License-Identifier: BSD-2-Clause */
/* SDM, "Advanced Programmable Interrupt Controller (APIC)" and "Extended XAPIC (x2APIC)". */
#include "lib/x2apic.h"
#include "lib/cpu.h"

#define APIC_BASE_EXTD	 (1ull << 10)
#define APIC_BASE_ENABLE (1ull << 11)
#define SIVR_ENABLE	 (1u << 8)
#define LVT_MASKED	 (1u << 16)
#define LVT_NMI		 (4u << 8)
#define LVT_PERIODIC	 (1u << 17)
#define LVT_TSC_DEADLINE (2u << 17)
#define DIV_CONF_BY_1	 0xb
#define SPURIOUS_VECTOR	 0xff

static bool tsc_deadline;

bool x2apic_init(void)
{
	struct cpuid c = cpuid(1, 0);

	if (!(c.ecx & CPUID_1_ECX_X2APIC))
		return false;
	tsc_deadline = c.ecx & CPUID_1_ECX_TSC_DL;
	wrmsr(MSR_IA32_APIC_BASE, rdmsr(MSR_IA32_APIC_BASE) | APIC_BASE_ENABLE | APIC_BASE_EXTD);
	wrmsr(MSR_X2APIC_SIVR, SIVR_ENABLE | SPURIOUS_VECTOR);
	wrmsr(MSR_X2APIC_TPR, 0);
	wrmsr(MSR_X2APIC_LVT_LINT0, LVT_MASKED);
	wrmsr(MSR_X2APIC_LVT_LINT1, LVT_NMI);
	wrmsr(MSR_X2APIC_LVT_TIMER, LVT_MASKED);
	return true;
}

void apic_timer_arm(uint8_t vector, uint64_t ticks)
{
	if (tsc_deadline) {
		wrmsr(MSR_X2APIC_LVT_TIMER, LVT_TSC_DEADLINE | vector);
		/* Orders the mode change before the deadline; SDM, "TSC-Deadline Mode". */
		asm volatile("mfence" ::: "memory");
		wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc() + ticks);
	} else {
		wrmsr(MSR_X2APIC_DIV_CONF, DIV_CONF_BY_1);
		wrmsr(MSR_X2APIC_LVT_TIMER, vector);
		wrmsr(MSR_X2APIC_INIT_COUNT, ticks > UINT32_MAX ? UINT32_MAX : ticks);
	}
}

void apic_timer_periodic(uint8_t vector, uint32_t count)
{
	wrmsr(MSR_X2APIC_DIV_CONF, DIV_CONF_BY_1);
	wrmsr(MSR_X2APIC_LVT_TIMER, count ? LVT_PERIODIC | vector : LVT_MASKED);
	wrmsr(MSR_X2APIC_INIT_COUNT, count);
}

bool apic_timer_expired(void)
{
	return !rdmsr(tsc_deadline ? MSR_IA32_TSC_DEADLINE : MSR_X2APIC_CUR_COUNT);
}

void apic_timer_stop(void)
{
	wrmsr(tsc_deadline ? MSR_IA32_TSC_DEADLINE : MSR_X2APIC_INIT_COUNT, 0);
	wrmsr(MSR_X2APIC_LVT_TIMER, LVT_MASKED);
}

uint32_t apic_id(void)
{
	return rdmsr(MSR_X2APIC_APICID);
}

void apic_send(uint32_t id, uint32_t icr)
{
	/* Orders what the receiver is to see before it; SDM, "MSR Access in x2APIC Mode". */
	asm volatile("mfence; lfence" ::: "memory");
	wrmsr(MSR_X2APIC_ICR, (uint64_t)id << 32 | icr);
}

bool apic_irr(uint8_t vector)
{
	return rdmsr(MSR_X2APIC_IRR0 + vector / 32) >> (vector % 32) & 1;
}

bool apic_isr(uint8_t vector)
{
	return rdmsr(MSR_X2APIC_ISR0 + vector / 32) >> (vector % 32) & 1;
}

void apic_drain(void)
{
	asm volatile("sti; nop; cli" ::: "memory");
}
