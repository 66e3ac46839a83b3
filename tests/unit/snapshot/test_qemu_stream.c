// SPDX-License-Identifier: BSD-2-Clause
// The reader of QEMU's migration streams, on streams made here as QEMU makes them.
#include "tests/unit/unit.h"

#include "host/snapshot/qemu_stream.h"

#include <endian.h>
#include <linux/kvm.h>

#define VMXON_PA  0x123000ull
#define VMCS12_PA 0x456000ull

/* What to build, and what to spoil. */
struct recipe {
	bool nested, no_vmx, svm;
	uint16_t flags;
	uint32_t mp_state;
	bool fake_in_ram; /* RAM holds bytes that look like the section's header */
	bool twin_in_ram; /* RAM holds the whole section */
	bool bad_footer;
	bool two_cpus;
	const char *from, *to; /* change of the description */
};

static void put(struct buf *b, uint64_t value, unsigned bytes)
{
	value = htobe64(value);
	buf_append(b, (const uint8_t *)&value + 8 - bytes, bytes);
}

static void put_string(struct buf *b, const char *s)
{
	put(b, strlen(s), 1);
	buf_append(b, s, strlen(s));
}

static void put_subsection(struct buf *b, const char *name)
{
	put(b, 5, 1);
	put_string(b, name);
	put(b, 1, 4);
}

static void put_cpu(struct buf *b, const struct recipe *r, unsigned id, unsigned instance)
{
	put(b, 4, 1);
	put(b, id, 4);
	put_string(b, "cpu");
	put(b, instance, 4);
	put(b, 12, 4);
	for (unsigned i = 0; i < 16; i++)
		put(b, 0x1111 * i, 8); /* env.regs */
	for (unsigned i = 0; i < 8; i++) {
		put(b, i, 8); /* env.fpregs: mantissa, exponent */
		put(b, i, 2);
	}
	put(b, r->mp_state + instance, 4);
	put(b, 42, 8); /* env.tsc */
	put_subsection(b, "cpu/xss");
	put(b, 1, 8);
	if (!r->nested)
		goto footer;
	put_subsection(b, "cpu/nested_state");
	put(b, r->flags, 2);
	put(b, r->svm, 2);
	put(b, 8192 + 128, 4);
	if (!r->no_vmx) {
		put_subsection(b, "cpu/kvm_nested_state/vmx");
		put(b, VMXON_PA, 8);
		put(b, VMCS12_PA, 8);
		put(b, 0, 2);
		put_subsection(b, "cpu/kvm_nested_state/vmx/vmcs12");
		for (unsigned i = 0; i < 4096; i++)
			put(b, i & 0xff, 1);
	}
footer:
	put(b, 0x7e, 1);
	put(b, r->bad_footer ? id + 1 : id, 4);
}

