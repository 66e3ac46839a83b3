// SPDX-License-Identifier: BSD-2-Clause
// The report of late pages, as text and as JSON, of made-up lists.
#include "tests/unit/unit.h"

#include "host/pages/pages.h"

#include <jansson.h>

#define PAGE 4096

#define SET "KVM_SET_NESTED_STATE"
#define GET "nested_get_vmcs12_pages"
#define L1  "guest access by L1"

static const struct fetch sample[] = {
	{1, SET, "shadow VMCS", 0x12a000, 11, true, false, "nested_cache_shadow_vmcs12", true,
	 false, 0, 1000, 250999},
	{2, SET, "shadow VMCS", 0x12a000, 12, false, true, L1, true, false, 0, 2000, 249999},
	{3, "KVM_RUN 1", "virtual-APIC page", 0x101000, 11, true, true, GET, false, true, 0, 5000,
	 -1},
	{4, "KVM_RUN 1", "EPT table", 0x103000, 11, true, false, "walk of L2's EPT", false, false,
	 0, 6000, 7000},
	{5, "KVM_RUN 1", "L2 image", 0x203000, 11, true, false, "guest access by L2", false, false,
	 0, 7000, 8000},
	{6, "KVM_RUN 1", "L2 image", 0x202000, 11, true, false, "guest access by L2", false, false,
	 0, 7000, 9000},
	{7, "KVM_RUN 1", "MSR bitmap", 0x104000, 11, true, false, GET, false, false, 0, 7500, 9000},
	{8, "KVM_RUN 2", "other", 0x5000, 0, false, false, "outside KVM", false, false, 0, 900000,
	 1234567},
	{9, "KVM_RUN 2", "virtual-APIC page", 0x101000, 12, true, false, L1, false, true, 0, 950000,
	 -1},
};

static struct buf report(const struct fetch *fetches, unsigned n, const char *kernel,
			 const char *from)
{
	struct buf text = {0};

	pages_report(fetches, n, kernel, from, &text);
	return text;
}

static void report_all(void **state)
{
	/* clang-format off */
	static const char want[] =
		"order  phase                     page                        gpa        thread  by                          access  waited us  mark\n"
		"    1  KVM_SET_NESTED_STATE      shadow VMCS            0x12a000        vCPU    nested_cache_shadow_vmcs12  read          250  too early\n"
		"    2  KVM_SET_NESTED_STATE      shadow VMCS            0x12a000        other   guest access by L1          write         249  too early\n"
		"    3  KVM_RUN 1                 virtual-APIC page      0x101000        vCPU    nested_get_vmcs12_pages     write       never  lost\n"
		"    4  KVM_RUN 1                 EPT table              0x103000        vCPU    walk of L2's EPT            read            7\n"
		"    5  KVM_RUN 1                 L2 image               0x203000  x2    vCPU    guest access by L2          read            9\n"
		"    7  KVM_RUN 1                 MSR bitmap             0x104000        vCPU    nested_get_vmcs12_pages     read            9\n"
		"    8  KVM_RUN 2                 other                    0x5000        other   outside KVM                 read         1234\n"
		"    9  KVM_RUN 2                 virtual-APIC page      0x101000        vCPU    guest access by L1          read        never  lost\n"
		"\n"
		"pages first asked for in  vmcs12     EPT      L2   other     all\n"
		"KVM_SET_NESTED_STATE           1       0       0       0       1\n"
		"KVM_RUN 1                      2       1       2       0       5\n"
		"KVM_RUN 2                      0       0       0       1       1\n"
		"in all                         3       1       2       1       7\n"
		"of these 1 never came\n"
		"\n"
		"KVM_SET_NESTED_STATE needs page 'shadow VMCS' (gpa 0x12a000, via nested_cache_shadow_vmcs12): asked for before pages are served from KVM_RUN 1 on\n"
		"KVM_RUN 1 needs page 'virtual-APIC page' (gpa 0x101000, via nested_get_vmcs12_pages): it never came\n"
		"KVM_RUN 2 needs page 'virtual-APIC page' (gpa 0x101000, via guest access by L1): it never came\n"
		"this KVM (6.12.107) fetches the vmcs12 pages in: KVM_SET_NESTED_STATE (shadow VMCS); KVM_RUN 1 (virtual-APIC page, MSR bitmap)\n"
		"L1 itself touched: shadow VMCS in KVM_SET_NESTED_STATE; virtual-APIC page in KVM_RUN 2\n";
	/* clang-format on */
	struct buf text = report(sample, ARRAY_SIZE(sample), "6.12.107", "KVM_RUN 1");

	(void)state;
	assert_string_equal(buf_text(&text), want);
	buf_free(&text);
}

