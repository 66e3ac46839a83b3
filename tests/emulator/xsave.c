/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XSETBV, XSAVE, XSAVEOPT, XSAVEC, XRSTOR: what they refuse, and what they do with components in
 * their initial configuration. SDM, volume 1, chapter "Managing State Using the XSAVE Feature Set".
 * In L1 itself; a #GP there goes on behind the instruction.
 */
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/ktap.h"
#include "lib/page.h"
#include "lib/string.h"

#define MXCSR_INIT	      0x1f80
#define MXCSR_OTHER	      0x3f80
#define COMPACTED	      (1ull << 63)
#define CPUID_D1_EAX_XSAVEOPT (1u << 0)
#define CPUID_D1_EAX_XSAVEC   (1u << 1)

/* Legacy region, header, and the AVX component behind it. */
struct area {
	uint8_t legacy[24];
	uint32_t mxcsr, mxcsr_mask;
	uint8_t x87[128];
	uint64_t xmm[16][2], unused[12];
	uint64_t xstate_bv, xcomp_bv, reserved[6];
	uint64_t ymm_high[16][2];
} __attribute__((aligned(64)));
_Static_assert(__builtin_offsetof(struct area, xstate_bv) == 512, "XSAVE header");

static struct area area;
static struct idt_entry idt[IDT_VECTORS];
static volatile uint64_t fixup __attribute__((used)), faults;

/* For #GP: away with the error code, and on at @fixup. */
asm(".text\n"
    "xsave_fault:\n\t"
    "addq $8, %rsp\n\t"
    "incq faults(%rip)\n\t"
    "pushq %rax\n\t"
    "movq fixup(%rip), %rax\n\t"
    "movq %rax, 8(%rsp)\n\t"
    "popq %rax\n\t"
    "iretq");
extern const uint8_t xsave_fault[];

static struct desc_ptr own_idt(void)
{
	struct desc_ptr old, own = {sizeof(idt) - 1, (uint64_t)idt};
	uint64_t handler = (uint64_t)xsave_fault;

	asm volatile("sidt %0" : "=m"(old));
	memcpy(idt, (const void *)old.base, sizeof(idt));
	idt[VECTOR_GP].offset_0 = handler;
	idt[VECTOR_GP].offset_16 = handler >> 16;
	idt[VECTOR_GP].offset_32 = handler >> 32;
	asm volatile("lidt %0" ::"m"(own));
	return old;
}

/* True if @insn raises #GP; EDX:EAX is @mask. */
#define FAULTS(insn, mask, ...)                                                     \
	({                                                                          \
		uint64_t before_ = faults;                                          \
		asm volatile("leaq 1f(%%rip), %%r8\n\t"                             \
			     "movq %%r8, fixup(%%rip)\n\t" insn "\n"                \
			     "1:" ::"a"((uint32_t)(mask)),                          \
			     "d"((uint32_t)((uint64_t)(mask) >> 32)), ##__VA_ARGS__ \
			     : "r8", "memory");                                     \
		faults != before_;                                                  \
	})
#define XSETBV(val, xcr)  FAULTS("xsetbv", val, "c"(xcr))
#define XRSTOR(mask)	  FAULTS("xrstor64 (%2)", mask, "r"(&area))
#define XSAVE(insn, mask) FAULTS(insn " (%2)", mask, "r"(&area))

