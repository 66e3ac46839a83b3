// SPDX-License-Identifier: BSD-2-Clause
// Pages that somebody keeps when their memory is gone: here a pipe, as KVM would.
#include "tests/unit/unit.h"

#include "host/l0/l0_pages.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE  4096
#define PAGES 600 /* more than are read at once */
#define HELD  555

/* Memory of which every third page was touched is given back; a pipe of @fds holds one page of it,
 * if asked for. */
static void give_back(const int *fds)
{
	const size_t size = PAGES * PAGE;
	uint8_t *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct iovec page = {memory + HELD * PAGE, PAGE};
	struct l0_pages *pages;

	assert_true(memory != MAP_FAILED);
	madvise(memory, size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < PAGES; i += 3)
		memory[i * PAGE] = 1;
	if (fds)
		assert_int_equal(vmsplice(fds[1], &page, 1, 0), PAGE);
	pages = l0_pages_of(memory, size);
	munmap(memory, size);
	l0_pages_gone(pages);
}

static void held(void **state)
{
	struct page_names names = {0};
	struct oracle_report report = {0};
	int fds[2];

	(void)state;
	if (access("/proc/kpageflags", R_OK))
		skip(); /* who is not root is told nothing */
	assert_int_equal(pipe(fds), 0);
	page_names_add(&names, "virtual-APIC page", HELD * PAGE, 1);
	give_back(NULL);
	l0_pages_read(&report, &names);
	assert_int_equal(report.findings, 0);
	give_back(fds);
	l0_pages_read(&report, &names);
	assert_int_equal(report.findings, 1);
	assert_string_equal(report.finding[0].oracle, "leak");
	assert_string_equal(report.finding[0].field, "page 0x22b000");
	assert_contains(report.finding[0].text, "virtual-APIC page: ");
	l0_pages_read(&report, NULL); /* each is told once */
	assert_int_equal(report.findings, 1);
	give_back(fds);
	l0_pages_read(&report, NULL);
	assert_int_equal(report.findings, 2);
	assert_contains(report.finding[1].text, "of the guest: ");
	page_names_free(&names);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(held)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
