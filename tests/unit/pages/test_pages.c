// SPDX-License-Identifier: BSD-2-Clause
// Pages that arrive late: real faults of threads, most of them in the kernel as KVM's are, in each
// mode; and names of pages.
#include "tests/unit/unit.h"

#include "host/pages/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE	 4096
#define PAGES	 32
#define SIZE	 (PAGES * PAGE)
#define LIMIT_NS (2000 * NS_PER_MS) /* for what should come at once */

/* ---- a thread that touches one page ------------------------------------------------------- */

enum how { BY_READ, BY_WRITE, BY_LOAD };

struct toucher {
	pthread_t thread;
	unsigned page;
	enum how how;
	atomic_int tid;
	atomic_bool done;
	int error; /* errno of the system call */
	uint8_t seen;
};

static char *memory;
static struct pages *pages;
static struct page_names names;
static atomic_bool no_source;
static struct fetch *list;
static unsigned count;
static struct toucher toucher[PAGES];
static unsigned touchers;

static bool old_kernel; /* one without UFFDIO_POISON */

/* Stands before libc's. */
int ioctl(int fd, unsigned long request, ...)
{
	struct uffdio_register *reg;
	va_list args;
	int ret;

	va_start(args, request);
	reg = va_arg(args, void *);
	va_end(args);
	ret = (int)syscall(SYS_ioctl, fd, request, reg);
	if (!ret && old_kernel && request == UFFDIO_REGISTER)
		reg->ioctls &= ~(1ull << 8);
	return ret;
}

/* The kernel reads the page: write(2) into a pipe. */
static int kernel_read(const char *p, uint8_t *seen)
{
	int fds[2], error = 0;

	if (pipe(fds))
		return errno;
	if (write(fds[1], p, 1) != 1 || read(fds[0], seen, 1) != 1)
		error = errno;
	close(fds[0]);
	close(fds[1]);
	return error;
}

#define WRITTEN 64 /* where kernel_write() writes: not what others read */

/* The kernel writes a zero. */
static int kernel_write(char *p)
{
	int fd = open("/dev/zero", O_RDONLY), error = 0;

	if (read(fd, p + WRITTEN, 1) != 1)
		error = errno;
	close(fd);
	return error;
}

static void *touch(void *arg)
{
	struct toucher *t = arg;
	char *p = memory + (size_t)t->page * PAGE;

	t->tid = gettid();
	if (t->how == BY_READ)
		t->error = kernel_read(p, &t->seen);
	else if (t->how == BY_WRITE)
		t->error = kernel_write(p);
	else
		t->seen = *(volatile uint8_t *)p;
	t->done = true;
	return NULL;
}

static struct toucher *start(unsigned page, enum how how)
{
	struct toucher *t = &toucher[touchers++];

	t->page = page;
	t->how = how;
	assert_int_equal(pthread_create(&t->thread, NULL, touch, t), 0);
	return t;
}

static void join(struct toucher *t)
{
	pthread_join(t->thread, NULL);
	t->thread = 0;
}

static void nap_for(int64_t us)
{
	struct timespec ts = {.tv_nsec = us * NS_PER_US};

	nanosleep(&ts, NULL);
}

static void nap(void)
{
	nap_for(200);
}

static void get_list(void)
{
	free(list);
	count = pages_fetches(pages, &list);
}

/* Until @n requests are recorded. */
static void wait_requests(unsigned n)
{
	int64_t until = now_ns() + LIMIT_NS;

	do {
		assert_true(now_ns() < until);
		nap();
		get_list();
	} while (count < n);
	assert_int_equal(count, n);
}

/* ---- setup -------------------------------------------------------------------------------- */

static uint8_t byte_of(uint64_t gpa)
{
	return (uint8_t)(gpa / PAGE + 100);
}

/* One buffer for all pages, as a source that reads them from a file has. */
static const void *source(void *arg, uint64_t gpa)
{
	static uint8_t page[PAGE] __attribute__((aligned(PAGE)));

	if (no_source || arg != &names)
		return NULL;
	memset(page, byte_of(gpa), sizeof(page));
	return page;
}

static void begin(struct pages_config config)
{
	struct err e = {0};

	config.seed = 7;
	pages = pages_start(&config, memory, SIZE, &names, source, &names, &e);
	if (!pages)
		fail_msg("%s", e.text);
}

