// SPDX-License-Identifier: BSD-2-Clause
// The return path of QEMU's migration: each message, cut at every byte, and what is not one.
#include "tests/unit/unit.h"

#include "host/qemu/return_path.h"

#include <endian.h>

static struct buf stream, seen;
static struct rp_decoder d;

static void put16(uint16_t v)
{
	v = htobe16(v);
	buf_append(&stream, &v, sizeof(v));
}

static void put64(uint64_t v)
{
	v = htobe64(v);
	buf_append(&stream, &v, sizeof(v));
}

/* Types as QEMU numbers them. */
static void message(uint16_t type, const void *body, uint16_t len)
{
	put16(type);
	put16(len);
	if (len)
		buf_append(&stream, body, len);
}

/* @name NULL: the same block as before. */
static void request(const char *name, uint64_t offset, uint32_t length)
{
	size_t name_len = name ? strlen(name) : 0;
	uint32_t be_length = htobe32(length);
	uint8_t n = (uint8_t)name_len;

	put16(name ? 3 : 4);
	put16((uint16_t)(12 + (name ? 1 + name_len : 0)));
	put64(offset);
	buf_append(&stream, &be_length, sizeof(be_length));
	if (name) {
		buf_append(&stream, &n, 1);
		buf_append(&stream, name, name_len);
	}
}

static void bitmap(const char *name, uint64_t size, uint64_t mark)
{
	struct buf body = {0};
	uint8_t n = (uint8_t)strlen(name);

	buf_append(&body, &n, 1);
	buf_append(&body, name, n);
	message(5, body.p, (uint16_t)body.len);
	put64(size);
	for (uint64_t i = 0; i < size && i < 4096; i++)
		buf_append(&stream, "\xff", 1);
	put64(mark);
	buf_free(&body);
}

static void on_request(void *arg, const char *block, uint64_t offset, uint32_t length)
{
	assert_ptr_equal(arg, &seen);
	buf_printf(&seen, "%s+%llx:%x\n", block, (unsigned long long)offset, length);
}

static int reset(void **state)
{
	(void)state;
	buf_free(&stream);
	buf_free(&seen);
	memset(&d, 0, sizeof(d));
	return 0;
}

static void feed(size_t from, size_t to)
{
	/* Of its own size, so that a read beyond the end is found. */
	char *bytes = xcalloc(to - from + 1, 1);

	bytes = xrealloc(bytes, to - from ? to - from : 1);
	memcpy(bytes, stream.p + from, to - from);
	rp_feed(&d, bytes, to - from, on_request, &seen);
	free(bytes);
}

#define EXPECTED                                         \
	"pc.ram+1000:1000\npc.ram+fffffffff000:200000\n" \
	"/objects/mem+0:1000\n/objects/mem+7ffff000:1000\n"

static void all_messages(void)
{
	message(2, "\0\0\0\1", 4);
	request("pc.ram", 0x1000, 0x1000);
	request(NULL, 0xfffffffff000, 0x200000);
	message(7, NULL, 0);
	bitmap("pc.ram", 40, 0x0123456789abcdefull);
	message(6, "\0\0\0\1", 4);
	request("/objects/mem", 0, 0x1000);
	request(NULL, 0x7ffff000, 0x1000);
	message(1, "\0\0\0\0", 4);
	/* Nobody reads what comes behind the end. */
	buf_append(&stream, "\xff\xff\xff\xff\xff", 5);
}

static void whole_and_split_at_every_byte(void **state)
{
	(void)state;
	all_messages();
	for (size_t at = 0; at <= stream.len; at++) {
		feed(0, at);
		feed(at, stream.len);
		assert_string_equal(buf_text(&seen), EXPECTED);
		assert_string_equal(d.bad, "");
		assert_true(d.shut);
		buf_free(&seen);
		memset(&d, 0, sizeof(d));
	}
}

static void byte_by_byte(void **state)
{
	(void)state;
	all_messages();
	for (size_t at = 0; at < stream.len; at++)
		feed(at, at + 1);
	assert_string_equal(buf_text(&seen), EXPECTED);
	assert_string_equal(d.bad, "");
	assert_true(d.shut);
}

static void truncated_is_not_bad(void **state)
{
	(void)state;
	request("pc.ram", 0x1000, 0x1000);
	feed(0, stream.len - 1);
	rp_feed(&d, NULL, 0, on_request, &seen);
	assert_string_equal(buf_text(&seen), "");
	assert_string_equal(d.bad, "");
	feed(stream.len - 1, stream.len);
	assert_string_equal(buf_text(&seen), "pc.ram+1000:1000\n");
}