static void report_small(void **state)
{
	struct fetch odd = sample[0];
	struct buf text = report(NULL, 0, "6.1.180", NULL);

	(void)state;
	assert_string_equal(buf_text(&text), "no page was asked for\n"
					     "this KVM (6.1.180) fetched no vmcs12 page\n");
	buf_free(&text);
	text = report(&sample[3], 3, NULL, NULL);
	assert_contains(buf_text(&text), "\n\nthis KVM fetched no vmcs12 page\n");
	assert_null(strstr(buf_text(&text), "never came"));
	assert_null(strstr(buf_text(&text), "itself touched"));
	assert_null(strstr(buf_text(&text), "could not be read"));
	buf_free(&text);
	text = report(&sample[2], 1, "7.3.4", NULL);
	assert_contains(buf_text(&text), "this KVM (7.3.4) fetches the vmcs12 pages in: "
					 "KVM_RUN 1 (virtual-APIC page)\n");
	buf_free(&text);
	odd.lost = true;
	memset(odd.name, 'n', sizeof(odd.name) - 1);
	text = report(&odd, 1, "", NULL);
	assert_contains(buf_text(&text), "  too early, lost\n");
	assert_contains(buf_text(&text), "nnn      0x12a000        vCPU");
	assert_contains(buf_text(&text), "this KVM fetched no");
	buf_free(&text);
	odd.lost = false;
	text = report(&odd, 1, "", NULL);
	assert_contains(buf_text(&text),
			"asked for before the phase from which pages are served\n");
	buf_free(&text);
}

/* What the guest touched is none of KVM's: neither L1's access nor that of anybody else. */
static void report_touched(void **state)
{
	struct fetch f[4] = {sample[8], sample[8], sample[8], sample[8]};
	struct buf text;

	(void)state;
	snprintf(f[1].name, sizeof(f[1].name), "MSR bitmap");
	snprintf(f[2].via, sizeof(f[2].via), "guest access by L2");
	snprintf(f[3].via, sizeof(f[3].via), "guest access (async)");
	snprintf(f[3].phase, sizeof(f[3].phase), "KVM_RUN 7");
	text = report(f, 4, "6.12", NULL);
	assert_contains(buf_text(&text), "\nthis KVM (6.12) fetched no vmcs12 page\n"
					 "L1 itself touched: virtual-APIC page, MSR bitmap in "
					 "KVM_RUN 2\n"
					 "L2 itself touched: virtual-APIC page in KVM_RUN 2\n"
					 "the guest itself touched: virtual-APIC page in "
					 "KVM_RUN 7\n");
	buf_free(&text);
	snprintf(f[0].via, sizeof(f[0].via), "outside KVM");
	text = report(f, 1, "6.12", NULL);
	assert_contains(buf_text(&text), "\nthis KVM (6.12) fetched no vmcs12 page\n");
	assert_null(strstr(buf_text(&text), "touched"));
	buf_free(&text);
}

static void report_unread(void **state)
{
	struct fetch f[3] = {sample[2], sample[8], sample[3]};
	struct buf text;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		f[i].via[0] = '\0';
	text = report(f, 3, "6.12", NULL);
	assert_contains(buf_text(&text), "  vCPU    ?   write  ");
	assert_contains(buf_text(&text), "\nby: the kernel's stacks could not be read (it wants "
					 "root, or CAP_SYS_ADMIN)\n\n");
	assert_contains(buf_text(&text), "'virtual-APIC page' (gpa 0x101000): it never came\n");
	assert_contains(buf_text(&text),
			"this KVM (6.12) fetches the vmcs12 pages in: KVM_RUN 1 (virtual-APIC "
			"page); KVM_RUN 2 (virtual-APIC page) (the kernel's stacks could not be "
			"read: accesses by L1 itself are counted too)\n");
	assert_null(strstr(buf_text(&text), "touched"));
	buf_free(&text);
	/* Some were read; those that were not concern no vmcs12 page. */
	f[0] = sample[2];
	f[1] = sample[8];
	text = report(f, 3, "6.12", NULL);
	assert_contains(buf_text(&text),
			"\nby: the kernel's stacks could not be read for 1 of 3 requests\n\n");
	assert_contains(buf_text(&text), "in: KVM_RUN 1 (virtual-APIC page)\nL1 itself touched");
	buf_free(&text);
}

