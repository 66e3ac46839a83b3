/* SPDX-License-Identifier: BSD-2-Clause */
/* CPU access for freestanding code: control and debug registers, MSRs, ports, CPUID, TSC. */
#ifndef LIB_CPU_H
#define LIB_CPU_H

#include <stdbool.h>
#include <stdint.h>

enum msr {
#define M(name, index) MSR_##name = index,
#include "lib/msr.def"
#undef M
};

/* Control-register and EFER bits; SDM, "Control Registers". */
#define CR0_PE	       (1ull << 0)
#define CR0_MP	       (1ull << 1)
#define CR0_EM	       (1ull << 2)
#define CR0_TS	       (1ull << 3)
#define CR0_ET	       (1ull << 4)
#define CR0_NE	       (1ull << 5)
#define CR0_WP	       (1ull << 16)
#define CR0_AM	       (1ull << 18)
#define CR0_NW	       (1ull << 29)
#define CR0_CD	       (1ull << 30)
#define CR0_PG	       (1ull << 31)
#define CR4_TSD	       (1ull << 2)
#define CR4_DE	       (1ull << 3)
#define CR4_PAE	       (1ull << 5)
#define CR4_MCE	       (1ull << 6)
#define CR4_PGE	       (1ull << 7)
#define CR4_OSFXSR     (1ull << 9)
#define CR4_OSXMMEXCPT (1ull << 10)
#define CR4_VMXE       (1ull << 13)
#define CR4_PCIDE      (1ull << 17)
#define CR4_FSGSBASE   (1ull << 16)
#define CR4_OSXSAVE    (1ull << 18)
#define EFER_SCE       (1ull << 0)
#define EFER_LME       (1ull << 8)
#define EFER_LMA       (1ull << 10)
#define RFLAGS_FIXED   (1ull << 1)
#define RFLAGS_TF      (1ull << 8)
#define RFLAGS_IF      (1ull << 9)
#define RFLAGS_RF      (1ull << 16)

#define XCR0_X87 (1ull << 0)
#define XCR0_SSE (1ull << 1)
#define XCR0_AVX (1ull << 2)

/* Page-table entry bits; SDM, "4-Level Paging and 5-Level Paging". */
#define PTE_P	  (1ull << 0)
#define PTE_RW	  (1ull << 1)
#define PTE_PS	  (1ull << 7)
#define PAGE_SIZE 4096ull

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid c;

	asm volatile("cpuid"
		     : "=a"(c.eax), "=b"(c.ebx), "=c"(c.ecx), "=d"(c.edx)
		     : "a"(leaf), "c"(subleaf));
	return c;
}

#define CPUID_1_ECX_VMX	   (1u << 5)
#define CPUID_1_ECX_PCID   (1u << 17)
#define CPUID_1_ECX_X2APIC (1u << 21)
#define CPUID_1_ECX_TSC_DL (1u << 24)
#define CPUID_1_ECX_XSAVE  (1u << 26)
#define CPUID_1_ECX_AVX	   (1u << 28)
#define CPUID_7_EBX_AVX2   (1u << 5)

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return (uint64_t)hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t val)
{
	asm volatile("wrmsr" ::"c"(msr), "a"((uint32_t)val), "d"((uint32_t)(val >> 32)) : "memory");
}

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}

static inline void xsetbv(uint32_t xcr, uint64_t val)
{
	asm volatile("xsetbv" ::"c"(xcr), "a"((uint32_t)val), "d"((uint32_t)(val >> 32)));
}

static inline uint64_t xgetbv(uint32_t xcr)
{
	uint32_t lo, hi;

	asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(xcr));
	return (uint64_t)hi << 32 | lo;
}

static inline void outb(uint16_t port, uint8_t val)
{
	asm volatile("outb %0, %1" ::"a"(val), "Nd"(port) : "memory");
}

static inline void outw(uint16_t port, uint16_t val)
{
	asm volatile("outw %0, %1" ::"a"(val), "Nd"(port) : "memory");
}

static inline void outl(uint16_t port, uint32_t val)
{
	asm volatile("outl %0, %1" ::"a"(val), "Nd"(port) : "memory");
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t val;

	asm volatile("inl %1, %0" : "=a"(val) : "Nd"(port) : "memory");
	return val;
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t val;

	asm volatile("inb %1, %0" : "=a"(val) : "Nd"(port) : "memory");
	return val;
}

#define CPU_REG(reg)                                                    \
	static inline uint64_t read_##reg(void)                         \
	{                                                               \
		uint64_t v;                                             \
		asm volatile("mov %%" #reg ", %0" : "=r"(v)::"memory"); \
		return v;                                               \
	}                                                               \
	static inline void write_##reg(uint64_t v)                      \
	{                                                               \
		asm volatile("mov %0, %%" #reg ::"r"(v) : "memory");    \
	}
CPU_REG(cr0)
CPU_REG(cr2)
CPU_REG(cr3)
CPU_REG(cr4)
CPU_REG(cr8)
CPU_REG(dr0)
CPU_REG(dr1)
CPU_REG(dr2)
CPU_REG(dr3)
CPU_REG(dr6)
CPU_REG(dr7)
#undef CPU_REG

#define CPU_SEG(seg)                                          \
	static inline uint16_t read_##seg(void)               \
	{                                                     \
		uint16_t v;                                   \
		asm volatile("mov %%" #seg ", %0" : "=r"(v)); \
		return v;                                     \
	}
CPU_SEG(cs)
CPU_SEG(ds)
CPU_SEG(es)
CPU_SEG(fs)
CPU_SEG(gs)
CPU_SEG(ss)
#undef CPU_SEG

/* Operand of LGDT, LIDT, SGDT, SIDT in 64-bit mode. */
struct desc_ptr {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

static inline void cpu_relax(void)
{
	asm volatile("pause" ::: "memory");
}

/* Interrupt vectors of exceptions that we name. */
enum {
	VECTOR_DB = 1,
	VECTOR_NMI = 2,
	VECTOR_UD = 6,
	VECTOR_DF = 8,
	VECTOR_GP = 13,
	VECTOR_PF = 14
};

#endif
