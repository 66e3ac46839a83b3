// SPDX-License-Identifier: BSD-2-Clause
// Pages that arrive late: real faults of threads, most of them in the kernel as KVM's are, in each
// mode; names; kernel stacks as text; and the report of made-up lists.
#include "tests/unit/unit.h"

#include "host/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
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
	struct err e;

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
		assert_true(!i || list[i].asked_ns >= list[i - 1].asked_ns);
		/* Not everybody may read stacks. */
		if (*list[i].via)
			assert_string_equal(list[i].via, "outside KVM");
	}
	stop();
	expect_complete(9);
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

/* ---- stacks ------------------------------------------------------------------------------- */

#define WAITS                                   \
	"[<0>] handle_userfault+0x427/0x8c0\n"  \
	"[<0>] __handle_mm_fault+0xb14/0xf70\n" \
	"[<0>] handle_mm_fault+0xe2/0x2c0\n"
#define BY_GUP                                             \
	WAITS "[<0>] __get_user_pages+0x89f/0x1580\n"      \
	      "[<0>] get_user_pages_unlocked+0xe6/0x360\n" \
	      "[<0>] hva_to_pfn+0xb1/0x4f0 [kvm]\n"
#define BY_COPY                                        \
	WAITS "[<0>] do_user_addr_fault+0x175/0x6a0\n" \
	      "[<0>] exc_page_fault+0x7e/0x180\n"      \
	      "[<0>] asm_exc_page_fault+0x26/0x30\n"   \
	      "[<0>] rep_movs_alternative+0x4a/0x70\n"
#define EXIT                                              \
	"[<0>] kvm_mmu_do_page_fault+0x1b3/0x1f0 [kvm]\n" \
	"[<0>] kvm_mmu_page_fault+0x8a/0x610 [kvm]\n" RUN
#define RUN                                                 \
	"[<0>] vmx_handle_exit+0x1b2/0x8c0 [kvm_intel]\n"   \
	"[<0>] vcpu_run+0x828/0x1870 [kvm]\n"               \
	"[<0>] kvm_arch_vcpu_ioctl_run+0x35b/0x4d0 [kvm]\n" \
	"[<0>] kvm_vcpu_ioctl+0x22e/0x950 [kvm]\n" SYSCALL
#define SYSCALL                             \
	"[<0>] __x64_sys_ioctl+0x94/0xc0\n" \
	"[<0>] do_syscall_64+0x87/0x180\n"  \
	"[<0>] entry_SYSCALL_64_after_hwframe+0x76/0x7e\n"
#define SET_NESTED                                             \
	"[<0>] vmx_set_nested_state+0x3f1/0x6e0 [kvm_intel]\n" \
	"[<0>] kvm_arch_vcpu_ioctl+0xc15/0x1a20 [kvm]\n"       \
	"[<0>] kvm_vcpu_ioctl+0x5a3/0x950 [kvm]\n" SYSCALL

