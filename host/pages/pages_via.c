// SPDX-License-Identifier: BSD-2-Clause
// Why a page was asked for. The thread that waits for it is blocked in the kernel: its stack names
// the function of KVM that needs the page, and one table reduces it to a word.
#include "host/pages/pages.h"
#include "host/base/cleanup.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STACK_ROOM 8192
#define ON_CPU_US  50 /* a thread on its way to sleep has no stack to show yet */
#define TRIES	   8

#define BY_L1	    "guest access by L1"
#define BY_L2	    "guest access by L2"
#define BY_GUEST    "guest access"
#define BY_ASYNC    "guest access (async)"
#define BY_EMULATOR "guest access (emulated)"
#define WALK_EPT    "walk of L2's EPT"
#define WALK_TABLES "walk of page tables"
#define OUTSIDE	    "outside KVM"

enum meaning {
	IS,	/* the word is the answer */
	HELPER, /* KVM's way to any guest page: whoever called it needs the page */
	FAULT,	/* KVM is about to map the page at an address that the guest touched */
};

static const struct row {
	const char *function;
	enum meaning meaning;
	const char *word;
	const char *word_after_fault; /* when a FAULT was seen further inside */
} rows[] = {
#define V(...) {__VA_ARGS__},
#include "host/pages/pages_via.def"
#undef V
};

/* Of a KVM that is no module, whose frames look like any other's. */
static const char *const built_in[] = {"kvm_*", "vmx_*", "svm_*", "nested_*", "vcpu_*"};

static bool matches(const char *function, const char *pattern)
{
	size_t len = strlen(pattern);

	return pattern[len - 1] == '*' ? !strncmp(function, pattern, len - 1)
				       : !strcmp(function, pattern);
}

static const struct row *find_row(const char *function)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (matches(function, rows[i].function))
			return &rows[i];
	return NULL;
}

static bool is_built_in(const char *function)
{
	for (size_t i = 0; i < ARRAY_SIZE(built_in); i++)
		if (matches(function, built_in[i]))
			return true;
	return false;
}

struct frame {
	char function[64]; /* without the suffixes of compilers: .isra.0, .part.0 */
	bool kvm;
};

/* "[<0>] kvm_vcpu_map+0x5c/0x110 [kvm]". False at the end of @text. */
static bool next_frame(const char **text, struct frame *f)
{
	const char *at = *text, *end = at + strcspn(at, "\n"), *module;
	size_t len;

	if (!*at)
		return false;
	*text = *end ? end + 1 : end;
	if (*at == '[')
		at += strcspn(at, "]\n");
	at += strspn(at, "] \t");
	len = strcspn(at, "+. \t\n");
	if (len >= sizeof(f->function) || !(isalpha((unsigned char)*at) || *at == '_'))
		len = 0;
	memcpy(f->function, at, len);
	f->function[len] = '\0';
	module = memchr(at, '[', (size_t)(end - at));
	f->kvm = len && module && !strncmp(module, "[kvm", 4);
	return true;
}

bool page_via(const char *stack, char *via, size_t size)
{
	char named[64] = "", helper[64] = "";
	const char *word = NULL;
	bool waits = false;
	struct frame f;

	*via = '\0';
	while (next_frame(&stack, &f)) {
		const struct row *row = find_row(f.function);

		waits |= !strcmp(f.function, "handle_userfault");
		if (!waits || (!row && !f.kvm && !is_built_in(f.function)))
			continue;
		if (row && row->meaning == IS) {
			if (word && row->word_after_fault)
				word = row->word_after_fault;
			else
				word = row->word ? row->word : row->function;
			break;
		}
		if (row && row->meaning == FAULT)
			word = row->word;
		else if (row && !*helper)
			snprintf(helper, sizeof(helper), "%s", f.function);
		else if (!row && !*named)
			snprintf(named, sizeof(named), "%s", f.function);
	}
	if (!waits)
		return false;
	if (!word)
		word = *named ? named : *helper ? helper : OUTSIDE;
	snprintf(via, size, "%.*s", (int)size - 1, word);
	return true;
}

enum page_asker page_asker(const char *via)
{
	if (!*via)
		return ASKER_UNKNOWN;
	if (!strcmp(via, OUTSIDE))
		return ASKER_OTHER;
	if (!strcmp(via, BY_L1))
		return ASKER_L1;
	if (!strcmp(via, BY_L2))
		return ASKER_L2;
	return strncmp(via, BY_GUEST, strlen(BY_GUEST)) ? ASKER_KVM : ASKER_GUEST;
}

/* Bytes read, 0 if there is no stack to show, -1 if it can't be read. */
static ssize_t read_stack(const char *path, char *text, size_t size)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t got = -1;

	if (fd < 0)
		return -1;
	while (len < size - 1 && (got = read(fd, text + len, size - 1 - len)) > 0)
		len += (size_t)got;
	text[len] = '\0';
	return got < 0 ? -1 : (ssize_t)len;
}

void page_via_read(pid_t tid, char *via, size_t size)
{
	const struct timespec pause = {.tv_nsec = ON_CPU_US * NS_PER_US};
	char path[64], text[STACK_ROOM];
	ssize_t len = 0;

	*via = '\0';
	if (tid <= 0)
		return;
	for (int i = 0; i < TRIES && !len; i++) {
		if (i)
			nanosleep(&pause, NULL);
		snprintf(path, sizeof(path), "/proc/self/task/%d/stack", (int)tid);
		len = read_stack(path, text, sizeof(text));
		if (len >= 0 || errno != ENOENT)
			continue;
		/* A kernel thread, that reads ahead for the guest. */
		snprintf(path, sizeof(path), "/proc/%d/stack", (int)tid);
		len = read_stack(path, text, sizeof(text));
	}
	if (len > 0)
		page_via(text, via, size);
}
