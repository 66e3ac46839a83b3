/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes programs from a multiboot module, and compares their traces. */
#include "boot/cmdline.h"
#include "hv/programs/program_parts.h"
#include "hv/vmx.h"
#include "hv/vmx_caps.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/print.h"
#include "lib/string.h"
#include "lib/x2apic.h"

#define WORDS_OF_A_LINE 12

extern const uint8_t bss_end[];

static const struct program_module *module;
static const struct program_record *record; /* of the program that flies */
static unsigned taken;			    /* programs */

void program_offers(struct program_offers *offers)
{
	static struct program_offers told;
	uint64_t val;

	_Static_assert(VMX_GROUPS == PROGRAM_GROUPS, "all groups");
	_Static_assert(VMCS_FIELDS <= PROGRAM_FIELD_WORDS * 64, "all fields");
	if (!told.field[0]) {
		for (unsigned g = 0; g < VMX_GROUPS; g++)
			told.may_be_1[g] = vmx_may_be_1(g);
		told.ept_vpid_cap = rdmsr(MSR_IA32_VMX_EPT_VPID_CAP);
		for (unsigned f = 0; f < VMCS_FIELDS; f++)
			if (vmread(vmcs_encoding(f), &val))
				told.field[f / 64] |= 1ull << f % 64;
	}
	*offers = told;
}

bool program_offers_field(unsigned field)
{
	return !module || module->offers.field[field / 64] >> field % 64 & 1;
}

bool program_offers_ept(uint64_t bit)
{
	char why[1];

	return module ? module->offers.ept_vpid_cap & bit : vmx_ept_cap(bit, "", why, 1);
}

static const uint64_t *expected_words(const struct program_record *r)
{
	return (const uint64_t *)(r + 1);
}

static bool open_module(void)
{
	if (!cmdline.module)
		return false;
	if (cmdline.module < (const void *)bss_end || cmdline.module_size < sizeof(*module) ||
	    *(const uint64_t *)cmdline.module != PROGRAM_MODULE_MAGIC)
		ktap_error_and_end("what=\"no programs in the module\" at=0x%lx size=%lu",
				   (uint64_t)cmdline.module, cmdline.module_size);
	module = cmdline.module;
	for (unsigned g = 0; g < VMX_GROUPS; g++)
		vmx_allow_only(g, module->offers.may_be_1[g]);
	return true;
}

/* What L2 changes and no VM exit gives back; and interrupts that nobody took. */
static void as_at_the_start(void)
{
	write_cr2(0);
	write_cr8(0);
	write_dr0(0);
	write_dr1(0);
	write_dr2(0);
	write_dr3(0);
	write_dr6(0xffff0ff0);
	wrmsr(MSR_IA32_TSC_AUX, 0);
	apic_drain();
}

bool program_module_next(struct program_lists *p)
{
	if (!module && !open_module())
		return false;
	if (taken == module->count)
		return false;
	record = taken ? (const void *)(expected_words(record) + record->words)
		       : (const void *)(module + 1);
	taken++;
	*p = record->lists;
	as_at_the_start();
	return true;
}

static uint64_t expected(unsigned i)
{
	return i < record->words ? expected_words(record)[i] : 0;
}

void program_module_tell(const struct program_trace *trace)
{
	unsigned differ = 0, n;

	for (unsigned i = 0; i < trace->words; i += n) {
		char text[WORDS_OF_A_LINE * 17 + 1];
		size_t len = 0;

		for (n = 0; n < WORDS_OF_A_LINE && i + n < trace->words; n++) {
			if (trace->word[i + n] == expected(i + n))
				break;
			len += format(text + len, sizeof(text) - len, "%s%lx", n ? "," : "",
				      trace->word[i + n]);
		}
		if (n)
			ktap_event("words", "program=%u at=%u words=%s", record->number, i, text);
		differ += n;
		n += !n;
	}
	ktap_event("program", "program=%u exits=%u words=%u differ=%u", record->number,
		   trace->exits, trace->words, differ);
}
