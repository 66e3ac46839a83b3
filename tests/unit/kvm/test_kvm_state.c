// SPDX-License-Identifier: BSD-2-Clause
// Orders of restoring (data and files) and what a snapshot's sections say about L2.
#include "host/snapshot/saved_state.h"
#include "tests/unit/unit.h"

#include "host/kvm/kvm_state.h"

#include <linux/kvm.h>
#include <unistd.h>

static char path[] = "/tmp/midflight-order.XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static unsigned count(const struct order *o, const char *step)
{
	unsigned n = 0;

	for (unsigned i = 0; i < o->steps; i++)
		n += !strcmp(o->step[i], step);
	return n;
}

/* Each named order restores all there is, each part once, by one of its names. */
static void named(void **state)
{
	static const char *const once[][2] = {
		{"CPUID2", "CPUID"},
		{"SREGS2", "SREGS"},
		{"IRQCHIP"},
		{"PIT2"},
		{"CLOCK"},
		{"LAPIC"},
		{"NESTED_STATE"},
		{"TSC_KHZ"},
		{"REGS"},
		{"XSAVE"},
		{"XCRS"},
		{"MSRS", "MSRS_TOLERANT"},
		{"VCPU_EVENTS"},
		{"MP_STATE"},
		{"DEBUGREGS"},
	};
	char *names = xstrdup(order_names()), *rest, *name;
	unsigned orders = 0;

	(void)state;
	for (name = strtok_r(names, "|", &rest); name; name = strtok_r(NULL, "|", &rest)) {
		struct order o;
		struct err e = {0};

		assert_int_equal(order_load(&o, name, &e), 0);
		assert_string_equal(o.name, name);
		for (unsigned i = 0; i < ARRAY_SIZE(once); i++) {
			unsigned n = count(&o, once[i][0]);

			if (once[i][1])
				n += count(&o, once[i][1]);
			/* Cloud Hypervisor does not save the debug registers. */
			if (!strcmp(name, "cloud-hypervisor") && !strcmp(once[i][0], "DEBUGREGS"))
				n++;
			/* What comes before a refusal comes again. */
			n -= count(&o, "NESTED_STATE_REFUSED") && !strcmp(once[i][0], "SREGS2");
			if (n != 1)
				fail_msg("order %s has step %s %u times", name, once[i][0], n);
		}
		orders++;
	}
	free(names);
	assert_int_equal(orders, 8);
}

/* Each order of saving has all there is, once. */
static void saves(void **state)
{
	static const char *const names[] = {"qemu", "firecracker"};
	static const char *const all[] = {"VCPU_EVENTS", "MP_STATE", "REGS",	"XCRS",
					  "SREGS",	 "SREGS2",   "LAPIC",	"DEBUGREGS",
					  "PIT2",	 "CLOCK",    "IRQCHIP", "XSAVE",
					  "MSRS",	 "CPUID2",   "TSC_KHZ", "NESTED_STATE"};
	struct order o;
	struct err e = {0};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(order_of_saving(&o, names[i], &e), 0);
		assert_int_equal(o.steps, ARRAY_SIZE(all));
		for (unsigned n = 0; n < ARRAY_SIZE(all); n++) {
			assert_int_equal(count(&o, all[n]), 1);
			assert_true(kvm_state_saves(o.step[n]));
		}
	}
	assert_int_equal(order_of_saving(&o, "crosvm", &e), -1);
	assert_contains(e.text, "qemu, firecracker");
	assert_false(kvm_state_saves("MSR_IA32_APIC_BASE"));
}

/* The order of two steps is what tells one order from another. */
static unsigned place(const char *name, const char *step)
{
	struct order o;
	struct err e = {0};
	unsigned i = 0;

	assert_int_equal(order_load(&o, name, &e), 0);
	while (i < o.steps && strcmp(o.step[i], step))
		i++;
	assert_true(i < o.steps);
	return i;
}

static void told_apart(void **state)
{
	(void)state;
	assert_true(place("nested-first", "NESTED_STATE") < place("nested-first", "LAPIC"));
	assert_true(place("qemu", "NESTED_STATE") > place("qemu", "LAPIC"));
	assert_true(place("qemu", "NESTED_STATE") < place("qemu", "MSRS"));
	assert_true(place("nested-last", "NESTED_STATE") > place("nested-last", "DEBUGREGS"));
	assert_true(place("selftests", "NESTED_STATE") > place("selftests", "REGS"));
	assert_true(place("legacy", "CPUID") < place("legacy", "SREGS"));
	assert_true(place("refused-once", "NESTED_STATE_REFUSED") <
		    place("refused-once", "NESTED_STATE"));
	assert_string_equal(order_like("refused-once"), "qemu");
	assert_string_equal(order_like("selftests"), "selftests");
	assert_string_equal(order_like("./mine"), "./mine");
}

/* Loads an order from a file with @len bytes of @text; the error, "" for none. */
static const char *load(struct order *o, const void *text, size_t len)
{
	static struct err e = {0};
	FILE *f = fopen(path, "w");

	e.text[0] = '\0';
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	if (order_load(o, path, &e))
		assert_true(*e.text);
	else
		assert_false(*e.text);
	return e.text;
}

