/* SPDX-License-Identifier: BSD-2-Clause */
/* First C of L1: finds the command line, sets the CPU up, hands over to the scenarios. */
#include "boot/ap.h"
#include "boot/cmdline.h"
#include "boot/layout.h"
#include "boot/trap.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/print.h"
#include "lib/string.h"
#include "lib/uart.h"

/* Multiboot information: flags bit 2 says that cmdline is valid. */
struct multiboot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
};
#define MULTIBOOT_INFO_CMDLINE (1u << 2)

/* struct hvm_start_info of the PVH boot ABI, up to what we need. */
struct pvh_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist_paddr, cmdline_paddr;
};
#define PVH_MAGIC 0x336ec578

void boot_main(uint32_t how, uint64_t info);

static char cmdline_text[512];

/* The loader's copy may lie where our page pool grows, so keep our own. */
static void copy_cmdline(uint32_t how, uint64_t info)
{
	const struct multiboot_info *mb = (const void *)info;
	const struct pvh_start_info *pvh = (const void *)info;
	const char *text = NULL;

	cmdline.boot = how == BOOT_MULTIBOOT ? "multiboot" : how == BOOT_PVH ? "pvh" : "unknown";
	if (how == BOOT_MULTIBOOT && (mb->flags & MULTIBOOT_INFO_CMDLINE))
		text = (const char *)(uint64_t)mb->cmdline;
	else if (how == BOOT_PVH && pvh->magic == PVH_MAGIC)
		text = (const char *)pvh->cmdline_paddr;
	if (!text)
		return;
	if (strlen(text) >= sizeof(cmdline_text))
		ktap_error_and_end("what=\"command line too long\" limit=%lu",
				   sizeof(cmdline_text) - 1);
	memcpy(cmdline_text, text, strlen(text) + 1);
}

/*
 * Turns on caches, SSE, XSAVE and AVX where the CPU has them. L1's own code uses none of it: the
 * register state is L2's, and stays in the registers while L1 runs.
 */
void fpu_init(void)
{
	struct cpuid c = cpuid(1, 0);

	write_cr0((read_cr0() & ~(CR0_EM | CR0_TS | CR0_CD | CR0_NW)) | CR0_MP | CR0_NE | CR0_WP);
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
	if (c.ecx & CPUID_1_ECX_XSAVE) {
		write_cr4(read_cr4() | CR4_OSXSAVE);
		xsetbv(0, XCR0_X87 | XCR0_SSE | (c.ecx & CPUID_1_ECX_AVX ? XCR0_AVX : 0));
	}
}

/* Firmware may leave the PIT ticking; the local APIC's timer is to be the only interrupt. */
static void pic_mask(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

void boot_main(uint32_t how, uint64_t info)
{
	const char *bad;

	uart_init();
	trap_init(0);
	pic_mask();
	copy_cmdline(how, info);
	fpu_init();
	bad = cmdline_parse(cmdline_text);
	if (bad)
		ktap_error_and_end("what=\"unknown word on the command line\" word=\"%s\"", bad);
	scenario_run_all();
}