static void stop(void)
{
	pages_stop(pages);
	pages = NULL;
}

static int setup(void **state)
{
	(void)state;
	no_source = false;
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	page_names_add(&names, "virtual-APIC page", 1 * PAGE, 1);
	page_names_add(&names, "L2 image", 8 * PAGE, 8);
	page_names_add(&names, "shadow VMCS", 4 * PAGE, 1);
	return memory == MAP_FAILED;
}

static int teardown(void **state)
{
	(void)state;
	if (pages)
		pages_stop(pages);
	pages = NULL;
	for (unsigned i = 0; i < touchers; i++)
		if (toucher[i].thread)
			pthread_join(toucher[i].thread, NULL);
	memset(toucher, 0, sizeof(toucher));
	touchers = 0;
	page_names_free(&names);
	free(list);
	list = NULL;
	munmap(memory, SIZE);
	return 0;
}

static void need_userfaultfd(void)
{
	const char *why = pages_unavailable();

	if (!why)
		return;
	print_message("# NOTE %s\n", why);
	skip();
}

/* All of memory is the source's, but for bytes at @except. */
static void expect_complete(int except)
{
	for (int page = 0; page < PAGES; page++)
		for (int at = 0; at < PAGE && page != except; at++)
			assert_int_equal((uint8_t)memory[page * PAGE + at],
					 byte_of((uint64_t)page * PAGE));
}

/* ---- faults ------------------------------------------------------------------------------- */

static void eager(void **state)
{
	struct fetch f;

	(void)state;
	begin((struct pages_config){.mode = PAGES_EAGER});
	expect_complete(-1);
	pages_phase(pages, "KVM_RUN 1");
	pages_vcpu_thread(pages, gettid());
	pages_release(pages);
	assert_false(pages_waiting(pages, &f));
	get_list();
	assert_int_equal(count, 0);
	stop();
}

/* Who, what, when and how. */
static void remote(void **state)
{
	struct toucher *t;
	struct fetch f;

	(void)state;
	need_userfaultfd();
	begin((struct pages_config){.mode = PAGES_REMOTE});
	t = start(1, BY_READ);
	join(t);
	assert_int_equal(t->error, 0);
	assert_int_equal(t->seen, byte_of(PAGE));
	pages_phase(pages, "KVM_SET_NESTED_STATE");
	pages_vcpu_thread(pages, gettid());
	assert_int_equal(kernel_write(memory + 9 * PAGE), 0);
	pages_phase(pages, "KVM_RUN 1");
	assert_int_equal(memory[20 * PAGE], byte_of(20 * PAGE));
	assert_int_equal(memory[20 * PAGE + 1], byte_of(20 * PAGE)); /* there: no request */
	assert_false(pages_waiting(pages, &f));
	get_list();
	assert_int_equal(count, 3);

	assert_int_equal(list[0].order, 1);
	assert_string_equal(list[0].phase, "before restore");
	assert_string_equal(list[0].name, "virtual-APIC page");
	assert_int_equal(list[0].gpa, PAGE);
	assert_int_equal(list[0].tid, t->tid);
	assert_false(list[0].vcpu);
	assert_false(list[0].write);

	assert_int_equal(list[1].order, 2);
	assert_string_equal(list[1].phase, "KVM_SET_NESTED_STATE");
	assert_string_equal(list[1].name, "L2 image");
	assert_int_equal(list[1].gpa, 9 * PAGE);
	assert_int_equal(list[1].tid, gettid());
	assert_true(list[1].vcpu);
	assert_true(list[1].write);

	assert_string_equal(list[2].phase, "KVM_RUN 1");
	assert_string_equal(list[2].name, "other");
	assert_true(list[2].vcpu);
	for (unsigned i = 0; i < count; i++) {
		assert_false(list[i].too_early || list[i].lost);
		assert_true(list[i].waited_ns >= 0);
		assert_true(list[i].zero_ns > 0);
		assert_true(list[i].zero_ns + list[i].asked_ns + list[i].waited_ns <= now_ns());
		assert_true(!i || list[i].asked_ns >= list[i - 1].asked_ns);
		/* Not everybody may read stacks. */
		if (*list[i].via)
			assert_string_equal(list[i].via, "outside KVM");
	}
	stop();
	expect_complete(9);
}