static const struct {
	const char *stack, *via;
	enum page_asker asker;
} stacks[] = {
	/* KVM itself */
	{BY_GUP "[<0>] kvm_vcpu_map+0x5c/0x110 [kvm]\n"
		"[<0>] nested_get_vmcs12_pages+0x22a/0xc60 [kvm_intel]\n"
		"[<0>] vcpu_run+0x828/0x1870 [kvm]\n" SYSCALL,
	 "nested_get_vmcs12_pages", ASKER_KVM},
	{BY_GUP "[<0>] kvm_vcpu_map+0x5c/0x110 [kvm]\n"
		"[<0>] nested_get_vmcs12_pages+0xb6/0xc60 [kvm_intel]\n"
		"[<0>] nested_vmx_enter_non_root_mode+0x5c7/0xf20 [kvm_intel]\n"
		"[<0>] nested_vmx_run+0x15c/0x280 [kvm_intel]\n" RUN,
	 "nested_get_vmcs12_pages", ASKER_KVM},
	{BY_GUP "[<0>] __kvm_vcpu_map+0x5c/0x110 [kvm]\n"
		"[<0>] nested_vmx_prepare_msr_bitmap.isra.0+0x6a/0x2f0 [kvm_intel]\n"
		"[<0>] vmx_get_nested_state_pages+0x2f/0xa0 [kvm_intel]\n" RUN,
	 "nested_get_vmcs12_pages", ASKER_KVM},
	{BY_COPY "[<0>] __kvm_read_guest_page+0x6d/0xa0 [kvm]\n"
		 "[<0>] kvm_vcpu_read_guest+0x5a/0xb0 [kvm]\n"
		 "[<0>] nested_cache_shadow_vmcs12+0x7c/0xd0 [kvm_intel]\n" SET_NESTED,
	 "nested_cache_shadow_vmcs12", ASKER_KVM},
	{BY_COPY "[<0>] kvm_read_guest_offset_cached+0x96/0x140 [kvm]\n"
		 "[<0>] nested_vmx_check_vmcs_link_ptr.part.0+0x5b/0xc0 [kvm_intel]\n" SET_NESTED,
	 "nested_vmx_check_vmcs_link_ptr", ASKER_KVM},
	{BY_COPY "[<0>] kvm_vcpu_read_guest+0x5a/0xb0 [kvm]\n"
		 "[<0>] read_and_check_msr_entry+0x52/0x130 [kvm_intel]\n"
		 "[<0>] prepare_vmx_msr_autostore_list+0x8e/0x1c0 [kvm_intel]\n"
		 "[<0>] nested_vmx_enter_non_root_mode+0x5c7/0xf20 [kvm_intel]\n" SET_NESTED,
	 "prepare_vmx_msr_autostore_list", ASKER_KVM},
	{BY_COPY "[<0>] __kvm_write_guest_page+0x8a/0xe0 [kvm]\n"
		 "[<0>] nested_vmx_write_pml_buffer+0x9c/0xf0 [kvm_intel]\n"
		 "[<0>] ept_walk_addr_generic+0x751/0x9c0 [kvm]\n" EXIT,
	 "nested_vmx_write_pml_buffer", ASKER_KVM},
	{BY_COPY "[<0>] ept_walk_addr_generic+0x2d1/0x9c0 [kvm]\n"
		 "[<0>] ept_page_fault+0x9b/0x7a0 [kvm]\n" EXIT,
	 "walk of L2's EPT", ASKER_KVM},
	{BY_COPY "[<0>] ept_page_fault+0x9b/0x7a0 [kvm]\n" EXIT, "walk of L2's EPT", ASKER_KVM},
	{BY_COPY "[<0>] paging64_walk_addr_generic+0x2d1/0x9c0 [kvm]\n"
		 "[<0>] paging64_gva_to_gpa+0x5f/0xd0 [kvm]\n" EXIT,
	 "walk of page tables", ASKER_KVM},
	/* in no table: its own name, or of its helper if there is nothing else */
	{BY_COPY "[<0>] __kvm_write_guest_page+0x8a/0xe0 [kvm]\n"
		 "[<0>] handle_vmclear+0x114/0x1d0 [kvm_intel]\n" RUN,
	 "handle_vmclear", ASKER_KVM},
	{BY_COPY "[<0>] kvm_read_guest_page+0x8a/0xe0 [kvm]\n" SYSCALL, "kvm_read_guest_page",
	 ASKER_KVM},
	{BY_GUP "[<0>] nested_svm_vmrun+0x14/0x1d0 [kvm_amd a1b2c3]\n" RUN, "nested_svm_vmrun",
	 ASKER_KVM},

	/* the guest */
	{BY_GUP "[<0>] kvm_faultin_pfn+0x10c/0x590 [kvm]\n"
		"[<0>] kvm_tdp_page_fault+0x8d/0xe0 [kvm]\n" EXIT,
	 "guest access by L1", ASKER_L1},
	{BY_GUP "[<0>] __kvm_faultin_pfn+0x6c/0x90 [kvm]\n"
		"[<0>] kvm_mmu_faultin_pfn+0x10c/0x590 [kvm]\n"
		"[<0>] direct_page_fault+0x8d/0xe0 [kvm]\n" EXIT,
	 "guest access by L1", ASKER_L1},
	{BY_GUP "[<0>] kvm_faultin_pfn+0x10c/0x590 [kvm]\n"
		"[<0>] ept_page_fault+0x3c2/0x7a0 [kvm]\n" EXIT,
	 "guest access by L2", ASKER_L2},
	{BY_GUP "[<0>] kvm_faultin_pfn+0x10c/0x590 [kvm]\n"
		"[<0>] paging64_page_fault+0x3c2/0x7a0 [kvm]\n" EXIT,
	 "guest access", ASKER_GUEST},
	{BY_GUP "[<0>] kvm_mmu_faultin_pfn+0x10c/0x590 [kvm]\n" EXIT, "guest access", ASKER_GUEST},
	{WAITS "[<0>] __get_user_pages+0x89f/0x1580\n"
	       "[<0>] get_user_pages_remote+0x11b/0x420\n"
	       "[<0>] async_pf_execute+0x7c/0x1d0 [kvm]\n"
	       "[<0>] process_one_work+0x17c/0x390\n"
	       "[<0>] worker_thread+0x251/0x390\n"
	       "[<0>] kthread+0xd2/0x100\n"
	       "[<0>] ret_from_fork+0x34/0x50\n"
	       "[<0>] ret_from_fork_asm+0x1a/0x30\n",
	 "guest access (async)", ASKER_GUEST},
	{BY_COPY "[<0>] __kvm_write_guest_page+0x8a/0xe0 [kvm]\n"
		 "[<0>] kvm_write_guest_virt_system+0x4c/0xa0 [kvm]\n"
		 "[<0>] handle_vmread+0x2d4/0x3d0 [kvm_intel]\n" RUN,
	 "guest access (emulated)", ASKER_GUEST},

	/* a KVM that is no module */
	{WAITS "[<0>] hva_to_pfn+0xb1/0x4f0\n"
	       "[<0>] kvm_vcpu_map+0x5c/0x110\n"
	       "[<0>] nested_get_vmcs12_pages+0x22a/0xc60\n" SYSCALL,
	 "nested_get_vmcs12_pages", ASKER_KVM},
	{WAITS "[<0>] __kvm_read_guest_page+0x6d/0xa0\n"
	       "[<0>] vmx_something_new+0x5c/0x110\n" SYSCALL,
	 "vmx_something_new", ASKER_KVM},

	/* no KVM */
	{WAITS "[<0>] exc_page_fault+0x7e/0x180\n"
	       "[<0>] asm_exc_page_fault+0x26/0x30\n",
	 "outside KVM", ASKER_OTHER},
	{WAITS "[<0>] something+0x7e/0x180 [ext4]\n", "outside KVM", ASKER_OTHER},
	{"handle_userfault", "outside KVM", ASKER_OTHER},

	/* woken by a signal meanwhile, unreadable, garbage */
	{"[<0>] futex_wait_queue+0x60/0x90\n" RUN, "", ASKER_UNKNOWN},
	{"", "", ASKER_UNKNOWN},
	{"\n\n\n", "", ASKER_UNKNOWN},
	{"[<0>] 0xffffffffffffffff\n", "", ASKER_UNKNOWN},
	{"[<0>", "", ASKER_UNKNOWN},
	{"[<0>]", "", ASKER_UNKNOWN},
	{"] [ ] + [kvm\n[kvm]\n+0x1 [kvm]\n\x01\xff [kvm]", "", ASKER_UNKNOWN},
	{WAITS "[<0>] 0xffffffffc0a81234 [\n[kvm] [kvm]\n+ [kvm]\n\xff\xfe", "outside KVM",
	 ASKER_OTHER},
};