static void describe_cpu(struct buf *b, const struct recipe *r, unsigned instance)
{
	unsigned inner = r->no_vmx ? 8 : 8 + 26 + 4 + 18 + 33 + 4 + 4096;

	buf_printf(
		b,
		"{\"name\": \"cpu\", \"instance_id\": %u, \"vmsd_name\": \"cpu\", "
		"\"version\": 12, \"fields\": ["
		"{\"name\": \"env.regs\", \"array_len\": 16, \"type\": \"uint64\", \"size\": 8}, "
		"{\"name\": \"env.fpregs\", \"array_len\": 8, \"type\": \"struct\", \"struct\": "
		"{\"vmsd_name\": \"fpreg\", \"version\": 1, \"fields\": ["
		"{\"name\": \"tmp_mant\", \"type\": \"uint64\", \"size\": 8}, "
		"{\"name\": \"tmp_exp\", \"type\": \"uint16\", \"size\": 2}]}, \"size\": 10}, "
		"{\"name\": \"env.mp_state\", \"type\": \"uint32\", \"size\": 4}, "
		"{\"name\": \"env.tsc\", \"type\": \"uint64\", \"size\": 8}], "
		"\"subsections\": [{\"vmsd_name\": \"cpu/xss\", \"version\": 1, \"fields\": ["
		"{\"name\": \"env.xss\", \"type\": \"uint64\", \"size\": 8}]}",
		instance);
	if (r->nested) {
		buf_printf(b,
			   ", {\"vmsd_name\": \"cpu/nested_state\", \"version\": 1, \"fields\": ["
			   "{\"name\": \"env.nested_state\", \"type\": \"struct\", \"struct\": "
			   "{\"vmsd_name\": \"cpu/kvm_nested_state\", \"version\": 1, \"fields\": ["
			   "{\"name\": \"flags\", \"type\": \"uint16\", \"size\": 2}, "
			   "{\"name\": \"format\", \"type\": \"uint16\", \"size\": 2}, "
			   "{\"name\": \"size\", \"type\": \"uint32\", \"size\": 4}]");
		if (!r->no_vmx)
			buf_printf(
				b,
				", \"subsections\": [{\"vmsd_name\": \"cpu/kvm_nested_state/vmx\", "
				"\"version\": 1, \"fields\": ["
				"{\"name\": \"hdr.vmx.vmxon_pa\", \"type\": \"uint64\", \"size\": "
				"8}, "
				"{\"name\": \"hdr.vmx.vmcs12_pa\", \"type\": \"uint64\", \"size\": "
				"8}, "
				"{\"name\": \"hdr.vmx.smm.flags\", \"type\": \"uint16\", \"size\": "
				"2}], "
				"\"subsections\": [{\"vmsd_name\": "
				"\"cpu/kvm_nested_state/vmx/vmcs12\", \"version\": 1, \"fields\": ["
				"{\"name\": \"data.vmx[0].vmcs12\", \"array_len\": 4096, "
				"\"type\": \"uint8\", \"size\": 1}]}]}]");
		buf_printf(b, "}, \"size\": %u}]}", inner);
	}
	buf_printf(b, "]}");
}

static struct buf build(const struct recipe *r)
{
	struct buf b = {0}, description = {0};
	char *text;

	put(&b, 0x5145564d, 4);
	put(&b, 3, 4);
	put(&b, 7, 1);
	put(&b, 4, 4);
	buf_append(&b, "pc-9", 4);
	put(&b, 1, 1); /* a RAM section, of which the reader knows nothing */
	for (unsigned i = 0; i < 600; i++)
		put(&b, i * 0x01010101ull, 4);
	if (r->fake_in_ram) {
		put(&b, 4, 1);
		put(&b, 9, 4);
		put_string(&b, "cpu");
		put(&b, 0, 4);
		put(&b, 12, 4);
	}
	if (r->twin_in_ram)
		put_cpu(&b, r, 9, 0);
	put_cpu(&b, r, 3, 0);
	if (r->two_cpus)
		put_cpu(&b, r, 4, 1);
	put(&b, 0, 1);
	buf_printf(&description, "{\"page_size\": 4096, \"devices\": [");
	describe_cpu(&description, r, 0);
	if (r->two_cpus) {
		buf_printf(&description, ", ");
		describe_cpu(&description, r, 1);
	}
	buf_printf(&description, "]}");
	text = description.p;
	if (r->from) {
		char *at = strstr(text, r->from);

		assert_non_null(at);
		text = xasprintf("%.*s%s%s", (int)(at - text), text, r->to, at + strlen(r->from));
		buf_free(&description);
	}
	put(&b, 6, 1);
	put(&b, strlen(text), 4);
	buf_append(&b, text, strlen(text));
	free(text);
	return b;
}

static const struct recipe active = {
	.nested = true, .flags = KVM_STATE_NESTED_GUEST_MODE, .mp_state = KVM_MP_STATE_HALTED};

static int parse(const struct recipe *r, unsigned cpu, struct saved_state *s, struct err *e)
{
	struct buf b = build(r);
	int ret = qemu_stream_parse(b.p, b.len, cpu, s, e);

	buf_free(&b);
	return ret;
}

static void l2_active(void **state)
{
	struct saved_state s;
	struct err e = {0};

	(void)state;
	if (parse(&active, 0, &s, &e))
		fail_msg("%s", e.text);
	assert_true(saved_l2_active(&s));
	assert_int_equal(s.mp_state, KVM_MP_STATE_HALTED);
	assert_int_equal(s.vmxon_pa, VMXON_PA);
	assert_int_equal(s.vmcs12_pa, VMCS12_PA);
	assert_int_equal(s.size, 8192 + 128);
}