static void from_file(void **state)
{
	static const char good[] = "# mine\nREGS\tSREGS # both\r\n\n  MSR_IA32_APIC_BASE\nMSRS";
	char big[5000];
	struct order o;

	(void)state;
	assert_string_equal(load(&o, good, strlen(good)), "");
	assert_int_equal(o.steps, 4);
	assert_string_equal(o.step[0], "REGS");
	assert_string_equal(o.step[2], "MSR_IA32_APIC_BASE");
	assert_string_equal(o.step[3], "MSRS");

	assert_int_equal(o.late, 0);
	assert_string_equal(load(&o, "REGS KVM_RUN CLOCK", 18), "");
	assert_int_equal(o.steps, 2);
	assert_int_equal(o.late, 1);
	assert_contains(load(&o, "KVM_RUN REGS", 12), "KVM_RUN stands before all steps");
	assert_contains(load(&o, "REGS KVM_RUN KVM_RUN", 20), "KVM_RUN stands twice");

	assert_contains(load(&o, "REGS FLAGS", 10), "there is no step 'FLAGS'");
	assert_contains(load(&o, "REGS regs", 9), "there is no step 'regs'");
	assert_string_equal(load(&o, "REGS SREGS REGS", 15), ""); /* as often as it stands there */
	assert_int_equal(o.steps, 3);
	assert_contains(load(&o, "", 0), "no steps");
	assert_contains(load(&o, " # REGS\n\t\n", 10), "no steps");
	assert_contains(load(&o, "REGS\0SREGS", 10), "not a text");
	assert_contains(load(&o, "\x7f\x45LF\x01\x02", 6), "there is no step");
	memset(big, 'A', sizeof(big));
	assert_contains(load(&o, big, 100), "there is no step 'AAAA");
	assert_contains(load(&o, big, sizeof(big)), "too long");
}

static void no_file(void **state)
{
	struct order o;
	struct err e = {0};

	(void)state;
	assert_int_equal(order_load(&o, "/no/such/order", &e), -1);
	assert_contains(e.text, "cannot read the order /no/such/order: No such file");
	assert_int_equal(order_load(&o, "backwards", &e), -1);
	assert_contains(e.text, "there is no order 'backwards' (qemu|");
	assert_int_equal(order_load(&o, "", &e), -1);
	assert_int_equal(order_load(&o, "/", &e), -1);
	assert_true(*e.text);
}

static void step_texts(void **state)
{
	char text[64];

	(void)state;
	order_step_text("NESTED_STATE", text, sizeof(text));
	assert_string_equal(text, "KVM_SET_NESTED_STATE");
	order_step_text("MSRS", text, sizeof(text));
	assert_string_equal(text, "KVM_SET_MSRS");
	order_step_text("MSR_IA32_APIC_BASE", text, sizeof(text));
	assert_string_equal(text, "KVM_SET_MSRS (IA32_APIC_BASE)");
}

static void summary(void **state)
{
	struct kvm_mp_state mp = {.mp_state = KVM_MP_STATE_HALTED};
	struct kvm_nested_state nested = {.flags = KVM_STATE_NESTED_GUEST_MODE,
					  .format = KVM_STATE_NESTED_FORMAT_VMX,
					  .size = sizeof(nested)};
	struct snapshot s = {0};
	struct saved_state saved;

	(void)state;
	kvm_state_summary(&s, &saved);
	assert_false(saved.nested);
	assert_false(saved_l2_active(&saved));

	snapshot_add(&s, "MP_STATE", &mp, sizeof(mp));
	snapshot_add(&s, "NESTED_STATE", &nested, sizeof(nested) - 1); /* cut short: no word */
	kvm_state_summary(&s, &saved);
	assert_int_equal(saved.mp_state, KVM_MP_STATE_HALTED);
	assert_false(saved_l2_active(&saved));
	snapshot_free(&s);

	nested.hdr.vmx.vmxon_pa = 0x5000;
	nested.hdr.vmx.vmcs12_pa = 0x6000;
	snapshot_add(&s, "NESTED_STATE", &nested, sizeof(nested));
	kvm_state_summary(&s, &saved);
	assert_true(saved.nested && saved_l2_active(&saved));
	assert_int_equal(saved.vmxon_pa, 0x5000);
	assert_int_equal(saved.vmcs12_pa, 0x6000);
	assert_int_equal(saved.mp_state, 0);
	snapshot_free(&s);

	nested.flags = 0;
	nested.hdr.vmx.vmxon_pa = ~0ull;
	snapshot_add(&s, "NESTED_STATE", &nested, sizeof(nested));
	kvm_state_summary(&s, &saved);
	assert_false(saved.nested || saved_l2_active(&saved));
	snapshot_free(&s);
}

/* What a damaged or foreign snapshot has must be refused before KVM sees it. */
static void wrong_sizes(void **state)
{
	static const char *const steps[] = {"REGS",    "SREGS",	       "LAPIC", "IRQCHIP",
					    "TSC_KHZ", "NESTED_STATE", "XSAVE", "CLOCK"};
	const struct kvm_fds fds = {-1, -1, -1, NULL};
	const uint64_t junk = 1;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
		struct snapshot s = {0};
		struct order o = {.steps = 1};
		struct err e = {0};

		snprintf(o.step[0], sizeof(o.step[0]), "%s", steps[i]);
		assert_int_equal(kvm_state_restore_step(&fds, &s, &o, 0, &e),
				 0); /* nothing saved */
		snapshot_add(&s, steps[i], &junk, sizeof(junk));
		assert_int_equal(kvm_state_restore_step(&fds, &s, &o, 0, &e), -1);
		assert_contains(e.text, "section of 8 bytes does not fit this kernel");
		snapshot_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(named),      cmocka_unit_test(saves),
		cmocka_unit_test(told_apart), cmocka_unit_test(from_file),
		cmocka_unit_test(no_file),    cmocka_unit_test(step_texts),
		cmocka_unit_test(summary),    cmocka_unit_test(wrong_sizes),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
