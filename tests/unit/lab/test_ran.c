// SPDX-License-Identifier: BSD-2-Clause
// Which code is KVM's is read from /proc/modules; without the lab nobody tells what ran.
#include "tests/unit/unit.h"

#include "host/lab/ran.h"

static struct ran_area area[RAN_AREAS];

static void blind(void **state)
{
	(void)state;
	unsetenv("MIDFLIGHT_LAB");
	assert_int_equal(lab_ran_new(), -1);
	assert_int_equal(lab_ran_new(), -1);
}

static void areas(void **state)
{
	(void)state;
	/* kvm's code and data together would reach into irqbypass. */
	assert_int_equal(ran_areas("kvm_intel 4096 0 - Live 0xffffffffc0800000\n"
				   "kvm 12288 1 kvm_intel, Live 0xffffffffc0700000\n"
				   "irqbypass 4096 1 kvm, Live 0xffffffffc0702000 (OE)\n"
				   "kvm_amd 4096 0 - Live 0xffffffffc0900000\n",
				   area),
			 2);
	assert_int_equal(area[0].start, 0xc0800000);
	assert_int_equal(area[0].end, 0xc0801000);
	assert_int_equal(area[1].start, 0xc0700000);
	assert_int_equal(area[1].end, 0xc0702000);
}

static void none(void **state)
{
	(void)state;
	assert_int_equal(ran_areas("", area), 0);
	assert_int_equal(ran_areas("sd_mod 4096 0 - Live 0xffffffffc0800000\n", area), 0);
	/* as it is shown to those who may not know */
	assert_int_equal(ran_areas("kvm 4096 0 - Live 0x0000000000000000\n", area), 0);
	assert_int_equal(ran_areas("kvm 4096 0\n", area), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blind),
		cmocka_unit_test(areas),
		cmocka_unit_test(none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