static void find_via(void **state)
{
	char via[48];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++) {
		assert_int_equal(page_via(stacks[i].stack, via, sizeof(via)), *stacks[i].via != 0);
		assert_string_equal(via, stacks[i].via);
		assert_int_equal(page_asker(via), stacks[i].asker);
	}
}

/* Any beginning of a stack, as of a read that was cut short, and small buffers. */
static void cut_stacks(void **state)
{
	char via[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++)
		for (size_t len = 0; len <= strlen(stacks[i].stack); len++) {
			char *cut = xasprintf("%.*s", (int)len, stacks[i].stack);

			page_via(cut, via, sizeof(via));
			assert_in_range(strlen(via), 0, sizeof(via) - 1);
			free(cut);
		}
}

/* A name longer than any real one counts as none. */
static void long_function(void **state)
{
	char *stack = xasprintf(WAITS "[<0>] %0200d+0x1/0x2 [kvm]\n", 0), via[48];

	(void)state;
	assert_true(page_via(stack, via, sizeof(via)));
	assert_string_equal(via, "outside KVM");
	free(stack);
}

/* Threads that are not there, or don't wait for a page. */
static void no_stack(void **state)
{
	char via[48] = "x";

	(void)state;
	page_via_read(0, via, sizeof(via));
	assert_string_equal(via, "");
	page_via_read(-1, via, sizeof(via));
	assert_string_equal(via, "");
	page_via_read(INT32_MAX, via, sizeof(via));
	assert_string_equal(via, "");
	page_via_read(gettid(), via, sizeof(via));
	assert_string_equal(via, "");
}