static void l2_not_active(void **state)
{
	struct recipe r = active;
	struct saved_state s;
	struct err e = {0};

	(void)state;
	r.flags = KVM_STATE_NESTED_RUN_PENDING;
	assert_int_equal(parse(&r, 0, &s, &e), 0);
	assert_true(s.nested);
	assert_false(saved_l2_active(&s));
	r.nested = false;
	assert_int_equal(parse(&r, 0, &s, &e), 0);
	assert_false(s.nested);
	assert_false(saved_l2_active(&s));
}

static void second_cpu(void **state)
{
	struct recipe r = active;
	struct saved_state s;
	struct err e = {0};

	(void)state;
	r.two_cpus = true;
	r.mp_state = 0;
	assert_int_equal(parse(&r, 0, &s, &e), 0);
	assert_int_equal(s.mp_state, 0);
	assert_int_equal(parse(&r, 1, &s, &e), 0);
	assert_int_equal(s.mp_state, 1);
	assert_int_equal(parse(&r, 2, &s, &e), -1);
	assert_contains(e.text, "no section 'cpu' of instance 2");
}

static void ram_looks_alike(void **state)
{
	struct recipe r = active;
	struct saved_state s;
	struct err e = {0};

	(void)state;
	r.fake_in_ram = true;
	if (parse(&r, 0, &s, &e))
		fail_msg("%s", e.text);
	assert_true(saved_l2_active(&s));
	r.twin_in_ram = true;
	assert_int_equal(parse(&r, 0, &s, &e), -1);
	assert_contains(e.text, "2 sections could be 'cpu'");
}

static void refused(const char *from, const char *to, const char *why)
{
	struct recipe r = active;
	struct saved_state s;
	struct err e = {0};

	r.from = from;
	r.to = to;
	if (!parse(&r, 0, &s, &e))
		fail_msg("'%s' for '%s' was taken", to, from);
	assert_contains(e.text, why);
	assert_false(saved_l2_active(&s));
}

static void bad_descriptions(void **state)
{
	struct recipe r = active;
	struct saved_state s;
	struct err e = {0};

	(void)state;
	refused("\"env.regs\", \"array_len\": 16", "\"env.regs\", \"array_len\": 15",
		"not where the description says");
	refused("\"env.regs\", \"array_len\": 16", "\"env.regs\", \"array_len\": 99999999999999",
		"does not fit");
	refused("\"env.regs\", \"array_len\": 16", "\"env.regs\", \"array_len\": -1",
		"does not fit");
	refused("\"size\": 8", "\"size\": 9223372036854775807", "does not fit");
	refused("\"size\": 8", "\"size\": \"8\"", "does not fit");
	refused("\"size\": 10", "\"size\": 11", "structure env.fpregs has 10 bytes");
	refused("cpu/xss", "cpu/xsz", "subsection cpu/xsz is not where");
	refused("\"version\": 12", "\"version\": 13", "no section 'cpu' of version 13");
	refused("\"version\": 12", "\"version\": 1.5", "bad version");
	refused("env.mp_state", "env.mp_stale", "no field env.mp_state");
	refused("\"env.mp_state\", \"type\": \"uint32\", \"size\": 4}, {\"name\": \"env.tsc\", "
		"\"type\": \"uint64\", \"size\": 8}",
		"\"env.tsc\", \"type\": \"uint64\", \"size\": 4}, {\"name\": \"env.mp_state\", "
		"\"type\": \"uint64\", \"size\": 8}",
		"env.mp_state of cpu is odd");
	refused("\"flags\"", "\"flaggs\"", "nested state is incomplete");
	refused("{\"page_size\"", "[\"page_size\"", "description at the end of the stream");
	refused("\"devices\"", "\"gadgets\"", "no section 'cpu' of instance 0");
	r.bad_footer = true;
	assert_int_equal(parse(&r, 0, &s, &e), -1);
	assert_contains(e.text, "no footer");
	r = active;
	r.no_vmx = true;
	assert_int_equal(parse(&r, 0, &s, &e), -1);
	assert_contains(e.text, "nested state is incomplete");
	r = active;
	r.svm = true;
	assert_int_equal(parse(&r, 0, &s, &e), -1);
	assert_contains(e.text, "not VMX");
}

