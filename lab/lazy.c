/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lazy FILE...: has the dynamic loader look functions of other libraries up when they are first
 * called, and not all of them at each start. In Debian's binaries DF_BIND_NOW and DF_1_NOW (gABI,
 * "Dynamic Section") ask for the latter; with them the table of addresses becomes read-only
 * (PT_GNU_RELRO), which now must stay writable. Code and data remain as they are.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Is [offset, offset + size) inside a file of length bytes? */
static int inside(Elf64_Off offset, Elf64_Xword size, size_t length)
{
	return offset <= length && size <= length - offset;
}

static int make_lazy(unsigned char *image, size_t length)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)image;
	Elf64_Phdr *part, *end;

	if (length < sizeof(*header) || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
	    header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_phentsize != sizeof(*part) ||
	    !inside(header->e_phoff, header->e_phnum * sizeof(*part), length))
		return -1;
	part = (Elf64_Phdr *)(image + header->e_phoff);
	for (end = part + header->e_phnum; part < end; part++) {
		Elf64_Dyn *dynamic = (Elf64_Dyn *)(image + part->p_offset);
		size_t i;

		if (part->p_type == PT_GNU_RELRO)
			part->p_type = PT_NULL;
		if (part->p_type != PT_DYNAMIC)
			continue;
		if (!inside(part->p_offset, part->p_filesz, length))
			return -1;
		for (i = 0; i < part->p_filesz / sizeof(*dynamic); i++) {
			if (dynamic[i].d_tag == DT_FLAGS)
				dynamic[i].d_un.d_val &= ~(Elf64_Xword)DF_BIND_NOW;
			if (dynamic[i].d_tag == DT_FLAGS_1)
				dynamic[i].d_un.d_val &= ~(Elf64_Xword)DF_1_NOW;
		}
	}
	return 0;
}

static int change(const char *name)
{
	struct stat status;
	void *image;
	int fd = open(name, O_RDWR), result;

	if (fd < 0 || fstat(fd, &status) != 0) {
		perror(name);
		return 1;
	}
	image = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (image == MAP_FAILED) {
		perror(name);
		return 1;
	}
	result = make_lazy(image, (size_t)status.st_size);
	munmap(image, (size_t)status.st_size);
	if (result != 0)
		fprintf(stderr, "%s: not an ELF file of 64 bits\n", name);
	return result != 0;
}

int main(int argc, char **argv)
{
	int i, failed = 0;

	for (i = 1; i < argc; i++)
		failed |= change(argv[i]);
	return failed;
}
