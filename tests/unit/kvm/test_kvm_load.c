// SPDX-License-Identifier: BSD-2-Clause
// Loading multiboot images: where they go, what the guest is told, and what is refused.
#include "tests/unit/unit.h"
#include "tests/unit/tree.h"
#include "host/kvm/kvm_vm.h"

#include <elf.h>

#define MIB   (1u << 20)
#define LOAD  0x100000
#define INFO  0x9000
#define MAGIC 0x1badb002u

struct image {
	uint8_t bytes[4096];
	size_t len;
};

static uint8_t memory[4 * MIB];
static char path[128], module[128];

/* Loads @i; there is no vCPU to be set, so that a good image fails there. */
static const char *load(const struct image *i, bool with_module)
{
	static struct err e;
	struct kvm_vm vm = {.fds = {-1, -1, -1}, .memory = memory, .memory_size = sizeof(memory)};

	memset(memory, 0, sizeof(memory));
	assert_int_equal(write_path(path, i->bytes, i->len, &e), 0);
	assert_int_equal(kvm_vm_load(&vm, path, "guest a=b", with_module ? module : NULL, &e), -1);
	return strstr(e.text, "KVM_GET_SREGS") ? NULL : e.text;
}

static void put_header(struct image *i, size_t at, uint32_t flags)
{
	const uint32_t header[] = {MAGIC, flags, 0u - MAGIC - flags};

	memcpy(i->bytes + at, header, sizeof(header));
}

/* An ELF of either class with one segment: 64 bytes of 0x5a at 256, and 64 zeros behind them. */
#define ELF_IMAGE(bits)                                                                       \
	static struct image elf##bits(void)                                                   \
	{                                                                                     \
		struct image i = {.len = 512};                                                \
		const Elf##bits##_Ehdr h = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS##bits}, \
					    .e_phoff = sizeof(h),                             \
					    .e_phentsize = sizeof(Elf##bits##_Phdr),          \
					    .e_phnum = 1,                                     \
					    .e_entry = LOAD};                                 \
		const Elf##bits##_Phdr p = {.p_type = PT_LOAD,                                \
					    .p_offset = 256,                                  \
					    .p_paddr = LOAD,                                  \
					    .p_filesz = 64,                                   \
					    .p_memsz = 128};                                  \
                                                                                              \
		memcpy(i.bytes, &h, sizeof(h));                                               \
		memcpy(i.bytes + sizeof(h), &p, sizeof(p));                                   \
		memset(i.bytes + 256, 0x5a, 64);                                              \
		put_header(&i, 400, 0);                                                       \
		return i;                                                                     \
	}
ELF_IMAGE(32)
ELF_IMAGE(64)

/* One that is no ELF: its header says where it goes. */
static struct image plain(void)
{
	struct image i = {.len = 512};
	const uint32_t addresses[] = {LOAD + 16, LOAD, LOAD + 256, LOAD + 1024, LOAD + 32};

	memset(i.bytes, 0x5a, 512);
	put_header(&i, 64, 1u << 16);
	memcpy(i.bytes + 76, addresses, sizeof(addresses));
	return i;
}

static uint32_t info(size_t at)
{
	uint32_t value;

	memcpy(&value, memory + INFO + at, sizeof(value));
	return value;
}

static void set_up(void)
{
	struct err e;

	tree_begin();
	snprintf(path, sizeof(path), "%s/image", tree_root);
	snprintf(module, sizeof(module), "%s/module", tree_root);
	assert_int_equal(write_path(module, "env=1", 6, &e), 0);
}

static void loads(void **state)
{
	struct image i[] = {elf32(), elf64(), plain()};

	(void)state;
	set_up();
	for (size_t n = 0; n < ARRAY_SIZE(i); n++) {
		assert_null(load(&i[n], true));
		assert_int_equal(memory[LOAD], 0x5a);
		assert_int_equal(memory[LOAD + (n < 2 ? 63 : 255)], 0x5a);
		assert_int_equal(memory[LOAD + (n < 2 ? 64 : 256)], 0);
		assert_int_equal(info(0), 1 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
		assert_int_equal(info(8), 3 * 1024);
		assert_string_equal(memory + info(16), "guest a=b");
		assert_int_equal(info(20), 1);
		/* The module is behind all that the image takes, at a page. */
		assert_string_equal(memory + LOAD + 4096, "env=1");
	}
	assert_null(load(&i[0], false));
	assert_int_equal(info(20), 0);
	tree_end();
}

static void refuses(void **state)
{
	struct image i = elf32();

	(void)state;
	set_up();
	put_header(&i, 400, 1);
	i.bytes[401]++;
	assert_contains(load(&i, false), "is no multiboot image");
	i = elf32();
	i.bytes[0] = 0;
	assert_contains(load(&i, false), "is no ELF");
	i = elf32();
	i.bytes[offsetof(Elf32_Ehdr, e_phnum)] = 200;
	assert_contains(load(&i, false), "do not agree with the file");
	i = elf32();
	i.bytes[sizeof(Elf32_Ehdr) + offsetof(Elf32_Phdr, p_paddr) + 3] = 0x10;
	assert_contains(load(&i, false), "needs memory up to 0x10100080, the VM has 4 MB");
	i = plain();
	i.bytes[64 + 12 + 3] = 0xff;
	assert_contains(load(&i, false), "does not agree with the file");
	i.len = 0;
	assert_contains(load(&i, false), "no file of a size that makes sense");
	tree_end();
}

/* Whatever an image says, nothing outside of it is read, or of guest memory written. */
static void mutated(void **state)
{
	const struct image good[] = {elf32(), elf64(), plain()};
	uint64_t seed = 3;

	(void)state;
	set_up();
	for (unsigned n = 0; n < 3000; n++) {
		struct image i = good[n % ARRAY_SIZE(good)];

		i.len = mutate(i.bytes, i.len, 16, &seed);
		load(&i, n % 2);
	}
	tree_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads),
		cmocka_unit_test(refuses),
		cmocka_unit_test(mutated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