static unsigned lines(const char *text, const char *with)
{
	unsigned n = 0;

	for (; (text = strstr(text, with)); text++)
		n++;
	return n;
}

#define MANY 200

/* 200 requests, alternating if @fold is false, the last one for a vmcs12 page. */
static void many(struct fetch *f, bool fold)
{
	for (unsigned i = 0; i < MANY; i++) {
		f[i] = sample[4];
		f[i].order = i + 1;
		f[i].gpa = i * PAGE;
		f[i].write = !fold && i & 1;
	}
	f[MANY - 1] = sample[6];
	f[MANY - 1].order = MANY;
}

static void report_long(void **state)
{
	static struct fetch f[MANY];
	struct buf text;

	(void)state;
	many(f, true);
	f[50].waited_ns = 77777000;
	text = report(f, MANY, "6.12", NULL);
	assert_contains(buf_text(&text), " 0x0  x199  vCPU    guest access by L2       read        "
					 "77777\n  200  KVM_RUN 1 ");
	assert_null(strstr(buf_text(&text), "left out"));
	buf_free(&text);

	many(f, false);
	text = report(f, MANY, "6.12", NULL);
	assert_int_equal(lines(buf_text(&text), "  guest access by L2  "), 39);
	assert_contains(buf_text(&text), "\n   39  KVM_RUN 1 ");
	assert_contains(buf_text(&text), "\n  200  KVM_RUN 1                 MSR bitmap ");
	assert_contains(buf_text(&text),
			"\n(160 more rows are left out; the JSON report has all)\n");
	buf_free(&text);

	for (unsigned i = 0; i < MANY; i++)
		f[i].too_early = true;
	text = report(f, MANY, "6.12", NULL);
	assert_int_equal(lines(buf_text(&text), "  too early\n"), 40);
	buf_free(&text);
}

/* Whatever a row shows keeps requests apart, but for address and time. */
static void report_apart(void **state)
{
	struct fetch f[2] = {sample[4], sample[4]};

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct buf text;

		f[1] = f[0];
		f[1].gpa += PAGE;
		f[1].waited_ns += 5;
		f[1].vcpu ^= i == 1;
		f[1].write ^= i == 2;
		f[1].too_early ^= i == 3;
		f[1].lost ^= i == 4;
		f[1].phase[0] ^= i == 5;
		f[1].name[0] ^= i == 6;
		f[1].via[0] ^= i == 7;
		text = report(f, 2, NULL, NULL);
		assert_int_equal(strstr(buf_text(&text), "  x2  ") != NULL, i == 0);
		buf_free(&text);
	}
}