/* ---- the report --------------------------------------------------------------------------- */

#define SET "KVM_SET_NESTED_STATE"
#define GET "nested_get_vmcs12_pages"
#define L1  "guest access by L1"

static const struct fetch sample[] = {
	{1, SET, "shadow VMCS", 0x12a000, 11, true, false, "nested_cache_shadow_vmcs12", true,
	 false, 1000, 250999},
	{2, SET, "shadow VMCS", 0x12a000, 12, false, true, L1, true, false, 2000, 249999},
	{3, "KVM_RUN 1", "virtual-APIC page", 0x101000, 11, true, true, GET, false, true, 5000, -1},
	{4, "KVM_RUN 1", "EPT table", 0x103000, 11, true, false, "walk of L2's EPT", false, false,
	 6000, 7000},
	{5, "KVM_RUN 1", "L2 image", 0x203000, 11, true, false, "guest access by L2", false, false,
	 7000, 8000},
	{6, "KVM_RUN 1", "L2 image", 0x202000, 11, true, false, "guest access by L2", false, false,
	 7000, 9000},
	{7, "KVM_RUN 1", "MSR bitmap", 0x104000, 11, true, false, GET, false, false, 7500, 9000},
	{8, "KVM_RUN 2", "other", 0x5000, 0, false, false, "outside KVM", false, false, 900000,
	 1234567},
	{9, "KVM_RUN 2", "virtual-APIC page", 0x101000, 12, true, false, L1, false, true, 950000,
	 -1},
};

static struct buf report(const struct fetch *fetches, unsigned n, const char *kernel,
			 const char *from)
{
	struct buf text = {0};

	pages_report(fetches, n, kernel, from, &text);
	return text;
}

