// SPDX-License-Identifier: BSD-2-Clause
// Serves guest memory page by page through userfaultfd while the kernel blocks on it, late,
// shuffled or never if so configured, and records who asked for which page in which phase of the
// restore.
#include "host/pages/pages.h"
#include "host/pages/uffd.h"
#include "host/base/cleanup.h"
#include "host/base/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE	   4096ull
#define NEVER	   INT64_MAX
#define NS_PER_SEC 1000000000ll

enum content { MISSING, PRESENT, POISONED };

/* A record whose page has not come yet. */
struct waiting {
	unsigned record; /* in pages->list */
	int64_t due_ns;	 /* when to serve it (now_ns()), or NEVER */
};

struct pages {
	struct pages_config config;
	char late[40], lost[64];
	struct page_names names;
	char *memory;
	uint64_t size;
	const void *(*source)(void *arg, uint64_t gpa);
	void *arg;
	int uffd, wake;
	bool can_poison;
	int64_t start_ns;
	pthread_t listener;
	uint8_t *content;	  /* enum content of each page */
	unsigned asked;		  /* records whose asker was looked for; the listener's own */
	pthread_mutex_t fetching; /* one page at a time; taken before the lock */

	pthread_mutex_t lock; /* for all that follows */
	char phase[40];
	pid_t vcpu;
	bool open;     /* PAGES_LATE: the phase `late` has begun */
	bool released; /* pages_release() */
	bool stop;
	struct fetch *list;
	unsigned count, room;
	struct waiting *waiting; /* in order of arrival */
	unsigned waits, waits_room;
};

/* ---- requests ---------------------------------------------------------------------------- */

static int64_t random_delay(const struct pages *p, uint64_t gpa)
{
	uint64_t state = p->config.seed;

	/* From seed and address alone: the order of requests doesn't matter. */
	state = random_next(&state) ^ gpa;
	return p->config.delay_ns > 0
		       ? (int64_t)(random_next(&state) % ((uint64_t)p->config.delay_ns + 1))
		       : 0;
}

/* When to serve the request, by the mode; marks findings. */
static int64_t judge(const struct pages *p, struct fetch *f, int64_t now)
{
	if (p->config.mode == PAGES_LATE)
		f->too_early = !p->open;
	if (p->released)
		return now;
	if (f->too_early)
		return now + p->config.grace_ns;
	if (p->config.mode == PAGES_DELAY)
		return now + random_delay(p, f->gpa);
	f->lost = p->config.mode == PAGES_LOST && !strcmp(f->name, p->lost);
	return now;
}

/* A thread that a signal took out of its wait asks again; in another phase that's another request.
 */
static bool waits_already(const struct pages *p, uint64_t gpa, pid_t tid)
{
	for (unsigned i = 0; i < p->waits; i++) {
		const struct fetch *f = &p->list[p->waiting[i].record];

		if (f->gpa == gpa && f->tid == tid && !strcmp(f->phase, p->phase))
			return true;
	}
	return false;
}

static struct fetch *add_record(struct pages *p, uint64_t gpa, pid_t tid)
{
	struct fetch *f;

	if (p->count == p->room) {
		p->room = p->room ? 2 * p->room : 64;
		p->list = xrealloc(p->list, p->room * sizeof(*p->list));
	}
	f = &p->list[p->count++];
	*f = (struct fetch){
		.order = p->count,
		.gpa = gpa,
		.tid = tid,
		.vcpu = tid && tid == p->vcpu,
		.zero_ns = p->start_ns,
		.asked_ns = now_ns() - p->start_ns,
		.waited_ns = -1,
	};
	snprintf(f->phase, sizeof(f->phase), "%s", p->phase);
	snprintf(f->name, sizeof(f->name), "%s", page_names_find(&p->names, gpa));
	return f;
}

static void add_request(struct pages *p, const struct uffd_msg *msg, uint64_t gpa)
{
	pid_t tid = (pid_t)msg->arg.pagefault.feat.ptid;
	struct fetch *f;

	if (waits_already(p, gpa, tid))
		return;
	if (p->waits == p->waits_room) {
		p->waits_room = p->waits_room ? 2 * p->waits_room : 16;
		p->waiting = xrealloc(p->waiting, p->waits_room * sizeof(*p->waiting));
	}
	f = add_record(p, gpa, tid);
	f->write = msg->arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WRITE;
	p->waiting[p->waits++] = (struct waiting){f->order - 1, judge(p, f, now_ns())};
}

