/* SPDX-License-Identifier: BSD-2-Clause */
/* L1's program: sets itself up, selects scenarios and runs them. */
#include "boot/ap.h"
#include "boot/cmdline.h"
#include "boot/cpu.h"
#include "boot/trap.h"
#include "hv/enlightened.h"
#include "hv/page_names.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/print.h"
#include "lib/string.h"
#include "lib/uart.h"
#include "lib/x2apic.h"

#include <midflight_version.h>

extern const struct scenario *const scenarios_begin[], *const scenarios_end[];
extern const uint8_t load_start[], load_end[], bss_end[];

static bool needs(const struct scenario *s, uint16_t what)
{
	for (const uint16_t *need = s->needs; *need != NEEDS_END; need++)
		if (*need == what)
			return true;
	return false;
}

#define SECOND "_evmcs" /* behind its name: flown by an enlightened L1 (scenario.h) */

/* The name of @s when it is flown for the first or @second time. */
static const char *name_of(const struct scenario *s, bool second)
{
	static char name[64];

	format(name, sizeof(name), "%s%s", s->name, second ? SECOND : "");
	return name;
}

static bool selected(const struct scenario *s, bool second)
{
	if (!cmdline.scenario)
		return !second;
	return list_has(cmdline.scenario, cmdline.scenario_len, name_of(s, second));
}

/* Number of names in the list, to tell a misspelt one. */
static unsigned names_wanted(void)
{
	unsigned n = 1;

	for (size_t i = 0; i < cmdline.scenario_len; i++)
		n += cmdline.scenario[i] == ',';
	return n;
}

static bool possible(const struct scenario *s, bool enlighten, char *why, size_t size)
{
	if (enlighten && !enlightened_possible(why, size))
		return false;
	for (const uint16_t *need = s->needs; *need != NEEDS_END; need++) {
		bool ok = *need == L2_BASE    ? l2_base_possible(why, size)
			  : *need == L2_APICV ? l2_possible(why, size)
			  : *need == L2_ANY
				  ? enlighten ? l2_base_possible(why, size) : l2_possible(why, size)
			  : *need == VMX_ITSELF ? true
			  : *need == EVMCS	? enlighten
						: vmx_control_allowed(*need, why, size);

		if (!ok)
			return false;
	}
	return !s->possible || s->possible(why, size);
}

/* All hops of a scenario that flies one at a time. */
static void fly_hops(const struct scenario *s, bool enlighten)
{
	for (uint64_t hop = 1; hop <= cmdline.hops && !ktap_failures(); hop++) {
		enum hop_answer answer;

		do {
			hop_begin_waiting(hop);
			s->fly();
			if (enlighten && !ktap_failures())
				enlightened_check();
			l2_destroy_all();
			/*
			 * A hop that failed on its way must not leave the host waiting for a freeze
			 * point; the host sees from the state that this is not where a snapshot was
			 * wanted.
			 */
			while ((answer = hop_answer()) == HOP_NONE) {
				if (ktap_failures())
					freeze_point();
				cpu_relax();
			}
			if (hop_again(answer) && !ktap_failures())
				hop_end(hop, answer);
		} while (hop_again(answer) && !ktap_failures());
		hop_end(hop, HOP_KEEP);
	}
}

static void fly(const struct scenario *s, bool second, bool vmx)
{
	static bool on;
	const bool enlighten = second || needs(s, EVMCS);
	char why[160];

	ktap_start(name_of(s, second));
	if (!vmx) {
		vmx_available(why, sizeof(why));
		ktap_skip("%s", why);
	} else if (!possible(s, enlighten, why, sizeof(why))) {
		ktap_skip("%s", why);
	} else {
		if (!on)
			vmx_on();
		on = true;
		if (enlighten)
			enlightened_on();
		if (s->run)
			s->run();
		else
			fly_hops(s, enlighten);
		if (enlighten)
			enlightened_off();
	}
	ktap_result();
}

/* What the command line names; prints all results, ends the VM. */
static void scenario_run_all(void)
{
	unsigned count = 0;
	char why[160];
	bool vmx;

	for (const struct scenario *const *s = scenarios_begin; s != scenarios_end; s++)
		count += selected(*s, false) + selected(*s, true);
	ktap_begin(count ? count : 1);
	ktap_event("hello", "protocol=2 version=%s boot=%s sync=%s hops=%lu seed=%lu",
		   MIDFLIGHT_VERSION, cmdline.boot, cmdline.sync_host ? "host" : "none",
		   cmdline.hops, cmdline.seed);
	if (cmdline.scenario && count != names_wanted())
		ktap_error_and_end("what=\"unknown scenario\" found=%u wanted=%u", count,
				   names_wanted());
	if (!cmdline.sync_host)
		page_announce_nothing();
	/* First, so that the roles of single pages, announced later, stand above these. */
	page_announce("L1 image", load_start, ((uintptr_t)load_end - (uintptr_t)load_start) / 4096);
	page_announce("L1 memory", load_end, ((uintptr_t)bss_end - (uintptr_t)load_end) / 4096);
	vmx = vmx_available(why, sizeof(why));
	x2apic_init();
	if (vmx && cmdline.vcpus > 1) {
		ap_start();
		ap_run(vmx_on);
		while (!ap_wait(NULL)) /* a nudge is no end of that */
			;
	}
	for (const struct scenario *const *s = scenarios_begin; s != scenarios_end; s++) {
		if (selected(*s, false))
			fly(*s, false, vmx);
		if (selected(*s, true))
			fly(*s, true, vmx);
	}
	if (read_cr4() & CR4_VMXE)
		vmx_off();
	ktap_end();
}

void boot_main(uint32_t how, uint64_t info);

void boot_main(uint32_t how, uint64_t info)
{
	const char *bad, *text;

	uart_init();
	trap_init(0);
	pic_mask();
	text = cmdline_copy(how, info);
	fpu_init();
	bad = cmdline_parse(text);
	if (bad)
		ktap_error_and_end("what=\"unknown word on the command line\" word=\"%s\"", bad);
	scenario_run_all();
}