static void report_all(void **state)
{
	/* clang-format off */
	static const char want[] =
		"order  phase                     page                        gpa        thread  by                          access  waited us  mark\n"
		"    1  KVM_SET_NESTED_STATE      shadow VMCS            0x12a000        vCPU    nested_cache_shadow_vmcs12  read          250  too early\n"
		"    2  KVM_SET_NESTED_STATE      shadow VMCS            0x12a000        other   guest access by L1          write         249  too early\n"
		"    3  KVM_RUN 1                 virtual-APIC page      0x101000        vCPU    nested_get_vmcs12_pages     write       never  lost\n"
		"    4  KVM_RUN 1                 EPT table              0x103000        vCPU    walk of L2's EPT            read            7\n"
		"    5  KVM_RUN 1                 L2 image               0x203000  x2    vCPU    guest access by L2          read            9\n"
		"    7  KVM_RUN 1                 MSR bitmap             0x104000        vCPU    nested_get_vmcs12_pages     read            9\n"
		"    8  KVM_RUN 2                 other                    0x5000        other   outside KVM                 read         1234\n"
		"    9  KVM_RUN 2                 virtual-APIC page      0x101000        vCPU    guest access by L1          read        never  lost\n"
		"\n"
		"pages first asked for in  vmcs12     EPT      L2   other     all\n"
		"KVM_SET_NESTED_STATE           1       0       0       0       1\n"
		"KVM_RUN 1                      2       1       2       0       5\n"
		"KVM_RUN 2                      0       0       0       1       1\n"
		"in all                         3       1       2       1       7\n"
		"of these 1 never came\n"
		"\n"
		"KVM_SET_NESTED_STATE needs page 'shadow VMCS' (gpa 0x12a000, via nested_cache_shadow_vmcs12): asked for before pages are served from KVM_RUN 1 on\n"
		"KVM_RUN 1 needs page 'virtual-APIC page' (gpa 0x101000, via nested_get_vmcs12_pages): it never came\n"
		"KVM_RUN 2 needs page 'virtual-APIC page' (gpa 0x101000, via guest access by L1): it never came\n"
		"this KVM (6.12.107) fetches the vmcs12 pages in: KVM_SET_NESTED_STATE (shadow VMCS); KVM_RUN 1 (virtual-APIC page, MSR bitmap)\n"
		"L1 itself touched: shadow VMCS in KVM_SET_NESTED_STATE; virtual-APIC page in KVM_RUN 2\n";
	/* clang-format on */
	struct buf text = report(sample, ARRAY_SIZE(sample), "6.12.107", "KVM_RUN 1");

	(void)state;
	assert_string_equal(buf_text(&text), want);
	buf_free(&text);
}

static void report_small(void **state)
{
	struct fetch odd = sample[0];
	struct buf text = report(NULL, 0, "6.1.180", NULL);

	(void)state;
	assert_string_equal(buf_text(&text), "no page was asked for\n"
					     "this KVM (6.1.180) fetched no vmcs12 page\n");
	buf_free(&text);
	text = report(&sample[3], 3, NULL, NULL);
	assert_contains(buf_text(&text), "\n\nthis KVM fetched no vmcs12 page\n");
	assert_null(strstr(buf_text(&text), "never came"));
	assert_null(strstr(buf_text(&text), "itself touched"));
	assert_null(strstr(buf_text(&text), "could not be read"));
	buf_free(&text);
	text = report(&sample[2], 1, "7.3.4", NULL);
	assert_contains(buf_text(&text), "this KVM (7.3.4) fetches the vmcs12 pages in: "
					 "KVM_RUN 1 (virtual-APIC page)\n");
	buf_free(&text);
	odd.lost = true;
	memset(odd.name, 'n', sizeof(odd.name) - 1);
	text = report(&odd, 1, "", NULL);
	assert_contains(buf_text(&text), "  too early, lost\n");
	assert_contains(buf_text(&text), "nnn      0x12a000        vCPU");
	assert_contains(buf_text(&text), "this KVM fetched no");
	buf_free(&text);
	odd.lost = false;
	text = report(&odd, 1, "", NULL);
	assert_contains(buf_text(&text),
			"asked for before the phase from which pages are served\n");
	buf_free(&text);
}

