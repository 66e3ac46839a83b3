// SPDX-License-Identifier: BSD-2-Clause
// What several hosts all offer, from their files.
#include "tests/unit/unit.h"

#include "host/kvm/kvm_offers.h"
#include "host/snapshot/saved_state.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct offers {
	struct kvm_cpuid_entry2 cpuid[3], hyperv[1];
	struct kvm_msr_entry vmx[4];
	uint32_t msrs[2];
};

static const struct offers old = {
	.cpuid = {{.function = 0, .eax = 0xd, .ebx = 0x756e6547},
		  {.function = 7, .ebx = 0xf0, .ecx = 0x3},
		  {.function = 0x80000008, .eax = 0x3028}},
	.hyperv = {{.function = 0x4000000a, .eax = 0x20101}},
	.vmx = {{.index = HOST_MSR_IA32_VMX_PROCBASED_CTLS2, .data = 0x2137bff00000000},
		{.index = HOST_MSR_IA32_VMX_TRUE_PINBASED_CTLS, .data = 0xff00000016},
		{.index = HOST_MSR_IA32_VMX_CR0_FIXED0, .data = 0x80000021},
		{.index = HOST_MSR_IA32_VMX_VMFUNC, .data = 1}},
	.msrs = {HOST_MSR_IA32_VMX_PROCBASED_CTLS2, HOST_MSR_IA32_FIXED_CTR0},
};
static const struct offers new = {
	.cpuid = {{.function = 0, .eax = 0x1f, .ebx = 0x756e6547},
		  {.function = 7, .ebx = 0x1f, .ecx = 0x6},
		  {.function = 0x14, .eax = 1}},
	.hyperv = {{.function = 0x4000000a, .eax = 0x60101}},
	.vmx = {{.index = HOST_MSR_IA32_VMX_PROCBASED_CTLS2, .data = 0x2537bff00000000},
		{.index = HOST_MSR_IA32_VMX_TRUE_PINBASED_CTLS, .data = 0x7f00000012},
		{.index = HOST_MSR_IA32_VMX_CR0_FIXED0, .data = 0x20},
		{.index = HOST_MSR_IA32_VMX_PROCBASED_CTLS3, .data = 1}},
	.msrs = {HOST_MSR_IA32_VMX_PROCBASED_CTLS2, HOST_MSR_IA32_DEBUGCTL},
};

static char *write_offers(const struct offers *o, const char *without, size_t cut)
{
	char *path = xstrdup("/tmp/midflight-offers.XXXXXX");
	const int fd = mkstemp(path);
	struct snapshot s = {0};
	struct err e = {0};

	assert_int_not_equal(fd, -1);
	close(fd);
	snapshot_add(&s, "CPUID2", o->cpuid, sizeof(o->cpuid) - cut);
	snapshot_add(&s, "HV_CPUID2", o->hyperv, sizeof(o->hyperv));
	snapshot_add(&s, "VMX_MSRS", o->vmx, sizeof(o->vmx));
	snapshot_add(&s, "MSR_LIST", o->msrs, sizeof(o->msrs));
	snapshot_drop(&s, without);
	assert_int_equal(snapshot_write(&s, path, &e), 0);
	snapshot_free(&s);
	return path;
}

static void remove_file(char *path)
{
	unlink(path);
	free(path);
}

static uint64_t vmx(const struct snapshot *s, unsigned i)
{
	return ((const struct kvm_msr_entry *)snapshot_find(s, "VMX_MSRS")->data)[i].data;
}

static void common(void **state)
{
	char *first = write_offers(&old, "", 0), *second = write_offers(&new, "", 0);
	char *paths = xasprintf("%s,%s", first, second);
	struct snapshot s = {0};
	struct err e = {0};
	struct kvm_cpuid2 *cpuid =
		xcalloc(1, sizeof(*cpuid) + sizeof(new.cpuid) + sizeof(new.hyperv));

	(void)state;
	assert_int_equal(kvm_offers_load(paths, &s, &e), 0);
	/* Controls: what must be 1 for either, what may be 1 for both. */
	assert_int_equal(snapshot_find(&s, "VMX_MSRS")->len, 3 * sizeof(old.vmx[0]));
	assert_int_equal(vmx(&s, 0), 0x2137bff00000000);
	assert_int_equal(vmx(&s, 1), 0x7f00000016);
	assert_int_equal(vmx(&s, 2), 0x80000021);
	assert_true(kvm_offers_msr(&s, HOST_MSR_IA32_VMX_PROCBASED_CTLS2));
	assert_false(kvm_offers_msr(&s, HOST_MSR_IA32_FIXED_CTR0));
	assert_false(kvm_offers_msr(&s, HOST_MSR_IA32_DEBUGCTL));

	cpuid->nent = 4;
	memcpy(cpuid->entries, new.cpuid, sizeof(new.cpuid));
	memcpy(cpuid->entries + 3, new.hyperv, sizeof(new.hyperv));
	kvm_offers_cpuid(&s, cpuid);
	assert_int_equal(cpuid->nent, 3);
	assert_int_equal(cpuid->entries[0].eax, 0xd); /* the last leaf, no bits */
	assert_int_equal(cpuid->entries[0].ebx, 0x756e6547);
	assert_int_equal(cpuid->entries[1].ebx, 0x10);
	assert_int_equal(cpuid->entries[1].ecx, 0x2);
	assert_int_equal(cpuid->entries[2].eax, 0x20101);
	free(cpuid);
	snapshot_free(&s);
	free(paths);
	remove_file(first);
	remove_file(second);
}

static void damaged(void **state)
{
	static const char *const sections[] = {"CPUID2", "HV_CPUID2", "VMX_MSRS", "MSR_LIST", ""};
	char *good = write_offers(&old, "", 0);

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(sections); i++) {
		char *bad = write_offers(&new, sections[i], *sections[i] ? 0 : 1);
		char *paths = xasprintf("%s,%s", good, bad);
		struct snapshot s = {0};
		struct err e = {0};

		assert_int_equal(kvm_offers_load(paths, &s, &e), -1);
		assert_contains(e.text, bad);
		assert_contains(e.text, *sections[i] ? sections[i] : "no whole entries");
		assert_int_equal(s.sections, 0);
		free(paths);
		remove_file(bad);
	}
	remove_file(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(common),
		cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests_name("kvm_offers", tests, NULL, NULL);
}
