/* SPDX-License-Identifier: BSD-2-Clause */
/* An L2 that tells what state it was entered with (l2guest/evmcs.h). */
#include "l2guest/evmcs.h"
#include "l2guest/l2.h"

#define FLUSH_ADDRESS_SPACE (0x0002ull | 1ull << 16) /* a fast hypercall; TLFS */
#define FLUSH_ALL	    3			     /* processors, address spaces */
#define UD2_SIZE	    2

static bool trap(struct trap_frame *f)
{
	l2_shared->val[EVMCS_VAL_TRAPS]++;
	l2_shared->val[EVMCS_VAL_VECTOR] = f->vector;
	if (f->rip == l2_shared->arg[1]) /* where UD2 stands; what L1 injects stands nowhere */
		f->rip += UD2_SIZE;
	return true;
}

static uint64_t rflags(void)
{
	uint64_t flags;

	asm volatile("pushf; pop %0" : "=r"(flags));
	return flags;
}

static uint64_t flush(void)
{
	register uint64_t r8 asm("r8") = FLUSH_ALL;
	uint64_t rcx = FLUSH_ADDRESS_SPACE, rdx = 0, rax = 0;

	asm volatile("vmcall" : "+a"(rax), "+c"(rcx), "+d"(rdx), "+r"(r8)::"memory", "cc");
	return rax;
}

static void evmcs(struct l2_shared *s)
{
	l2_on_exception = trap;
	for (;; l2_tell(1)) {
		const uint64_t what = s->arg[0];

		if (what & EVMCS_DO_FREEZE)
			l2_freeze();
		s->val[EVMCS_VAL_RFLAGS] = rflags();
		s->val[EVMCS_VAL_CR0] = read_cr0();
		s->val[EVMCS_VAL_SYSENTER_ESP] = rdmsr(MSR_IA32_SYSENTER_ESP);
		s->val[EVMCS_VAL_FS_BASE] = rdmsr(MSR_IA32_FS_BASE);
		s->val[EVMCS_VAL_PAT] = rdmsr(MSR_IA32_PAT);
		s->val[EVMCS_VAL_TSC] = rdtsc();
		s->val[EVMCS_VAL_DATA] = *(volatile uint64_t *)s->data_va;
		if (what & EVMCS_DO_OUT)
			outb(EVMCS_PORT, 0);
		if (what & EVMCS_DO_WBINVD)
			asm volatile("wbinvd" ::: "memory");
		if (what & EVMCS_DO_UD)
			asm volatile("movq $1f, %0\n1:\tud2" : "=m"(s->arg[1])::"memory");
		if (what & EVMCS_DO_RDMSR)
			rdmsr(MSR_IA32_KERNEL_GS_BASE);
		if (what & EVMCS_DO_FLUSH)
			s->val[EVMCS_VAL_FLUSH] = flush();
	}
}

L2_SCENARIO(evmcs, evmcs);