/* Who made the next request. Unlocked while it looks, which takes its time. False: no more. */
static bool find_asker(struct pages *p)
{
	struct fetch f = {0};

	pthread_mutex_lock(&p->lock);
	if (p->asked < p->count)
		f = p->list[p->asked];
	pthread_mutex_unlock(&p->lock);
	if (!f.order)
		return false;
	if (!*f.via)
		page_via_read(f.tid, f.via, sizeof(f.via));
	hold_lock(&p->lock);
	memcpy(p->list[p->asked++].via, f.via, sizeof(f.via));
	return true;
}

/* ---- answers ------------------------------------------------------------------------------ */

static struct uffdio_range range_of(const struct pages *p, uint64_t gpa)
{
	return (struct uffdio_range){(uintptr_t)p->memory + gpa, PAGE};
}

static void wake_page(struct pages *p, uint64_t gpa)
{
	struct uffdio_range range = range_of(p, gpa);

	ioctl(p->uffd, UFFDIO_WAKE, &range);
}

/* Fills a page and wakes who waits for it. False if the kernel could not read @from. */
static bool copy_page(struct pages *p, uint64_t gpa, const void *from)
{
	struct uffdio_copy copy;

	do {
		copy = (struct uffdio_copy){
			.dst = range_of(p, gpa).start, .src = (uintptr_t)from, .len = PAGE};
		if (!ioctl(p->uffd, UFFDIO_COPY, &copy)) {
			p->content[gpa / PAGE] = PRESENT;
			return true;
		}
	} while (errno == EAGAIN);
	/* There already, or the memory or the process is about to go: nothing to wait for. */
	if (errno != EEXIST && errno != ENOENT && errno != ESRCH)
		return false;
	p->content[gpa / PAGE] = PRESENT;
	wake_page(p, gpa);
	return true;
}

static bool poison_page(struct pages *p, uint64_t gpa)
{
	struct uffdio_poison poison = {.range = range_of(p, gpa)};

	if (!p->can_poison || ioctl(p->uffd, UFFDIO_POISON, &poison))
		return false;
	p->content[gpa / PAGE] = POISONED;
	return true;
}

/* Takes what waits for the page at @gpa off the list. */
static void answered(struct pages *p, uint64_t gpa, bool lost)
{
	int64_t now = now_ns() - p->start_ns;
	unsigned left = 0;

	for (unsigned i = 0; i < p->waits; i++) {
		struct fetch *f = &p->list[p->waiting[i].record];

		if (f->gpa != gpa) {
			p->waiting[left++] = p->waiting[i];
			continue;
		}
		f->lost |= lost;
		if (!f->lost)
			f->waited_ns = now - f->asked_ns;
	}
	p->waits = left;
}

static void never_due(struct pages *p, uint64_t gpa)
{
	for (unsigned i = 0; i < p->waits; i++) {
		if (p->list[p->waiting[i].record].gpa != gpa)
			continue;
		p->list[p->waiting[i].record].lost = true;
		p->waiting[i].due_ns = NEVER;
	}
}

/* The request that is due first, NULL if none is. */
static const struct waiting *first_due(const struct pages *p)
{
	const struct waiting *first = NULL;

	for (unsigned i = 0; i < p->waits; i++)
		if (p->waiting[i].due_ns != NEVER &&
		    (!first || p->waiting[i].due_ns < first->due_ns))
			first = &p->waiting[i];
	return first;
}

/* Lets @from, the poison or, once nobody may stay blocked, zeros take the page's place. */
static void answer(struct pages *p, uint64_t gpa, const void *from)
{
	static const uint64_t zeros[PAGE / sizeof(uint64_t)] __attribute__((aligned(PAGE)));

	if (from && copy_page(p, gpa, from))
		answered(p, gpa, false);
	else if (poison_page(p, gpa) || (p->released && copy_page(p, gpa, zeros)))
		answered(p, gpa, true);
	else
		never_due(p, gpa);
}

/* Serves the request that is due first, if its time has come. */
static bool serve_one(struct pages *p)
{
	const struct waiting *first;
	const void *from = NULL;
	bool due, lost = false;
	uint64_t gpa = 0;

	hold_lock(&p->fetching);
	pthread_mutex_lock(&p->lock);
	first = first_due(p);
	due = first && first->due_ns <= now_ns();
	if (due) {
		gpa = p->list[first->record].gpa;
		lost = p->list[first->record].lost && !p->released;
	}
	pthread_mutex_unlock(&p->lock);
	if (!due)
		return false;
	/* The source may take its time; who asks for the state of things must not wait for it. */
	if (!lost)
		from = p->source(p->arg, gpa);
	/* Under the lock: when the thread goes on, its record is complete. */
	pthread_mutex_lock(&p->lock);
	answer(p, gpa, from);
	pthread_mutex_unlock(&p->lock);
	return true;
}

