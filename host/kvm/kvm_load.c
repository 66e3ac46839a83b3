// SPDX-License-Identifier: BSD-2-Clause
// Loads a multiboot image, as GRUB and QEMU do: by its header's address fields, or else as an ELF
// file; and tells the guest of its memory, command line and module.
#include "host/kvm/kvm_vm.h"
#include "host/base/cleanup.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define FILE_MAX (64u << 20)
#define MIB	 (1u << 20)

/* Below 640 KB, above the first pages, which guests use for their CPUs' real mode. */
#define INFO_ADDRESS	0x9000
#define CMDLINE_ADDRESS 0xa000
#define CMDLINE_MAX	4096
#define LOW_END		0x9fc00 /* of the memory below 1 MB */

/* The multiboot specification, "The layout of Multiboot header". */
struct multiboot_header {
	uint32_t magic, flags, checksum;
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};
#define MULTIBOOT_MAGIC	  0x1badb002
#define MULTIBOOT_BOOTED  0x2badb002
#define MULTIBOOT_SEARCH  8192
#define MULTIBOOT_ADDRESS (1u << 16) /* the address fields count */

/* "Boot information format", as far as it is told. */
#define INFO_MEMORY  (1u << 0)
#define INFO_LINE    (1u << 2)
#define INFO_MODULES (1u << 3)
#define INFO_MAP     (1u << 6)
#define INFO_NAME    (1u << 9)
#define MAP_RAM	     1

struct multiboot_map {
	uint32_t size; /* of what follows */
	uint64_t base, length;
	uint32_t type;
} __attribute__((packed));

struct multiboot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr, drives[2], config_table, boot_loader_name;
	struct {
		uint32_t start, end, string, reserved;
	} module;
	struct multiboot_map map[2];
	char name[12];
} __attribute__((packed));

struct loading {
	struct kvm_vm *vm;
	const char *image;
	const uint8_t *file;
	size_t len;
	uint32_t entry;
	uint64_t end; /* of what was loaded, in guest memory */
	struct err *err;
};

/* The header's place in the file, or -1. */
static long find_header(const uint8_t *file, size_t len, struct multiboot_header *h)
{
	for (size_t at = 0; at + 12 <= len && at < MULTIBOOT_SEARCH; at += 4) {
		memset(h, 0, sizeof(*h));
		memcpy(h, file + at, len - at < sizeof(*h) ? len - at : sizeof(*h));
		if (h->magic == MULTIBOOT_MAGIC && !(h->magic + h->flags + h->checksum))
			return (long)at;
	}
	return -1;
}

/* @size bytes of the file from @from, and zeros up to @room, to guest-physical @to. */
static int place(struct loading *l, uint64_t from, uint64_t size, uint64_t to, uint64_t room)
{
	if (from > l->len || size > l->len - from || room < size)
		return err_set(l->err, "%s: its headers do not agree with the file", l->image);
	if (to + room > l->vm->memory_size || to + room < to)
		return err_set(l->err,
			       "%s needs memory up to 0x%llx, the VM has %llu MB: --memory gives "
			       "it more",
			       l->image, (unsigned long long)(to + room),
			       (unsigned long long)(l->vm->memory_size / MIB));
	memcpy(l->vm->memory + to, l->file + from, size);
	if (to + room > l->end)
		l->end = to + room;
	return 0;
}

static int place_by_addresses(struct loading *l, const struct multiboot_header *h, long at)
{
	const uint64_t before = h->header_addr - (uint64_t)h->load_addr;
	uint64_t size = h->load_end_addr - (uint64_t)h->load_addr;

	if (h->header_addr < h->load_addr || before > (uint64_t)at)
		return err_set(l->err, "%s: its multiboot header does not agree with the file",
			       l->image);
	if (!h->load_end_addr) /* all of the file */
		size = l->len - ((uint64_t)at - before);
	else if (h->load_end_addr <= h->load_addr)
		return err_set(l->err, "%s: its multiboot header does not agree with the file",
			       l->image);
	l->entry = h->entry_addr;
	return place(l, (uint64_t)at - before, size, h->load_addr,
		     h->bss_end_addr ? h->bss_end_addr - (uint64_t)h->load_addr : size);
}

/* Both classes have these members under the same names. */
#define PLACE_ELF(bits)                                                                       \
	static int place_elf##bits(struct loading *l)                                         \
	{                                                                                     \
		Elf##bits##_Ehdr h;                                                           \
		Elf##bits##_Phdr p;                                                           \
		int ret = 0;                                                                  \
                                                                                              \
		if (l->len < sizeof(h))                                                       \
			return err_set(l->err, "%s is cut off", l->image);                    \
		memcpy(&h, l->file, sizeof(h));                                               \
		if (h.e_phentsize != sizeof(p) || h.e_phoff > l->len ||                       \
		    (l->len - h.e_phoff) / sizeof(p) < h.e_phnum)                             \
			return err_set(l->err, "%s: its headers do not agree with the file",  \
				       l->image);                                             \
		for (unsigned i = 0; !ret && i < h.e_phnum; i++) {                            \
			memcpy(&p, l->file + h.e_phoff + i * sizeof(p), sizeof(p));           \
			if (p.p_type == PT_LOAD && p.p_memsz)                                 \
				ret = place(l, p.p_offset, p.p_filesz, p.p_paddr, p.p_memsz); \
		}                                                                             \
		l->entry = (uint32_t)h.e_entry;                                               \
		return ret;                                                                   \
	}