static void deep(void **state)
{
	struct buf text = {0};
	struct recipe r = active;
	struct saved_state s;
	struct err e = {0};

	(void)state;
	buf_printf(&text, "\"fields\": [");
	for (int i = 0; i < 100; i++)
		buf_printf(&text, "{\"size\": 0, \"struct\": {\"fields\": [");
	for (int i = 0; i < 100; i++)
		buf_printf(&text, "]}}");
	buf_printf(&text, ", ");
	r.from = "\"fields\": [";
	r.to = text.p;
	assert_int_equal(parse(&r, 0, &s, &e), -1);
	assert_contains(e.text, "nests too deep");
	buf_free(&text);
}

static void headers(void **state)
{
	struct buf b = build(&active);
	struct saved_state s;
	struct err e = {0};

	(void)state;
	assert_int_equal(qemu_stream_parse("", 0, 0, &s, &e), -1);
	assert_contains(e.text, "0 bytes");
	b.p[7] = 2;
	assert_int_equal(qemu_stream_parse(b.p, b.len, 0, &s, &e), -1);
	assert_contains(e.text, "version 2, expected 3");
	b.p[0] = 'q';
	assert_int_equal(qemu_stream_parse(b.p, b.len, 0, &s, &e), -1);
	assert_contains(e.text, "magic is not QEVM");
	buf_free(&b);
}

/* The byte that announces the description may be in its length as well. */
static void length_like_a_type(void **state)
{
	struct recipe r = active;
	struct buf spaces = {0};
	struct saved_state s;
	struct err e = {0};

	(void)state;
	r.from = "{\"page_size\"";
	for (unsigned i = 0; i < 256; i++)
		buf_printf(&spaces, " ");
	buf_printf(&spaces, "{\"page_size\"");
	for (unsigned i = 0; i < 256; i++) {
		r.to = spaces.p + i;
		if (parse(&r, 0, &s, &e))
			fail_msg("with %u more bytes: %s", 256 - i, e.text);
	}
	buf_free(&spaces);
}

/* Cut at any byte: refused, with a reason. */
static void truncated(void **state)
{
	struct buf b = build(&active);
	struct saved_state s;

	(void)state;
	for (size_t len = 0; len < b.len; len++) {
		uint8_t *copy = xcalloc(1, len); /* of its own, so that a read too far shows */
		struct err e = {0};

		memcpy(copy, b.p, len);
		if (!qemu_stream_parse(copy, len, 0, &s, &e))
			fail_msg("taken with %zu of %zu bytes", len, b.len);
		assert_true(*e.text);
		assert_false(saved_l2_active(&s));
		free(copy);
	}
	buf_free(&b);
}

static void mutations(void **state)
{
	struct recipe r = active;
	struct buf b;
	uint64_t seed = 3;

	(void)state;
	r.two_cpus = true;
	b = build(&r);
	for (unsigned i = 0; i < 4000; i++) {
		uint8_t *copy = xcalloc(1, b.len);
		struct saved_state s;
		struct err e = {0};
		size_t len, skip = i % 2 ? 2400 : b.len - 3000;

		/* Half of the mutations go into sections, half into the description. */
		memcpy(copy, b.p, b.len);
		len = skip + mutate(copy + skip, b.len - skip, 1 + i % 3, &seed);
		if (qemu_stream_parse(copy, len, i % 3, &s, &e))
			assert_true(*e.text);
		free(copy);
	}
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(l2_active),	    cmocka_unit_test(l2_not_active),
		cmocka_unit_test(second_cpu),	    cmocka_unit_test(ram_looks_alike),
		cmocka_unit_test(bad_descriptions), cmocka_unit_test(deep),
		cmocka_unit_test(headers),	    cmocka_unit_test(length_like_a_type),
		cmocka_unit_test(truncated),	    cmocka_unit_test(mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
