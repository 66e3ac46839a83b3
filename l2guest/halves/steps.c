/* SPDX-License-Identifier: BSD-2-Clause */
/* An L2 that does what L1 tells it, step by step (steps.h). */
#include "l2guest/steps.h"
#include "l2guest/l2.h"

static uint64_t run(uint64_t address)
{
	return ((uint64_t(*)(void))address)();
}

static void wait(const struct l2_shared *shared, uint64_t interrupts)
{
	asm volatile("sti" ::: "memory");
	while (*(const volatile uint32_t *)&shared->irqs < interrupts)
		cpu_relax();
	asm volatile("cli" ::: "memory");
}

static void steps(struct l2_shared *shared)
{
	for (;; l2_tell(1)) {
		for (unsigned i = 0; i < L2_ARGS && shared->arg[i]; i++) {
			enum step step = shared->arg[i] >> STEP_SHIFT;
			uint64_t number = shared->arg[i] << 8 >> 8, found = 0;
			volatile uint64_t *at = (void *)number;

			switch (step) {
			case STEP_READ:
				found = *at;
				break;
			case STEP_WRITE:
				*at = shared->arg[++i];
				break;
			case STEP_RUN:
				found = run(number);
				break;
			case STEP_FREEZE:
				l2_freeze();
				break;
			case STEP_CR3:
				write_cr3(number);
				break;
			case STEP_INVLPG:
				asm volatile("invlpg %0" ::"m"(*at) : "memory");
				break;
			case STEP_VMFUNC:
				asm volatile("vmfunc" ::"a"(0), "c"(number) : "memory");
				break;
			case STEP_RDMSR:
				found = rdmsr(number);
				break;
			case STEP_WRMSR:
				wrmsr(number, shared->arg[++i]);
				break;
			case STEP_VMREAD:
				asm volatile("vmread %1, %0" : "=r"(found) : "r"(number) : "cc");
				break;
			case STEP_VMWRITE:
				asm volatile("vmwrite %0, %1" ::"r"(shared->arg[++i]), "r"(number)
					     : "cc");
				break;
			case STEP_WAIT:
				wait(shared, number);
				break;
			case STEP_END:
				break;
			}
			shared->val[i] = found;
		}
	}
}

L2_SCENARIO(steps, steps);