static const char *string_at(json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static json_int_t integer_at(json_t *o, const char *key)
{
	assert_true(json_is_integer(json_object_get(o, key)));
	return json_integer_value(json_object_get(o, key));
}

/* Written and read again. */
static json_t *round_trip(const struct fetch *fetches, unsigned n, const char *kernel)
{
	json_t *made = pages_report_json(fetches, n, kernel, "KVM_RUN 1"), *read_back;
	char *text = json_dumps(made, JSON_INDENT(2));

	assert_non_null(text);
	read_back = json_loads(text, 0, NULL);
	assert_true(json_equal(made, read_back));
	free(text);
	json_decref(made);
	return read_back;
}

static void json_all(void **state)
{
	json_t *o = round_trip(sample, ARRAY_SIZE(sample), "6.12.107"), *item, *total;

	(void)state;
	assert_string_equal(string_at(o, "kernel"), "6.12.107");
	assert_int_equal(json_array_size(json_object_get(o, "fetches")), 9);
	item = json_array_get(json_object_get(o, "fetches"), 0);
	assert_int_equal(integer_at(item, "order"), 1);
	assert_string_equal(string_at(item, "phase"), SET);
	assert_string_equal(string_at(item, "page"), "shadow VMCS");
	assert_string_equal(string_at(item, "kind"), "vmcs12");
	assert_string_equal(string_at(item, "gpa"), "0x12a000");
	assert_string_equal(string_at(item, "thread"), "vcpu");
	assert_int_equal(integer_at(item, "tid"), 11);
	assert_true(json_is_false(json_object_get(item, "write")));
	assert_string_equal(string_at(item, "via"), "nested_cache_shadow_vmcs12");
	assert_true(json_is_true(json_object_get(item, "too_early")));
	assert_true(json_is_false(json_object_get(item, "lost")));
	assert_int_equal(integer_at(item, "asked_us"), 1);
	assert_int_equal(integer_at(item, "waited_us"), 250);
	item = json_array_get(json_object_get(o, "fetches"), 2);
	assert_true(json_is_null(json_object_get(item, "waited_us")));
	item = json_array_get(json_object_get(o, "fetches"), 7);
	assert_true(json_is_null(json_object_get(item, "tid")));
	assert_string_equal(string_at(item, "thread"), "other");

	assert_int_equal(json_array_size(json_object_get(o, "phases")), 3);
	item = json_array_get(json_object_get(o, "phases"), 1);
	assert_string_equal(string_at(item, "phase"), "KVM_RUN 1");
	assert_int_equal(integer_at(item, "ept"), 1);
	assert_int_equal(integer_at(item, "pages"), 5);
	total = json_object_get(o, "total");
	assert_int_equal(integer_at(total, "vmcs12"), 3);
	assert_int_equal(integer_at(total, "l2"), 2);
	assert_int_equal(integer_at(total, "other"), 1);
	assert_int_equal(integer_at(total, "pages"), 7);
	assert_int_equal(integer_at(total, "requests"), 9);
	assert_int_equal(integer_at(total, "via_unknown"), 0);
	assert_int_equal(integer_at(total, "never_came"), 1);

	assert_int_equal(json_array_size(json_object_get(o, "findings")), 3);
	item = json_array_get(json_object_get(o, "findings"), 0);
	assert_contains(string_at(item, "text"), "before pages are served from KVM_RUN 1 on");
	item = json_array_get(json_object_get(o, "findings"), 1);
	assert_string_equal(string_at(item, "mark"), "lost");
	assert_string_equal(string_at(item, "via"), GET);
	assert_contains(string_at(item, "text"),
			"needs page 'virtual-APIC page' (gpa 0x101000, via " GET ")");
	item = json_object_get(o, "vmcs12_phases");
	assert_int_equal(json_array_size(item), 2);
	assert_string_equal(json_string_value(json_array_get(item, 1)), "KVM_RUN 1");
	assert_int_equal(json_array_size(json_object_get(o, "vmcs12_touched_by_guest")), 2);
	item = json_array_get(json_object_get(o, "vmcs12_touched_by_guest"), 1);
	assert_string_equal(string_at(item, "phase"), "KVM_RUN 2");
	assert_string_equal(string_at(item, "page"), "virtual-APIC page");
	assert_string_equal(string_at(item, "gpa"), "0x101000");
	assert_string_equal(string_at(item, "via"), L1);
	assert_contains(string_at(o, "answer"),
			"fetches the vmcs12 pages in: " SET " (shadow VMCS); KVM_RUN 1 (");
	json_decref(o);
}

/* All requests, however few rows the table has. */
static void json_many(void **state)
{
	static struct fetch f[MANY];
	json_t *o;

	(void)state;
	many(f, true);
	f[3].via[0] = '\0';
	o = round_trip(f, MANY, "6.12");
	assert_int_equal(json_array_size(json_object_get(o, "fetches")), MANY);
	assert_true(json_is_null(
		json_object_get(json_array_get(json_object_get(o, "fetches"), 3), "via")));
	assert_int_equal(integer_at(json_object_get(o, "total"), "via_unknown"), 1);
	json_decref(o);
}

static void json_small(void **state)
{
	struct fetch odd = sample[0];
	json_t *o = round_trip(NULL, 0, NULL);

	(void)state;
	assert_true(json_is_null(json_object_get(o, "kernel")));
	assert_int_equal(json_array_size(json_object_get(o, "fetches")), 0);
	assert_int_equal(json_array_size(json_object_get(o, "vmcs12_phases")), 0);
	assert_string_equal(string_at(o, "answer"), "this KVM fetched no vmcs12 page");
	json_decref(o);
	snprintf(odd.name, sizeof(odd.name), "\xff\xfe name");
	o = round_trip(&odd, 1, "6.1");
	assert_string_equal(string_at(json_array_get(json_object_get(o, "fetches"), 0), "page"),
			    "?? name");
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(report_all),	  cmocka_unit_test(report_small),
		cmocka_unit_test(report_touched), cmocka_unit_test(report_unread),
		cmocka_unit_test(report_long),	  cmocka_unit_test(report_apart),
		cmocka_unit_test(json_all),	  cmocka_unit_test(json_many),
		cmocka_unit_test(json_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