/* What the guest touched is none of KVM's: neither L1's access nor that of anybody else. */
static void report_touched(void **state)
{
	struct fetch f[4] = {sample[8], sample[8], sample[8], sample[8]};
	struct buf text;

	(void)state;
	snprintf(f[1].name, sizeof(f[1].name), "MSR bitmap");
	snprintf(f[2].via, sizeof(f[2].via), "guest access by L2");
	snprintf(f[3].via, sizeof(f[3].via), "guest access (async)");
	snprintf(f[3].phase, sizeof(f[3].phase), "KVM_RUN 7");
	text = report(f, 4, "6.12", NULL);
	assert_contains(buf_text(&text), "\nthis KVM (6.12) fetched no vmcs12 page\n"
					 "L1 itself touched: virtual-APIC page, MSR bitmap in "
					 "KVM_RUN 2\n"
					 "L2 itself touched: virtual-APIC page in KVM_RUN 2\n"
					 "the guest itself touched: virtual-APIC page in "
					 "KVM_RUN 7\n");
	buf_free(&text);
	snprintf(f[0].via, sizeof(f[0].via), "outside KVM");
	text = report(f, 1, "6.12", NULL);
	assert_contains(buf_text(&text), "\nthis KVM (6.12) fetched no vmcs12 page\n");
	assert_null(strstr(buf_text(&text), "touched"));
	buf_free(&text);
}

static void report_unread(void **state)
{
	struct fetch f[3] = {sample[2], sample[8], sample[3]};
	struct buf text;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		f[i].via[0] = '\0';
	text = report(f, 3, "6.12", NULL);
	assert_contains(buf_text(&text), "  vCPU    ?   write  ");
	assert_contains(buf_text(&text), "\nby: the kernel's stacks could not be read (it wants "
					 "root, or CAP_SYS_ADMIN)\n\n");
	assert_contains(buf_text(&text), "'virtual-APIC page' (gpa 0x101000): it never came\n");
	assert_contains(buf_text(&text),
			"this KVM (6.12) fetches the vmcs12 pages in: KVM_RUN 1 (virtual-APIC "
			"page); KVM_RUN 2 (virtual-APIC page) (the kernel's stacks could not be "
			"read: accesses by L1 itself are counted too)\n");
	assert_null(strstr(buf_text(&text), "touched"));
	buf_free(&text);
	/* Some were read; those that were not concern no vmcs12 page. */
	f[0] = sample[2];
	f[1] = sample[8];
	text = report(f, 3, "6.12", NULL);
	assert_contains(buf_text(&text),
			"\nby: the kernel's stacks could not be read for 1 of 3 requests\n\n");
	assert_contains(buf_text(&text), "in: KVM_RUN 1 (virtual-APIC page)\nL1 itself touched");
	buf_free(&text);
}

static unsigned lines(const char *text, const char *with)
{
	unsigned n = 0;

	for (; (text = strstr(text, with)); text++)
		n++;
	return n;
}

#define MANY 200

/* 200 requests, alternating if @fold is false, the last one for a vmcs12 page. */
static void many(struct fetch *f, bool fold)
{
	for (unsigned i = 0; i < MANY; i++) {
		f[i] = sample[4];
		f[i].order = i + 1;
		f[i].gpa = i * PAGE;
		f[i].write = !fold && i & 1;
	}
	f[MANY - 1] = sample[6];
	f[MANY - 1].order = MANY;
}

static void report_long(void **state)
{
	static struct fetch f[MANY];
	struct buf text;

	(void)state;
	many(f, true);
	f[50].waited_ns = 77777000;
	text = report(f, MANY, "6.12", NULL);
	assert_contains(buf_text(&text), " 0x0  x199  vCPU    guest access by L2       read        "
					 "77777\n  200  KVM_RUN 1 ");
	assert_null(strstr(buf_text(&text), "left out"));
	buf_free(&text);

	many(f, false);
	text = report(f, MANY, "6.12", NULL);
	assert_int_equal(lines(buf_text(&text), "  guest access by L2  "), 39);
	assert_contains(buf_text(&text), "\n   39  KVM_RUN 1 ");
	assert_contains(buf_text(&text), "\n  200  KVM_RUN 1                 MSR bitmap ");
	assert_contains(buf_text(&text),
			"\n(160 more rows are left out; the JSON report has all)\n");
	buf_free(&text);

	for (unsigned i = 0; i < MANY; i++)
		f[i].too_early = true;
	text = report(f, MANY, "6.12", NULL);
	assert_int_equal(lines(buf_text(&text), "  too early\n"), 40);
	buf_free(&text);
}

