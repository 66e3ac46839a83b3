// SPDX-License-Identifier: BSD-2-Clause
// Asks the lab's emulator which instructions ran for the first time
// (lab/bochs/0028-record-of-executed-code.patch), and counts KVM's.
#include "host/lab/ran.h"
#include "host/base/cleanup.h"
#include "host/lab/lab.h"

#include <stdlib.h>
#include <string.h>

#define CONTROL_PORT 0x8904 /* the emulator's, read as 32 bits */
#define NO_MORE	     0
#define NO_RECORD    UINT32_MAX

#ifdef __x86_64__
#include <sys/io.h>

static bool may_ask(void)
{
	return ioperm(CONTROL_PORT, sizeof(uint32_t), 1) == 0;
}

static uint32_t ask(void)
{
	return inl(CONTROL_PORT);
}
#else
static bool may_ask(void)
{
	return false;
}

static uint32_t ask(void)
{
	return NO_RECORD;
}
#endif

unsigned ran_areas(const char *modules, struct ran_area area[RAN_AREAS])
{
	struct ran_area all[256];
	bool kvm[ARRAY_SIZE(all)];
	unsigned count = 0, areas = 0;

	for (const char *line = modules; *line;
	     line += strcspn(line, "\n"), line += *line == '\n') {
		char name[64];
		unsigned size;
		unsigned long long start;

		if (count == ARRAY_SIZE(all) ||
		    sscanf(line, "%63s %u %*s %*s %*s %llx", name, &size, &start) != 3 || !start)
			return 0;
		all[count] = (struct ran_area){(uint32_t)start, (uint32_t)start + size};
		kvm[count++] = !strcmp(name, "kvm") || !strcmp(name, "kvm_intel");
	}
	for (unsigned i = 0; i < count; i++) {
		if (!kvm[i] || areas == RAN_AREAS)
			continue;
		area[areas] = all[i];
		/* The size is that of code and data, which need not lie together. */
		for (unsigned n = 0; n < count; n++)
			if (all[n].start > all[i].start && all[n].start < area[areas].end)
				area[areas].end = all[n].start;
		areas++;
	}
	return areas;
}

long lab_ran_new(void)
{
	static struct ran_area area[RAN_AREAS];
	static unsigned areas;
	static bool begun;
	uint32_t address;
	long count = 0;

	if (!begun && getenv(LAB_ENV)) { /* elsewhere that port may be anything */
		auto_buf struct buf modules = {0};
		struct err e;

		if (may_ask() && !read_file("/proc", "modules", &modules, &e))
			areas = ran_areas(buf_text(&modules), area);
	}
	begun = true;
	while (areas && (address = ask()) != NO_MORE) {
		if (address == NO_RECORD)
			areas = 0;
		for (unsigned i = 0; i < areas; i++)
			count += address >= area[i].start && address < area[i].end;
	}
	return areas ? count : -1;
}