/* All that were made so far: a request's phase is the one in force when it is read here. */
static void read_requests(struct pages *p)
{
	struct uffd_msg msg;

	hold_lock(&p->lock);
	while (read(p->uffd, &msg, sizeof(msg)) == (ssize_t)sizeof(msg)) {
		uint64_t gpa;

		if (msg.event != UFFD_EVENT_PAGEFAULT)
			continue;
		gpa = (msg.arg.pagefault.address - (uintptr_t)p->memory) & ~(PAGE - 1);
		if (gpa >= p->size)
			continue;
		if (p->content[gpa / PAGE] == MISSING)
			add_request(p, &msg, gpa);
		else /* it was woken already, before its request was read */
			wake_page(p, gpa);
	}
}

/*
 * Reads all requests before the first is served, as serving one wakes all threads at its page, and
 * looks at the stacks of those who made them while they still wait.
 */
static void take_requests(struct pages *p)
{
	read_requests(p);
	while (find_asker(p))
		read_requests(p);
}

/* Sleeps until there is a request, one is due or somebody calls wake(). False to stop. */
static bool wait_for_work(struct pages *p)
{
	struct pollfd fds[] = {{.fd = p->uffd, .events = POLLIN},
			       {.fd = p->wake, .events = POLLIN}};
	const struct waiting *first;
	int64_t left = NEVER;
	struct timespec ts;
	eventfd_t kicks;
	bool stop;

	pthread_mutex_lock(&p->lock);
	stop = p->stop;
	first = first_due(p);
	if (first)
		left = first->due_ns - now_ns();
	pthread_mutex_unlock(&p->lock);
	if (stop)
		return false;
	if (left < 0)
		left = 0;
	ts = (struct timespec){.tv_sec = left / NS_PER_SEC, .tv_nsec = left % NS_PER_SEC};
	if (ppoll(fds, ARRAY_SIZE(fds), left == NEVER ? NULL : &ts, NULL) > 0 && fds[1].revents)
		eventfd_read(p->wake, &kicks);
	return true;
}

/* The pages that nobody asked for. */
static void fill(struct pages *p)
{
	for (uint64_t gpa = 0; gpa < p->size; gpa += PAGE) {
		const void *from = NULL;

		if (p->content[gpa / PAGE] == MISSING)
			from = p->source(p->arg, gpa);
		if (from)
			copy_page(p, gpa, from);
	}
}

static void *listener_main(void *arg)
{
	struct pages *p = arg;

	while (wait_for_work(p)) {
		take_requests(p);
		while (serve_one(p))
			take_requests(p);
	}
	take_requests(p);
	while (serve_one(p))
		;
	fill(p);
	return NULL;
}

/* ---- what the other threads call ---------------------------------------------------------- */

static void wake(struct pages *p)
{
	if (p->wake >= 0)
		eventfd_write(p->wake, 1);
}

static void all_due(struct pages *p)
{
	for (unsigned i = 0; i < p->waits; i++)
		p->waiting[i].due_ns = 0;
	wake(p);
}

void pages_phase(struct pages *p, const char *phase)
{
	hold_lock(&p->lock);
	snprintf(p->phase, sizeof(p->phase), "%s", phase);
	if (p->config.mode == PAGES_LATE && !p->open && !strcmp(phase, p->late)) {
		p->open = true;
		all_due(p);
	}
}

void pages_vcpu_thread(struct pages *p, pid_t tid)
{
	hold_lock(&p->lock);
	p->vcpu = tid;
}

bool pages_waiting(struct pages *p, struct fetch *fetch)
{
	hold_lock(&p->lock);
	if (!p->waits)
		return false;
	*fetch = p->list[p->waiting[0].record];
	fetch->waited_ns = now_ns() - p->start_ns - fetch->asked_ns;
	return true;
}

static bool take(struct pages *p, uint64_t gpa, const void *from)
{
	struct fetch *f;

	hold_lock(&p->lock);
	if (p->content[gpa / PAGE] == PRESENT)
		return true;
	f = add_record(p, gpa, gettid());
	snprintf(f->via, sizeof(f->via), "KVM_EXIT_MEMORY_FAULT");
	if (!from || !copy_page(p, gpa, from))
		return false;
	f->waited_ns = 0;
	answered(p, gpa, false);
	return true;
}

bool pages_fetch(struct pages *p, uint64_t gpa)
{
	hold_lock(&p->fetching);
	return gpa < p->size && take(p, gpa, p->source(p->arg, gpa));
}