static void longest_name(void **state)
{
	char name[256];

	(void)state;
	memset(name, 'x', 255);
	name[255] = '\0';
	request(name, 0, 0x1000);
	feed(0, stream.len);
	assert_int_equal(seen.len, 255 + strlen("+0:1000\n"));
	assert_string_equal(d.block, name);
	assert_string_equal(d.bad, "");
}

/* What is in the stream is bad for the reason @why, and a good request behind it is not heard. */
static void expect_bad(const char *why)
{
	request("pc.ram", 0x5000, 0x1000);
	feed(0, stream.len);
	assert_contains(d.bad, why);
	assert_null(strstr(buf_text(&seen), "5000"));
	reset(NULL);
}

static void bad_messages(void **state)
{
	static const char name_too_long[] = "\0\0\0\0\0\0\0\0\0\0\x10\0\7pc.ram";
	static const char name_too_short[] = "\0\0\0\0\0\0\0\0\0\0\x10\0\5pc.ram";
	static const char no_name[] = "\0\0\0\0\0\0\0\0\0\0\x10\0";
	static const char control[] = "\0\0\0\0\0\0\0\0\0\0\x10\0\2a\n";

	(void)state;
	message(0, NULL, 0);
	expect_bad("unknown type 0");
	message(8, NULL, 0);
	expect_bad("unknown type 8");
	message(0xffff, NULL, 0);
	expect_bad("unknown type 65535");
	message(2, "\0\0\0", 3);
	expect_bad("type 2 with 3 bytes");
	message(7, "\0", 1);
	expect_bad("type 7 with 1 bytes");
	message(4, no_name, 11);
	expect_bad("type 4 with 11 bytes");
	message(3, no_name, 12);
	expect_bad("type 3 with 12 bytes");
	put16(3);
	put16(0xffff);
	expect_bad("type 3 with 65535 bytes");
	message(3, no_name, 13);
	expect_bad("with a name of 0");
	message(3, name_too_long, 19);
	expect_bad("request of 19 bytes with a name of 7");
	message(3, name_too_short, 19);
	expect_bad("request of 19 bytes with a name of 5");
	message(3, control, 15);
	expect_bad("byte 0x0a");
	request(NULL, 0, 0x1000);
	expect_bad("before any RAM block was named");
	request("pc.ram", 0x10, 0x1000);
	expect_bad("0x1000 bytes at 0x10: not whole pages");
	request("pc.ram", 0, 0x10);
	expect_bad("not whole pages");
	request("pc.ram", 0, 0);
	expect_bad("not whole pages");
	bitmap("pc.ram", 8, 1);
	expect_bad("without its end mark");
	bitmap("pc.ram", UINT64_MAX, 0x0123456789abcdefull);
	expect_bad("bitmap of 0xffffffffffffffff bytes");
}

static void garbage(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		size_t at;

		all_messages();
		stream.len = mutate((uint8_t *)stream.p, stream.len, 1 + i % 8, &seed);
		at = stream.len ? random_next(&seed) % stream.len : 0;
		feed(0, at);
		feed(at, stream.len);
		assert_true(strlen(d.block) < sizeof(d.block));
		reset(NULL);
	}
	for (unsigned i = 0; i < 20000; i++) {
		for (unsigned k = 0; k < 8; k++)
			put64(random_next(&seed) & (i & 1 ? UINT64_MAX : 0x0007000f0003000full));
		feed(0, stream.len);
		reset(NULL);
	}
}

static void main_ram(void **state)
{
	(void)state;
	assert_true(rp_is_main_ram("pc.ram"));
	assert_true(rp_is_main_ram("microvm.ram"));
	assert_true(rp_is_main_ram("mem"));
	assert_true(rp_is_main_ram("/objects/mem"));
	assert_false(rp_is_main_ram("pc.bios"));
	assert_false(rp_is_main_ram("0000:00:02.0/vga.vram"));
	assert_false(rp_is_main_ram(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whole_and_split_at_every_byte, reset, reset),
		cmocka_unit_test_setup_teardown(byte_by_byte, reset, reset),
		cmocka_unit_test_setup_teardown(truncated_is_not_bad, reset, reset),
		cmocka_unit_test_setup_teardown(longest_name, reset, reset),
		cmocka_unit_test_setup_teardown(bad_messages, reset, reset),
		cmocka_unit_test_setup_teardown(garbage, reset, reset),
		cmocka_unit_test(main_ram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