/* What KVM_RUN was left for is brought by its thread, the rest is waited for. */
static void left_for(void **state)
{
	struct toucher *t;

	(void)state;
	need_userfaultfd();
	begin((struct pages_config){.mode = PAGES_EXIT});
	pages_phase(pages, "KVM_RUN 1");
	pages_vcpu_thread(pages, gettid());
	assert_true(pages_fetch(pages, PAGE));
	assert_int_equal(memory[PAGE], byte_of(PAGE));
	assert_true(pages_fetch(pages, PAGE)); /* there already */
	assert_false(pages_fetch(pages, SIZE));
	t = start(2, BY_READ);
	join(t);
	assert_int_equal(t->seen, byte_of(2 * PAGE));
	no_source = true;
	assert_false(pages_fetch(pages, 3 * PAGE));
	no_source = false;
	get_list();
	assert_int_equal(count, 3);
	assert_string_equal(list[0].via, "KVM_EXIT_MEMORY_FAULT");
	assert_string_equal(list[0].name, "virtual-APIC page");
	assert_string_equal(list[0].phase, "KVM_RUN 1");
	assert_true(list[0].vcpu && list[0].waited_ns >= 0);
	assert_string_not_equal(list[1].via, "KVM_EXIT_MEMORY_FAULT");
	assert_int_equal(list[2].waited_ns, -1);
	stop();
	expect_complete(3);
}

/* A page of an early phase stays away until the gate opens. */
static void late(void **state)
{
	struct toucher *early, *in_time;
	struct fetch f;

	(void)state;
	need_userfaultfd();
	begin((struct pages_config){
		.mode = PAGES_LATE, .late = "KVM_RUN 1", .grace_ns = 60000 * NS_PER_MS});
	pages_phase(pages, "KVM_SET_NESTED_STATE");
	early = start(4, BY_READ);
	wait_requests(1);
	assert_false(early->done);
	assert_true(pages_waiting(pages, &f));
	assert_string_equal(f.name, "shadow VMCS");
	assert_string_equal(f.phase, "KVM_SET_NESTED_STATE");
	assert_true(f.too_early);
	assert_true(f.waited_ns >= 0);
	assert_int_equal(list[0].waited_ns, -1);
	pages_phase(pages, "KVM_SET_REGS");
	assert_false(early->done);
	pages_phase(pages, "KVM_RUN 1");
	join(early);
	assert_int_equal(early->seen, byte_of(4 * PAGE));
	in_time = start(5, BY_LOAD);
	join(in_time);
	pages_phase(pages, "KVM_RUN 2"); /* the gate stays open */
	in_time = start(6, BY_WRITE);
	join(in_time);
	assert_false(pages_waiting(pages, &f));
	wait_requests(3);
	assert_string_equal(list[0].phase, "KVM_SET_NESTED_STATE");
	assert_true(list[0].too_early);
	assert_true(list[0].waited_ns >= 0);
	assert_false(list[1].too_early || list[2].too_early);
}

/* The ioctl can end before the gate opens: its page comes after a grace time. */
static void late_grace(void **state)
{
	int64_t grace = 30 * NS_PER_MS;
	struct toucher *t;

	(void)state;
	need_userfaultfd();
	begin((struct pages_config){.mode = PAGES_LATE, .late = "KVM_RUN 1", .grace_ns = grace});
	pages_phase(pages, "KVM_SET_NESTED_STATE");
	t = start(4, BY_READ);
	join(t);
	assert_int_equal(t->seen, byte_of(4 * PAGE));
	wait_requests(1);
	assert_true(list[0].too_early);
	assert_false(list[0].lost);
	assert_true(list[0].waited_ns >= grace);
	assert_true(list[0].waited_ns < grace + LIMIT_NS);
}