/* Whatever a row shows keeps requests apart, but for address and time. */
static void report_apart(void **state)
{
	struct fetch f[2] = {sample[4], sample[4]};

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct buf text;

		f[1] = f[0];
		f[1].gpa += PAGE;
		f[1].waited_ns += 5;
		f[1].vcpu ^= i == 1;
		f[1].write ^= i == 2;
		f[1].too_early ^= i == 3;
		f[1].lost ^= i == 4;
		f[1].phase[0] ^= i == 5;
		f[1].name[0] ^= i == 6;
		f[1].via[0] ^= i == 7;
		text = report(f, 2, NULL, NULL);
		assert_int_equal(strstr(buf_text(&text), "  x2  ") != NULL, i == 0);
		buf_free(&text);
	}
}

static const char *string_at(json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static json_int_t integer_at(json_t *o, const char *key)
{
	assert_true(json_is_integer(json_object_get(o, key)));
	return json_integer_value(json_object_get(o, key));
}

/* Written and read again. */
static json_t *round_trip(const struct fetch *fetches, unsigned n, const char *kernel)
{
	json_t *made = pages_report_json(fetches, n, kernel, "KVM_RUN 1"), *read_back;
	char *text = json_dumps(made, JSON_INDENT(2));

	assert_non_null(text);
	read_back = json_loads(text, 0, NULL);
	assert_true(json_equal(made, read_back));
	free(text);
	json_decref(made);
	return read_back;
}

static void json_all(void **state)
{
	json_t *o = round_trip(sample, ARRAY_SIZE(sample), "6.12.107"), *item, *total;

	(void)state;
	assert_string_equal(string_at(o, "kernel"), "6.12.107");
	assert_int_equal(json_array_size(json_object_get(o, "fetches")), 9);
	item = json_array_get(json_object_get(o, "fetches"), 0);
	assert_int_equal(integer_at(item, "order"), 1);
	assert_string_equal(string_at(item, "phase"), SET);
	assert_string_equal(string_at(item, "page"), "shadow VMCS");
	assert_string_equal(string_at(item, "kind"), "vmcs12");
	assert_string_equal(string_at(item, "gpa"), "0x12a000");
	assert_string_equal(string_at(item, "thread"), "vcpu");
	assert_int_equal(integer_at(item, "tid"), 11);
	assert_true(json_is_false(json_object_get(item, "write")));
	assert_string_equal(string_at(item, "via"), "nested_cache_shadow_vmcs12");
	assert_true(json_is_true(json_object_get(item, "too_early")));
	assert_true(json_is_false(json_object_get(item, "lost")));
	assert_int_equal(integer_at(item, "asked_us"), 1);
	assert_int_equal(integer_at(item, "waited_us"), 250);
	item = json_array_get(json_object_get(o, "fetches"), 2);
	assert_true(json_is_null(json_object_get(item, "waited_us")));
	item = json_array_get(json_object_get(o, "fetches"), 7);
	assert_true(json_is_null(json_object_get(item, "tid")));
	assert_string_equal(string_at(item, "thread"), "other");

	assert_int_equal(json_array_size(json_object_get(o, "phases")), 3);
	item = json_array_get(json_object_get(o, "phases"), 1);
	assert_string_equal(string_at(item, "phase"), "KVM_RUN 1");
	assert_int_equal(integer_at(item, "ept"), 1);
	assert_int_equal(integer_at(item, "pages"), 5);
	total = json_object_get(o, "total");
	assert_int_equal(integer_at(total, "vmcs12"), 3);
	assert_int_equal(integer_at(total, "l2"), 2);
	assert_int_equal(integer_at(total, "other"), 1);
	assert_int_equal(integer_at(total, "pages"), 7);
	assert_int_equal(integer_at(total, "requests"), 9);
	assert_int_equal(integer_at(total, "via_unknown"), 0);
	assert_int_equal(integer_at(total, "never_came"), 1);

	assert_int_equal(json_array_size(json_object_get(o, "findings")), 3);
	item = json_array_get(json_object_get(o, "findings"), 0);
	assert_contains(string_at(item, "text"), "before pages are served from KVM_RUN 1 on");
	item = json_array_get(json_object_get(o, "findings"), 1);
	assert_string_equal(string_at(item, "mark"), "lost");
	assert_string_equal(string_at(item, "via"), GET);
	assert_contains(string_at(item, "text"),
			"needs page 'virtual-APIC page' (gpa 0x101000, via " GET ")");
	item = json_object_get(o, "vmcs12_phases");
	assert_int_equal(json_array_size(item), 2);
	assert_string_equal(json_string_value(json_array_get(item, 1)), "KVM_RUN 1");
	assert_int_equal(json_array_size(json_object_get(o, "vmcs12_touched_by_guest")), 2);
	item = json_array_get(json_object_get(o, "vmcs12_touched_by_guest"), 1);
	assert_string_equal(string_at(item, "phase"), "KVM_RUN 2");
	assert_string_equal(string_at(item, "page"), "virtual-APIC page");
	assert_string_equal(string_at(item, "gpa"), "0x101000");
	assert_string_equal(string_at(item, "via"), L1);
	assert_contains(string_at(o, "answer"),
			"fetches the vmcs12 pages in: " SET " (shadow VMCS); KVM_RUN 1 (");
	json_decref(o);
}

/* All requests, however few rows the table has. */
static void json_many(void **state)
{
	static struct fetch f[MANY];
	json_t *o;

	(void)state;
	many(f, true);
	f[3].via[0] = '\0';
	o = round_trip(f, MANY, "6.12");
	assert_int_equal(json_array_size(json_object_get(o, "fetches")), MANY);
	assert_true(json_is_null(
		json_object_get(json_array_get(json_object_get(o, "fetches"), 3), "via")));
	assert_int_equal(integer_at(json_object_get(o, "total"), "via_unknown"), 1);
	json_decref(o);
}

static void json_small(void **state)
{
	struct fetch odd = sample[0];
	json_t *o = round_trip(NULL, 0, NULL);

	(void)state;
	assert_true(json_is_null(json_object_get(o, "kernel")));
	assert_int_equal(json_array_size(json_object_get(o, "fetches")), 0);
	assert_int_equal(json_array_size(json_object_get(o, "vmcs12_phases")), 0);
	assert_string_equal(string_at(o, "answer"), "this KVM fetched no vmcs12 page");
	json_decref(o);
	snprintf(odd.name, sizeof(odd.name), "\xff\xfe name");
	o = round_trip(&odd, 1, "6.1");
	assert_string_equal(string_at(json_array_get(json_object_get(o, "fetches"), 0), "page"),
			    "?? name");
	json_decref(o);
}

#define WITH_MEMORY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MEMORY(eager),
		WITH_MEMORY(remote),
		WITH_MEMORY(late),
		WITH_MEMORY(late_grace),
		WITH_MEMORY(delay),
		WITH_MEMORY(lost),
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
		cmocka_unit_test(find_via),
		cmocka_unit_test(cut_stacks),
		cmocka_unit_test(long_function),
		cmocka_unit_test(no_stack),
		cmocka_unit_test(report_all),
		cmocka_unit_test(report_small),
		cmocka_unit_test(report_touched),
		cmocka_unit_test(report_unread),
		cmocka_unit_test(report_long),
		cmocka_unit_test(report_apart),
		cmocka_unit_test(json_all),
		cmocka_unit_test(json_many),
		cmocka_unit_test(json_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