static void check_xsetbv(void)
{
	uint64_t good = xgetbv(0),
		 supported = cpuid(0xd, 0).eax | (uint64_t)cpuid(0xd, 0).edx << 32;
	const struct {
		const char *what;
		uint64_t val, xcr;
	} bad[] = {
		{"XCR1", good, 1},
		{"without x87", good & ~XCR0_X87, 0},
		{"AVX without SSE", XCR0_X87 | XCR0_AVX, 0},
		{"not supported", good | 1ull << 62, 0},
		{"one of three AVX-512 bits", XCR0_X87 | XCR0_SSE | XCR0_AVX | 1 << 5, 0},
		{"AVX-512 without AVX", XCR0_X87 | XCR0_SSE | 7 << 5, 0},
		{"one of two MPX bits", XCR0_X87 | 1 << 3, 0},
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ktap_check(bad[i].what, 1, XSETBV(bad[i].val, bad[i].xcr));
	ktap_check("XCR0 behind them", good, xgetbv(0));
	ktap_check("x87 alone", 0, XSETBV(XCR0_X87, 0));
	ktap_check("XCR0", XCR0_X87, xgetbv(0));
	ktap_check("all that there is", 0, XSETBV(supported, 0));
	ktap_check("as before", 0, XSETBV(good, 0));
}

#define ALL	  (XCR0_X87 | XCR0_SSE | XCR0_AVX)
#define FILL_XMM0 "pcmpeqd %xmm0, %xmm0"

static uint32_t mxcsr(void)
{
	uint32_t val;

	asm volatile("stmxcsr %0" : "=m"(val));
	return val;
}

static void set_mxcsr(uint32_t val)
{
	asm volatile("ldmxcsr %0" ::"m"(val));
}

static void empty_area(void)
{
	memset(&area, 0, sizeof(area));
	area.mxcsr = MXCSR_INIT;
}

/* What the header may not say. */
static void check_headers(bool compact)
{
	static const struct {
		const char *what;
		uint64_t xstate_bv, xcomp_bv;
		uint8_t reserved; /* which of the reserved words is 1, + 1 */
		bool compact;
	} bad[] = {
		{"XSTATE_BV beyond XCR0", 1ull << 62, 0, 0, false},
		{"XCOMP_BV in the standard form", ALL, 1, 0, false},
		{"bytes 23:16 of the header", ALL, 0, 1, false},
		{"XCOMP_BV beyond XCR0", 0, COMPACTED | 1ull << 61, 0, true},
		{"XSTATE_BV beyond XCOMP_BV", XCR0_SSE, COMPACTED | XCR0_X87, 0, true},
		{"bytes 63:16 of the compacted header", 0, COMPACTED | ALL, 6, true},
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (bad[i].compact && !compact)
			continue;
		empty_area();
		ktap_check("XRSTOR of an empty area", 0, XRSTOR(ALL));
		area.xstate_bv = bad[i].xstate_bv;
		area.xcomp_bv = bad[i].xcomp_bv;
		if (bad[i].reserved)
			area.reserved[bad[i].reserved - 1] = 1;
		ktap_check(bad[i].what, 1, XRSTOR(ALL));
	}
	empty_area();
	area.mxcsr = 1u << 31;
	ktap_check("MXCSR, reserved", 1, XRSTOR(XCR0_SSE));
	empty_area();
	ktap_check("XRSTOR, alignment", 1, FAULTS("xrstor64 8(%2)", ALL, "r"(&area)));
	ktap_check("XSAVE, alignment", 1, FAULTS("xsave64 8(%2)", ALL, "r"(&area)));
}

/* XRSTOR in the standard form: MXCSR comes from memory, XMM is cleared if XSTATE_BV says so. */
static void check_standard(void)
{
	empty_area();
	asm volatile(FILL_XMM0);
	area.mxcsr = MXCSR_OTHER;
	ktap_check("XRSTOR", 0, XRSTOR(ALL));
	ktap_check("MXCSR of the standard form", MXCSR_OTHER, mxcsr());
	memset(&area, 0xff, 512);
	ktap_check("XSAVE", 0, XSAVE("xsave64", ALL));
	ktap_check("XMM0 in its initial configuration", 0, area.xmm[0][0] | area.xmm[0][1]);
	ktap_check("MXCSR saved", MXCSR_OTHER, area.mxcsr);
	/* Outside the mask nothing changes, neither registers nor memory. */
	asm volatile(FILL_XMM0);
	empty_area();
	area.xstate_bv = XCR0_SSE;
	area.xmm[0][0] = 0x123;
	ktap_check("XRSTOR of x87", 0, XRSTOR(XCR0_X87));
	ktap_check("XSAVE of x87", 0, XSAVE("xsave64", XCR0_X87));
	ktap_check("XMM0 in memory", 0x123, area.xmm[0][0]);
	ktap_check("XSTATE_BV of SSE", XCR0_SSE, area.xstate_bv & XCR0_SSE);
	ktap_check("XSAVE of SSE", 0, XSAVE("xsave64", XCR0_SSE));
	ktap_check("XMM0", ~0ull, area.xmm[0][0]);
	ktap_check("XSTATE_BV of SSE", XCR0_SSE, area.xstate_bv & XCR0_SSE);
}

/* XSAVEOPT and XSAVEC do not write what is in its initial configuration. */
static void check_init(const char *what, bool compact)
{
	set_mxcsr(MXCSR_INIT);
	empty_area();
	ktap_check("XRSTOR", 0, XRSTOR(ALL));
	area.xmm[0][0] = 0x123;
	area.xstate_bv = ALL;
	ktap_check(what, 0,
		   compact ? XSAVE("xsavec64", XCR0_SSE | XCR0_AVX)
			   : XSAVE("xsaveopt64", XCR0_SSE | XCR0_AVX));
	ktap_check("XMM0 in memory", 0x123, area.xmm[0][0]);
	ktap_check("XSTATE_BV", compact ? 0 : XCR0_X87, area.xstate_bv);
	if (compact)
		ktap_check("XCOMP_BV", COMPACTED | XCR0_SSE | XCR0_AVX, area.xcomp_bv);
}

/* In the compacted form MXCSR belongs to SSE, and is initialized with it. */
static void check_compacted(void)
{
	empty_area();
	area.xcomp_bv = COMPACTED | ALL;
	area.mxcsr = MXCSR_OTHER;
	set_mxcsr(MXCSR_OTHER);
	ktap_check("XRSTOR, compacted", 0, XRSTOR(ALL));
	ktap_check("MXCSR initialized", MXCSR_INIT, mxcsr());
	set_mxcsr(MXCSR_OTHER);
	ktap_check("XSAVEC", 0, XSAVE("xsavec64", ALL));
	ktap_check("MXCSR makes SSE used", XCR0_SSE, area.xstate_bv & XCR0_SSE);
	ktap_check("MXCSR", MXCSR_OTHER, area.mxcsr);
	set_mxcsr(MXCSR_INIT);
	ktap_check("XRSTOR, compacted", 0, XRSTOR(XCR0_AVX));
	ktap_check("MXCSR outside the mask", MXCSR_INIT, mxcsr());
	ktap_check("XRSTOR, compacted", 0, XRSTOR(XCR0_SSE));
	ktap_check("MXCSR restored", MXCSR_OTHER, mxcsr());
}

static bool possible(char *why, size_t size)
{
	return vmx_cpuid_has(1, 0, CPUID_ECX, 28, "AVX", why, size);
}

static void run(void)
{
	struct desc_ptr old = own_idt();
	uint32_t more = cpuid(0xd, 1).eax;

	check_xsetbv();
	check_headers(more & CPUID_D1_EAX_XSAVEC);
	check_standard();
	if (more & CPUID_D1_EAX_XSAVEOPT)
		check_init("XSAVEOPT", false);
	if (more & CPUID_D1_EAX_XSAVEC) {
		check_init("XSAVEC", true);
		check_compacted();
	}
	set_mxcsr(MXCSR_INIT);
	asm volatile("lidt %0" ::"m"(old));
}

SCENARIO(cpu_xsave, NEEDS(), RUN(run, .possible = possible));