static void delay(void **state)
{
	unsigned overtaken = 0;

	(void)state;
	need_userfaultfd();
	begin((struct pages_config){.mode = PAGES_DELAY, .delay_ns = 100 * NS_PER_MS});
	pages_phase(pages, "KVM_RUN 1");
	for (unsigned i = 0; i < 16; i++)
		start(i, i & 1 ? BY_READ : BY_LOAD);
	for (unsigned i = 0; i < 16; i++) {
		join(&toucher[i]);
		assert_int_equal(toucher[i].error, 0);
		assert_int_equal(toucher[i].seen, byte_of((uint64_t)i * PAGE));
	}
	wait_requests(16);
	for (unsigned i = 1; i < count; i++) {
		assert_true(list[i].waited_ns >= 0);
		overtaken += list[i].asked_ns + list[i].waited_ns <
			     list[i - 1].asked_ns + list[i - 1].waited_ns;
	}
	assert_true(overtaken > 0);
	stop();
	expect_complete(-1);
}

static sigjmp_buf escape;

static void on_sigbus(int sig)
{
	(void)sig;
	siglongjmp(escape, 1);
}

/* The vCPU's thread touches poison itself: a signal. False without one. */
static bool dies_at(unsigned page)
{
	struct sigaction action = {.sa_handler = on_sigbus}, before;
	volatile bool died = true;

	sigaction(SIGBUS, &action, &before);
	if (!sigsetjmp(escape, 1)) {
		(void)*(volatile char *)(memory + (size_t)page * PAGE);
		died = false;
	}
	sigaction(SIGBUS, &before, NULL);
	return died;
}

/* Poison where the kernel has it; else no answer until the release. */
static void lost(void **state)
{
	struct toucher *t, *other;
	struct fetch f;
	bool waits;

	(void)state;
	need_userfaultfd();
	begin((struct pages_config){.mode = PAGES_LOST, .lost = "virtual-APIC page"});
	pages_phase(pages, "KVM_RUN 1");
	other = start(8, BY_READ);
	join(other);
	assert_int_equal(other->error, 0);
	t = start(1, BY_READ);
	wait_requests(2);
	assert_true(list[1].lost);
	assert_false(list[0].lost);
	assert_int_equal(list[1].waited_ns, -1);
	for (int64_t until = now_ns() + 200 * NS_PER_MS; !t->done && now_ns() < until;)
		nap();
	waits = pages_waiting(pages, &f);
	if (waits) {
		print_message("[  NOTE    ] this kernel has no UFFDIO_POISON\n");
		assert_false(t->done);
		assert_true(f.lost);
		pages_release(pages);
		join(t);
		assert_int_equal(t->error, 0);
		assert_int_equal(t->seen, byte_of(PAGE));
	} else {
		join(t);
		assert_int_equal(t->error, EFAULT);
		assert_true(dies_at(1));
		assert_int_equal(kernel_write(memory + PAGE), EFAULT);
	}
	wait_requests(2); /* poison is no new request */
	assert_true(list[1].lost);
	assert_int_equal(list[1].waited_ns, -1);
	stop();
	expect_complete(waits ? -1 : 1);
	if (old_kernel)
		assert_true(waits);
}

/* There the page comes in the end, which could cure the guest: no flight is to be made. */
static void lost_on_an_old_kernel(void **state)
{
	need_userfaultfd();
	old_kernel = true;
	assert_non_null(strstr(pages_cannot_lose(), "(UFFDIO_POISON): it needs Linux 6.6"));
	lost(state);
	old_kernel = false;
}

/* A lost page that nobody asked for is there in the end. */
static void lost_unasked(void **state)
{
	(void)state;
	need_userfaultfd();
	begin((struct pages_config){.mode = PAGES_LOST, .lost = "L2 image"});
	stop();
	expect_complete(-1);
}

/* A source that has nothing (the other host is gone) is as good as a lost page. */
static void source_fails(void **state)
{
	struct toucher *t;

	(void)state;
	need_userfaultfd();
	begin((struct pages_config){.mode = PAGES_REMOTE});
	no_source = true;
	t = start(3, BY_READ);
	wait_requests(1);
	stop();
	join(t); /* blocked no more, one way or the other */
	assert_true(t->error == EFAULT || t->seen == 0);
}

