// SPDX-License-Identifier: BSD-2-Clause
// The tables of VMCS fields, controls, exit reasons and MSRs keep the order and uniqueness that
// their own first lines claim.
#include "tests/unit/unit.h"

/* Bits 14:13 of an encoding are the width, bits 11:10 the type; SDM, "VMREAD, VMWRITE, and
 * Encodings of VMCS Fields". */
#define WIDTH(encoding) ((encoding) >> 13 & 3)
#define TYPE(encoding)	((encoding) >> 10 & 3)

static const struct {
	const char *name;
	unsigned encoding;
	const char *role;
} fields[] = {
#define F(name, encoding, role) {#name, encoding, #role},
#include "hv/vmcs_fields.def"
#undef F
};

static const struct {
	const char *name, *group;
	unsigned bit;
	const char *text;
} controls[] = {
#define C(name, group, bit, text) {#name, #group, bit, text},
#include "hv/vmx_controls.def"
#undef C
};

/* What loses a field, and who sees it: names of scenarios, or of the table's reasons. */
static const struct {
	const char *name, *saved, *restored;
} losses[] = {
#define F(name, saved, restored) {#name, #saved, #restored},
#define R(name, text)
#define M(name, ...)
#include "tests/broken_kvm/fields.def"
#undef F
#undef R
#undef M
};

static const char *const loss_reasons[] = {
#define F(name, ...)
#define R(name, text) #name,
#define M(name, ...)
#include "tests/broken_kvm/fields.def"
#undef F
#undef R
#undef M
};

static const char *const vmcs12_fields[] = {
#define F(name, offset, size) #name,
#include "host/snapshot/vmcs12.def"
#undef F
};

struct numbered {
	const char *name;
	unsigned number;
};

static const struct numbered exit_reasons[] = {
#define R(name, number) {#name, number},
#include "hv/exit_reasons.def"
#undef R
};

static const struct numbered msrs[] = {
#define M(name, index) {#name, index},
#include "lib/msr.def"
#undef M
};

static void ascending(const char *before, unsigned a, const char *name, unsigned b)
{
	if (a >= b)
		fail_msg("%s (0x%x) stands before %s (0x%x)", before, a, name, b);
}

static void table_ascending(const struct numbered *table, size_t count)
{
	for (size_t i = 1; i < count; i++)
		ascending(table[i - 1].name, table[i - 1].number, table[i].name, table[i].number);
}

/* Strictly ascending encodings are unique, and in the order of the SDM's appendix: by width, then
 * type, then index. */
static void vmcs_fields(void **state)
{
	static const char *const roles[] = {"CONTROL", "INFO", "GUEST", "HOST"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (i)
			ascending(fields[i - 1].name, fields[i - 1].encoding, fields[i].name,
				  fields[i].encoding);
		/* What is not in an encoding: bits 31:15 and 12, and access to a high half. */
		if (fields[i].encoding & ~0x6ffeu)
			fail_msg("%s: 0x%x has reserved bits", fields[i].name, fields[i].encoding);
		if (strcmp(fields[i].role, "LIVE"))
			assert_string_equal(fields[i].role, roles[TYPE(fields[i].encoding)]);
		else if (TYPE(fields[i].encoding) != 0 && TYPE(fields[i].encoding) != 2)
			fail_msg("%s cannot be LIVE", fields[i].name);
	}
}

/* Each section of the file, told by its comment, has fields of one width alone. */
static void vmcs_sections(void **state)
{
	static const char *const sections[] = {"/* 16-bit */\n", "/* 64-bit */\n", "/* 32-bit */\n",
					       "/* natural width */\n"};
	FILE *f = fopen("hv/vmcs_fields.def", "r");
	char line[256];
	size_t field = 0, section = 0;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (section < ARRAY_SIZE(sections) && !strcmp(line, sections[section])) {
			section++;
			continue;
		}
		if (strncmp(line, "F(", 2))
			continue;
		assert_true(section > 0 && field < ARRAY_SIZE(fields));
		if (WIDTH(fields[field].encoding) != section - 1)
			fail_msg("%s (0x%x) stands under %s", fields[field].name,
				 fields[field].encoding, sections[section - 1]);
		field++;
	}
	fclose(f);
	assert_int_equal(field, ARRAY_SIZE(fields));
	assert_int_equal(section, ARRAY_SIZE(sections));
}

/* Names open with their group's prefix, and a group's bits ascend, so that each stands once. */
static void vmx_controls(void **state)
{
	static const struct {
		const char *group, *prefix;
		unsigned bits;
	} groups[] = {{"PIN", "PIN_", 32},	  {"PRIMARY", "CPU_", 32},
		      {"SECONDARY", "CPU2_", 32}, {"TERTIARY", "CPU3_", 64},
		      {"EXIT", "EXIT_", 32},	  {"ENTRY", "ENTRY_", 32}};
	size_t i = 0;

	(void)state;
	for (size_t g = 0; g < ARRAY_SIZE(groups); g++) {
		size_t first = i;

		for (; i < ARRAY_SIZE(controls) && !strcmp(controls[i].group, groups[g].group);
		     i++) {
			if (i > first)
				ascending(controls[i - 1].name, controls[i - 1].bit,
					  controls[i].name, controls[i].bit);
			if (strncmp(controls[i].name, groups[g].prefix, strlen(groups[g].prefix)))
				fail_msg("%s is in group %s", controls[i].name, groups[g].group);
			assert_true(controls[i].bit < groups[g].bits);
			assert_true(controls[i].text[0] != '\0');
		}
		assert_true(i > first);
	}
	assert_int_equal(i, ARRAY_SIZE(controls));
}

/* That a scenario is there, the flights of tests/e2e/fields.sh say. */
static void loss_known(const char *field, const char *cell)
{
	if (*cell >= 'a' && *cell <= 'z')
		return;
	for (size_t i = 0; i < ARRAY_SIZE(loss_reasons); i++)
		if (!strcmp(loss_reasons[i], cell))
			return;
	fail_msg("%s: '%s' is no scenario, and no reason of the table", field, cell);
}

/* Each field of vmcs12 says who sees it lost, or why nobody can. */
static void field_losses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(losses) && i < ARRAY_SIZE(vmcs12_fields); i++) {
		assert_string_equal(losses[i].name, vmcs12_fields[i]);
		loss_known(losses[i].name, losses[i].saved);
		loss_known(losses[i].name, losses[i].restored);
	}
	assert_int_equal(ARRAY_SIZE(losses), ARRAY_SIZE(vmcs12_fields));
}

static void numbers(void **state)
{
	(void)state;
	table_ascending(exit_reasons, ARRAY_SIZE(exit_reasons));
	assert_true(exit_reasons[ARRAY_SIZE(exit_reasons) - 1].number <= 0xffff);
	table_ascending(msrs, ARRAY_SIZE(msrs));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vmcs_fields),	cmocka_unit_test(vmcs_sections),
		cmocka_unit_test(vmx_controls), cmocka_unit_test(field_losses),
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