PLACE_ELF(32)
PLACE_ELF(64)

static int place_image(struct loading *l)
{
	struct multiboot_header h;
	long at = find_header(l->file, l->len, &h);
	const uint8_t *ident = l->file;

	if (at < 0)
		return err_set(l->err,
			       "%s is no multiboot image, which driver kvm needs (a kernel, ISO or "
			       "disk starts with --driver qemu)",
			       l->image);
	if (h.flags & MULTIBOOT_ADDRESS)
		return place_by_addresses(l, &h, at);
	if (l->len < EI_NIDENT || memcmp(ident, ELFMAG, SELFMAG))
		return err_set(l->err, "%s has no addresses in its multiboot header, and is no ELF",
			       l->image);
	return ident[EI_CLASS] == ELFCLASS64 ? place_elf64(l) : place_elf32(l);
}

/* The caller frees *@file, also if there is an error. */
static int read_image(const char *image, uint8_t **file, size_t *len, struct err *e)
{
	struct stat st;
	auto_fclose FILE *f = fopen(image, "re");

	if (!f || fstat(fileno(f), &st))
		return err_set(e, "cannot read %s: %s", image, strerror(errno));
	*len = st.st_size > 0 && st.st_size <= FILE_MAX ? (size_t)st.st_size : 0;
	*file = xcalloc(1, *len + 1);
	if (!*len || fread(*file, 1, *len, f) != *len)
		return err_set(e, "cannot read %s: no file of a size that makes sense", image);
	return 0;
}

/* The module goes to the next page behind the image, where QEMU puts it. */
static int place_module(struct loading *l, const char *path, struct multiboot_info *info)
{
	auto_free uint8_t *file = NULL;
	const uint64_t to = (l->end + SNAPSHOT_PAGE - 1) / SNAPSHOT_PAGE * SNAPSHOT_PAGE;
	struct loading module = {.vm = l->vm, .image = path, .err = l->err};

	if (read_image(path, &file, &module.len, l->err))
		return -1;
	module.file = file;
	if (place(&module, 0, module.len, to, module.len))
		return -1;
	info->flags |= INFO_MODULES;
	info->mods_count = 1;
	info->mods_addr = INFO_ADDRESS + offsetof(struct multiboot_info, module);
	info->module.start = (uint32_t)to;
	info->module.end = (uint32_t)(to + module.len);
	info->module.string = CMDLINE_ADDRESS;
	return 0;
}

/* Flat 32-bit protected mode, as the multiboot specification asks for. */
static int enter_protected_mode(struct kvm_vm *vm, uint32_t entry, struct err *e)
{
	struct kvm_segment code = {.limit = 0xffffffff,
				   .selector = 8,
				   .type = 0xb,
				   .present = 1,
				   .db = 1,
				   .s = 1,
				   .g = 1};
	struct kvm_segment data = code;
	struct kvm_sregs sregs;
	struct kvm_regs regs = {
		.rax = MULTIBOOT_BOOTED, .rbx = INFO_ADDRESS, .rip = entry, .rflags = 2};

	data.selector = 16;
	data.type = 3;
	if (ioctl(vm->fds.vcpu, KVM_GET_SREGS, &sregs))
		return err_errno(e, "KVM_GET_SREGS");
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 |= 1;
	if (ioctl(vm->fds.vcpu, KVM_SET_SREGS, &sregs))
		return err_errno(e, "KVM_SET_SREGS");
	return ioctl(vm->fds.vcpu, KVM_SET_REGS, &regs) ? err_errno(e, "KVM_SET_REGS") : 0;
}

int kvm_vm_load(struct kvm_vm *vm, const char *image, const char *cmdline, const char *module,
		struct err *e)
{
	struct multiboot_info info = {
		.flags = INFO_MEMORY | INFO_LINE | INFO_MAP | INFO_NAME,
		.mem_lower = LOW_END / 1024,
		.mem_upper = (uint32_t)((vm->memory_size - MIB) / 1024),
		.cmdline = CMDLINE_ADDRESS,
		.mmap_length = sizeof(info.map),
		.mmap_addr = INFO_ADDRESS + offsetof(struct multiboot_info, map),
		.boot_loader_name = INFO_ADDRESS + offsetof(struct multiboot_info, name),
		.map = {{sizeof(info.map[0]) - 4, 0, LOW_END, MAP_RAM},
			{sizeof(info.map[0]) - 4, MIB, vm->memory_size - MIB, MAP_RAM}},
		.name = "midflight",
	};
	auto_free uint8_t *file = NULL;
	struct loading l = {.vm = vm, .image = image, .err = e};

	if (strlen(cmdline) >= CMDLINE_MAX)
		return err_set(e, "the guest's command line is too long");
	if (read_image(image, &file, &l.len, e))
		return -1;
	l.file = file;
	if (place_image(&l) || (module && place_module(&l, module, &info)))
		return -1;
	memcpy(vm->memory + INFO_ADDRESS, &info, sizeof(info));
	memcpy(vm->memory + CMDLINE_ADDRESS, cmdline, strlen(cmdline) + 1);
	return enter_protected_mode(vm, l.entry, e);
}
