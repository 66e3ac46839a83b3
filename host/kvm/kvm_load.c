// SPDX-License-Identifier: BSD-2-Clause
// Loads a multiboot image, as GRUB and QEMU do: by its header's address fields, or else as an ELF
// file; and tells the guest of its memory, command line and module.
#include "host/kvm/kvm_vm.h"
#include "host/base/cleanup.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

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
	int fd;
	size_t len;
	uint32_t entry;
	uint64_t end; /* of what was loaded, in guest memory */
	struct err *err;
};

/* The file's @size bytes from @from, which it has; false if it became shorter meanwhile. */
static bool copy_from(const struct loading *l, uint64_t from, void *to, uint64_t size)
{
	return pread(l->fd, to, size, (off_t)from) == (ssize_t)size;
}

/* The header's place in the file, or -1. */
static long find_header(const struct loading *l, struct multiboot_header *h)
{
	uint8_t head[MULTIBOOT_SEARCH + sizeof(*h)] = {0};
	const size_t len = l->len < sizeof(head) ? l->len : sizeof(head);

	if (!copy_from(l, 0, head, len))
		return -1;
	for (size_t at = 0; at + 12 <= len && at < MULTIBOOT_SEARCH; at += 4) {
		memcpy(h, head + at, sizeof(*h));
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
	if (!copy_from(l, from, l->vm->memory + to, size))
		return err_set(l->err, "cannot read %s: %s", l->image, strerror(errno));
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
		if (l->len < sizeof(h) || !copy_from(l, 0, &h, sizeof(h)))                    \
			return err_set(l->err, "%s is cut off", l->image);                    \
		if (h.e_phentsize != sizeof(p) || h.e_phoff > l->len ||                       \
		    (l->len - h.e_phoff) / sizeof(p) < h.e_phnum)                             \
			return err_set(l->err, "%s: its headers do not agree with the file",  \
				       l->image);                                             \
		for (unsigned i = 0; !ret && i < h.e_phnum; i++) {                            \
			if (!copy_from(l, h.e_phoff + i * sizeof(p), &p, sizeof(p)))          \
				return err_set(l->err, "%s is cut off", l->image);            \
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
	long at = find_header(l, &h);
	uint8_t ident[EI_NIDENT];

	if (at < 0)
		return err_set(l->err,
			       "%s is no multiboot image, which driver kvm needs (a kernel, ISO or "
			       "disk starts with --driver qemu)",
			       l->image);
	if (h.flags & MULTIBOOT_ADDRESS)
		return place_by_addresses(l, &h, at);
	if (!copy_from(l, 0, ident, sizeof(ident)) || memcmp(ident, ELFMAG, SELFMAG))
		return err_set(l->err, "%s has no addresses in its multiboot header, and is no ELF",
			       l->image);
	return ident[EI_CLASS] == ELFCLASS64 ? place_elf64(l) : place_elf32(l);
}

/* Opens what @l is to load; the caller closes l->fd. */
static int open_image(struct loading *l)
{
	struct stat st;

	l->fd = open(l->image, O_RDONLY | O_CLOEXEC);
	if (l->fd < 0 || fstat(l->fd, &st))
		return err_set(l->err, "cannot read %s: %s", l->image, strerror(errno));
	if (!S_ISREG(st.st_mode) || !st.st_size || st.st_size > FILE_MAX)
		return err_set(l->err, "cannot read %s: no file of a size that makes sense",
			       l->image);
	l->len = (size_t)st.st_size;
	return 0;
}

/* The module goes to the next page behind the image, where QEMU puts it. */
static int place_module(struct loading *l, const char *path, struct multiboot_info *info)
{
	const uint64_t to = (l->end + SNAPSHOT_PAGE - 1) / SNAPSHOT_PAGE * SNAPSHOT_PAGE;
	struct loading module = {.vm = l->vm, .image = path, .fd = -1, .err = l->err};
	int ret = open_image(&module) ?: place(&module, 0, module.len, to, module.len);

	close_fd(&module.fd);
	if (ret)
		return ret;
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
	struct loading l = {.vm = vm, .image = image, .fd = -1, .err = e};
	int ret;

	if (strlen(cmdline) >= CMDLINE_MAX)
		return err_set(e, "the guest's command line is too long");
	ret = open_image(&l) ?: place_image(&l);
	close_fd(&l.fd);
	if (ret || (module && place_module(&l, module, &info)))
		return -1;
	memcpy(vm->memory + INFO_ADDRESS, &info, sizeof(info));
	memcpy(vm->memory + CMDLINE_ADDRESS, cmdline, strlen(cmdline) + 1);
	return enter_protected_mode(vm, l.entry, e);
}
