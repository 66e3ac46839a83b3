/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory that arrives late: a userfaultfd over the memory of a restored VM, and a listener
 * thread that serves each page when it is asked for, as post-copy migration does. Every request is
 * recorded: in which phase of the restore, which page, by whom, how long it waited.
 */
#ifndef HOST_PAGES_PAGES_H
#define HOST_PAGES_PAGES_H

#include "host/l1/page_names.h"
#include "host/base/util.h"

#include <sys/types.h>

/* How pages arrive. */
enum pages_mode {
	PAGES_EAGER,  /* memory is filled before the restore: no listener (control) */
	PAGES_REMOTE, /* served at once when asked for */
	PAGES_LATE,   /* not served before phase @late: an earlier request is a finding */
	PAGES_DELAY,  /* served after a random delay, in the order in which the delays end */
	PAGES_EXIT,   /* as PAGES_REMOTE, but where KVM leaves KVM_RUN for a page: pages_fetch() */
	PAGES_LOST,   /* pages with the name @lost never come: UFFDIO_POISON, or unanswered */
};

struct pages_config {
	enum pages_mode mode;
	const char *late; /* phase name, PAGES_LATE */
	const char *lost; /* page name, PAGES_LOST */
	bool once;	  /* it is lost up to pages_heal() */
	int64_t delay_ns; /* largest delay, PAGES_DELAY */
	uint64_t seed;
	int64_t grace_ns; /* PAGES_LATE: how long a too early request stays unanswered */
};

/* One request, in the order of arrival. */
struct fetch {
	unsigned order; /* from 1 */
	char phase[40]; /* pages_phase() in force: an ioctl's name, KVM_RUN 1, ... */
	char name[64];	/* of the page */
	uint64_t gpa;	/* page-aligned */
	pid_t tid;	/* thread that touched it, 0: unknown */
	bool vcpu;	/* that was the vCPU thread */
	bool write;
	char via[48];	   /* what in KVM needed it (page_via()); "": not known */
	bool too_early;	   /* PAGES_LATE: asked for before the phase from which pages are served */
	bool lost;	   /* PAGES_LOST: never served, or poisoned */
	int64_t zero_ns;   /* what the next counts from (now_ns()) */
	int64_t asked_ns;  /* since pages_start() */
	int64_t waited_ns; /* until it was served; -1: it never was */
};

/* ---- who needed the page (pages_via.c) ---------------------------------------------------- */

/*
 * Reduces @stack, the text of /proc/TID/stack of a thread that waits for a page, to a word: a
 * function of KVM as nested_get_vmcs12_pages, "walk of L2's EPT", "guest access by L1", ... or
 * "outside KVM". False, and an empty word, if that's no such thread's stack.
 */
bool page_via(const char *stack, char *via, size_t size);

/*
 * The same for a thread that waits now, a kernel thread included; an empty word if its stack cannot
 * be read, for which the kernel wants CAP_SYS_ADMIN. Slow: it takes 10 ms on the lab's CPU, which
 * are part of the page's waiting time.
 */
void page_via_read(pid_t tid, char *via, size_t size);

enum page_asker {
	ASKER_UNKNOWN,
	ASKER_KVM,
	ASKER_L1,
	ASKER_L2,
	ASKER_GUEST, /* one of the two */
	ASKER_OTHER, /* the host's programs */
};
enum page_asker page_asker(const char *via);

struct pages;
struct page_trap;

/* Why userfaultfd can't be used here, or NULL if it can. Static text. */
const char *pages_unavailable(void);

/* Why no page can get lost here (PAGES_LOST), NULL: one can. */
const char *pages_cannot_lose(void);

/*
 * Registers @size bytes at @memory (page-aligned, private anonymous, never touched) and starts the
 * listener. @names are copied. @source gives the contents of the page at a guest-physical address;
 * it is called from the listener or pages_fetch(), never twice at once. The page need only stay
 * valid until the next call; NULL counts as lost. NULL with @e on error. Phase is "before restore"
 * at first.
 */
struct pages *pages_start(const struct pages_config *config, void *memory, uint64_t size,
			  const struct page_names *names,
			  const void *(*source)(void *arg, uint64_t gpa), void *arg, struct err *e);

/* Names the phase that starts now; in PAGES_LATE the phase called `late` opens the gate for good.
 */
void pages_phase(struct pages *p, const char *phase);

/* The thread that counts as the vCPU's. */
void pages_vcpu_thread(struct pages *p, pid_t tid);

/*
 * The oldest request that waits unanswered, for a watchdog: @fetch gets a copy, whose waited_ns is
 * the time so far. False if none waits.
 */
bool pages_waiting(struct pages *p, struct fetch *fetch);

/*
 * Brings the page at @gpa (page-aligned), for which the calling thread left KVM_RUN. It need not be
 * missing any more. False: it cannot be had.
 */
bool pages_fetch(struct pages *p, uint64_t gpa);

/*
 * With config.once: the pages that were lost and asked for come from now on. False: there is none.
 */
bool pages_heal(struct pages *p);

/* Answers everything that still waits (so that no thread stays blocked) and serves at once from now
 * on. */
void pages_release(struct pages *p);

/* Copies the records so far: returns their number, *@list is for the caller to free. */
unsigned pages_fetches(struct pages *p, struct fetch **list);

/* Serves all pages that were never asked for, unregisters, ends the listener, frees. */
void pages_stop(struct pages *p);

/* ---- the report (pages_report.c) --------------------------------------------------------- */

/*
 * Appends a table for people, in which like rows are one (with the longest wait), then totals per
 * phase and kind, then the answer in one sentence: "this KVM (6.12.107) fetches the vmcs12 pages
 * in: KVM_RUN 1 (virtual-APIC page, MSR bitmap)". @late: the phase from which pages were served, or
 * NULL.
 */
void pages_report(const struct fetch *list, unsigned count, const char *kernel, const char *late,
		  struct buf *text);

/* The same as a JSON object (jansson, new reference), with every request. */
struct json_t *pages_report_json(const struct fetch *list, unsigned count, const char *kernel,
				 const char *late);

/* A userfaultfd that also serves faults of the kernel, or -1 with @why and what mends it. */
int pages_open_uffd(const char **why);

/* ---- one page taken away (page_trap.c) ------------------------------------------------------ */

/*
 * Takes one page of guest memory away and tells when it is asked for, before it is given back: so a
 * vCPU can be stopped in the middle of what KVM does for it. @page: the host address of a page of
 * anonymous memory that nobody touches meanwhile. @touched is called once, in a thread of the
 * trap's, while who asked still waits. NULL with @e filled.
 */
struct page_trap *page_trap_arm(void *page, void (*touched)(void *arg), void *arg, struct err *e);

/* Gives the page back if nobody has asked for it, and frees all. */
void page_trap_disarm(struct page_trap *t);

#endif