static void two_threads(void **state)
{
	struct toucher *a, *b;
	struct fetch f;

	(void)state;
	need_userfaultfd();
	begin((struct pages_config){
		.mode = PAGES_LATE, .late = "KVM_RUN 1", .grace_ns = 60000 * NS_PER_MS});
	a = start(4, BY_READ);
	wait_requests(1);
	b = start(4, BY_WRITE);
	pages_vcpu_thread(pages, -1);
	wait_requests(2);
	assert_true(pages_waiting(pages, &f));
	assert_int_equal(f.tid, a->tid);
	pages_phase(pages, "KVM_RUN 1");
	join(a);
	join(b);
	wait_requests(2);
	assert_int_equal(list[0].tid, a->tid);
	assert_int_equal(list[1].tid, b->tid);
	assert_false(list[0].write);
	assert_true(list[1].write);
	assert_int_equal(list[0].gpa, list[1].gpa);
	assert_true(list[0].waited_ns >= 0 && list[1].waited_ns >= 0);
	assert_int_equal(a->seen, byte_of(4 * PAGE));
	assert_int_equal(memory[4 * PAGE + WRITTEN], 0);
}

static void on_signal(int sig)
{
	(void)sig;
}

/* A signal takes a thread out of its wait, as it does KVM_RUN; the page is then asked for anew. */
static void asked_again(void **state)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before;
	struct toucher *t;

	(void)state;
	need_userfaultfd();
	sigaction(SIGUSR1, &action, &before);
	begin((struct pages_config){
		.mode = PAGES_LATE, .late = "x", .grace_ns = 60000 * NS_PER_MS});
	pages_phase(pages, "KVM_RUN 1");
	t = start(4, BY_LOAD);
	wait_requests(1);
	pthread_kill(t->thread, SIGUSR1);
	pages_phase(pages, "KVM_RUN 2");
	pthread_kill(t->thread, SIGUSR1);
	wait_requests(2);
	pthread_kill(t->thread, SIGUSR1); /* the same request again */
	nap_for(50000);			  /* until it is read: nothing shows that */
	pages_phase(pages, "x");
	join(t);
	assert_int_equal(t->seen, byte_of(4 * PAGE));
	sigaction(SIGUSR1, &before, NULL);
	get_list();
	assert_int_equal(count, 2);
	assert_string_equal(list[0].phase, "KVM_RUN 1");
	assert_string_equal(list[1].phase, "KVM_RUN 2");
	assert_int_equal(list[0].tid, list[1].tid);
	assert_true(list[0].waited_ns > list[1].waited_ns);
}

/* Many threads at few pages: whatever the order of events, nobody is left blocked. */
static void crowd(void **state)
{
	(void)state;
	need_userfaultfd();
	begin((struct pages_config){.mode = PAGES_REMOTE});
	for (unsigned i = 0; i < PAGES; i++)
		start(i % 3, i & 1 ? BY_READ : BY_LOAD);
	for (unsigned i = 0; i < PAGES; i++) {
		join(&toucher[i]);
		assert_int_equal(toucher[i].seen, byte_of((uint64_t)(i % 3) * PAGE));
	}
	get_list();
	assert_in_range(count, 3, PAGES);
	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < i; k++)
			assert_true(list[i].gpa != list[k].gpa || list[i].tid != list[k].tid);
}

static void release(void **state)
{
	struct toucher *t;

	(void)state;
	need_userfaultfd();
	begin((struct pages_config){.mode = PAGES_LATE, .late = "x", .grace_ns = INT64_MAX / 2});
	t = start(4, BY_READ);
	wait_requests(1);
	pages_release(pages);
	join(t);
	assert_int_equal(t->seen, byte_of(4 * PAGE));
	t = start(5, BY_READ); /* served at once, and early all the same */
	join(t);
	wait_requests(2);
	assert_true(list[0].too_early && list[1].too_early);
	assert_true(list[1].waited_ns >= 0);
}

static void stop_while_waiting(void **state)
{
	static const struct pages_config configs[] = {
		{.mode = PAGES_LATE, .late = "KVM_RUN 1", .grace_ns = 60000 * NS_PER_MS},
		{.mode = PAGES_DELAY, .delay_ns = 3600000 * NS_PER_MS},
	};

	(void)state;
	need_userfaultfd();
	for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
		touchers = 0;
		begin(configs[i]);
		for (unsigned page = 0; page < 4; page++)
			start(page, page & 1 ? BY_LOAD : BY_READ);
		wait_requests(4);
		stop();
		for (unsigned page = 0; page < 4; page++) {
			join(&toucher[page]);
			assert_int_equal(toucher[page].seen, byte_of((uint64_t)page * PAGE));
		}
		expect_complete(-1);
		madvise(memory, SIZE, MADV_DONTNEED);
	}
}