bool pages_heal(struct pages *p)
{
	bool any = false;

	hold_lock(&p->lock);
	for (uint64_t i = 0; p->config.once && i < p->size / PAGE; i++) {
		if (p->content[i] != POISONED || madvise(p->memory + i * PAGE, PAGE, MADV_DONTNEED))
			continue;
		p->content[i] = MISSING;
		any = true;
	}
	if (any)
		*p->lost = '\0'; /* no page is called so */
	return any;
}

void pages_release(struct pages *p)
{
	hold_lock(&p->lock);
	p->released = true;
	all_due(p);
}

unsigned pages_fetches(struct pages *p, struct fetch **list)
{
	hold_lock(&p->lock);
	*list = xcalloc(p->count, sizeof(**list));
	if (p->count)
		memcpy(*list, p->list, p->count * sizeof(**list));
	return p->count;
}

/* ---- start and end ------------------------------------------------------------------------ */

static void destroy(struct pages *p)
{
	close_fd(&p->uffd);
	close_fd(&p->wake);
	pthread_mutex_destroy(&p->lock);
	pthread_mutex_destroy(&p->fetching);
	page_names_free(&p->names);
	free(p->content);
	free(p->list);
	free(p->waiting);
	free(p);
}

/* Memory that is there before anybody asks. */
static int fill_eagerly(struct pages *p, struct err *e)
{
	for (uint64_t gpa = 0; gpa < p->size; gpa += PAGE) {
		const void *from = p->source(p->arg, gpa);

		if (!from)
			return err_set(e, "the page at 0x%llx cannot be had",
				       (unsigned long long)gpa);
		memcpy(p->memory + gpa, from, PAGE);
	}
	return 0;
}

static int register_memory(struct pages *p, struct err *e)
{
	struct uffdio_register reg = {.range = {(uintptr_t)p->memory, p->size},
				      .mode = UFFDIO_REGISTER_MODE_MISSING};
	const char *why = NULL;

	p->uffd = pages_open_uffd(&why);
	if (p->uffd < 0)
		return err_set(e, "%s", why);
	p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->wake < 0)
		return err_set(e, "eventfd: %s", strerror(errno));
	if (ioctl(p->uffd, UFFDIO_REGISTER, &reg))
		return err_set(e, "userfaultfd does not take the guest's memory: %s",
			       strerror(errno));
	p->can_poison = reg.ioctls & 1ull << _UFFDIO_POISON;
	return 0;
}

static int start_listener(struct pages *p, struct err *e)
{
	int ret = signals_free_thread(&p->listener, listener_main, p);

	return ret ? err_set(e, "cannot start the thread that serves pages: %s", strerror(ret)) : 0;
}

static int check(const struct pages_config *config, const void *memory, uint64_t size,
		 struct err *e)
{
	if (!size || (uintptr_t)memory % PAGE || size % PAGE)
		return err_set(e, "the guest's memory is not made of whole pages");
	if (config->mode == PAGES_LATE && !config->late)
		return err_set(e, "no phase is given from which pages are served");
	if (config->mode == PAGES_LOST && !config->lost)
		return err_set(e, "no page is given that gets lost");
	return 0;
}

struct pages *pages_start(const struct pages_config *config, void *memory, uint64_t size,
			  const struct page_names *names,
			  const void *(*source)(void *arg, uint64_t gpa), void *arg, struct err *e)
{
	struct pages *p;
	int ret;

	if (check(config, memory, size, e))
		return NULL;
	p = xcalloc(1, sizeof(*p));
	p->config = *config;
	snprintf(p->late, sizeof(p->late), "%s", config->late ? config->late : "");
	snprintf(p->lost, sizeof(p->lost), "%s", config->lost ? config->lost : "");
	page_names_copy(&p->names, names);
	p->memory = memory;
	p->size = size;
	p->source = source;
	p->arg = arg;
	p->uffd = p->wake = -1;
	p->content = xcalloc(size / PAGE, sizeof(*p->content));
	p->start_ns = now_ns();
	pthread_mutex_init(&p->lock, NULL);
	pthread_mutex_init(&p->fetching, NULL);
	pages_phase(p, "before restore");
	if (config->mode == PAGES_EAGER)
		ret = fill_eagerly(p, e);
	else
		ret = register_memory(p, e) || start_listener(p, e);
	if (!ret)
		return p;
	destroy(p);
	return NULL;
}

void pages_stop(struct pages *p)
{
	struct uffdio_range range = {(uintptr_t)p->memory, p->size};

	if (p->config.mode != PAGES_EAGER) {
		pthread_mutex_lock(&p->lock);
		p->released = p->stop = true;
		all_due(p);
		pthread_mutex_unlock(&p->lock);
		pthread_join(p->listener, NULL);
		ioctl(p->uffd, UFFDIO_UNREGISTER, &range); /* wakes whoever is left */
	}
	destroy(p);
}