static void expect_refused(const struct pages_config *config, void *at, uint64_t size,
			   const char *why)
{
	struct err e = {""};

	assert_null(pages_start(config, at, size, &names, source, &names, &e));
	assert_contains(e.text, why);
}

static void refused(void **state)
{
	struct pages_config config = {.mode = PAGES_LATE};

	(void)state;
	expect_refused(&config, memory, SIZE, "no phase is given");
	config.mode = PAGES_LOST;
	expect_refused(&config, memory, SIZE, "no page is given");
	config.mode = PAGES_REMOTE;
	expect_refused(&config, memory + 8, SIZE, "whole pages");
	expect_refused(&config, memory, 100, "whole pages");
	expect_refused(&config, memory, 0, "whole pages");
	config.mode = PAGES_EAGER;
	no_source = true;
	expect_refused(&config, memory, SIZE, "page at 0x0 cannot be had");
	need_userfaultfd();
	config.mode = PAGES_REMOTE;
	munmap(memory, PAGE);
	expect_refused(&config, memory, PAGE, "does not take the guest's memory");
	assert_ptr_equal(mmap(memory, PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
			 memory);
}

/* ---- names -------------------------------------------------------------------------------- */

static void find_names(void **state)
{
	char *longest = xasprintf("%070d", 0);
	struct page_names n = {0};

	(void)state;
	assert_string_equal(page_names_find(&n, 0), "other");
	page_names_add(&n, "L2 image", 0x10000, 16);
	page_names_add(&n, "MSR bitmap", 0x12000, 1);
	page_names_add(&n, "posted-interrupt descriptor", 0x30040, 1);
	page_names_add(&n, "nothing", 0x11000, 0);
	page_names_add(&n, "the rest", 0xfffffffffffff000, 16);
	page_names_add(&n, longest, 0x50000, 1);
	assert_string_equal(page_names_find(&n, 0xffff), "other");
	assert_string_equal(page_names_find(&n, 0x10000), "L2 image");
	assert_string_equal(page_names_find(&n, 0x11fff), "L2 image");
	assert_string_equal(page_names_find(&n, 0x12000), "MSR bitmap");
	assert_string_equal(page_names_find(&n, 0x13000), "L2 image");
	assert_string_equal(page_names_find(&n, 0x1ffff), "L2 image");
	assert_string_equal(page_names_find(&n, 0x20000), "other");
	assert_string_equal(page_names_find(&n, 0x30000), "posted-interrupt descriptor");
	assert_string_equal(page_names_find(&n, UINT64_MAX), "the rest");
	assert_string_equal(page_names_find(&n, 0), "other");
	assert_int_equal(strlen(page_names_find(&n, 0x50000)), 63);
	page_names_add(&n, "PML page", 0x12000, 1);
	assert_string_equal(page_names_find(&n, 0x12000), "PML page");
	page_names_free(&n);
	assert_int_equal(n.count, 0);
	free(longest);
}

static void vmcs12_names(void **state)
{
	static const char *const yes[] = {"virtual-APIC page",
					  "posted-interrupt descriptor",
					  "VMCS",
					  "VM-exit MSR-store area",
					  "EPTP list",
					  "shadow VMCS"};
	static const char *const no[] = {"EPT table", "L2 image",	"L2 stack", "L2 data",
					 "other",     "L2 page tables", "",	    "VMCS "};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		assert_true(page_name_is_vmcs12(yes[i]));
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		assert_false(page_name_is_vmcs12(no[i]));
}

#define WITH_MEMORY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MEMORY(eager),
		WITH_MEMORY(remote),
		WITH_MEMORY(left_for),
		WITH_MEMORY(late),
		WITH_MEMORY(late_grace),
		WITH_MEMORY(delay),
		WITH_MEMORY(lost),
		WITH_MEMORY(lost_on_an_old_kernel),
		WITH_MEMORY(lost_unasked),
		WITH_MEMORY(source_fails),
		WITH_MEMORY(two_threads),
		WITH_MEMORY(asked_again),
		WITH_MEMORY(crowd),
		WITH_MEMORY(release),
		WITH_MEMORY(stop_while_waiting),
		WITH_MEMORY(refused),
		cmocka_unit_test(find_names),
		cmocka_unit_test(vmcs12_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
