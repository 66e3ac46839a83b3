// SPDX-License-Identifier: BSD-2-Clause
// Reads what L1's image says about its scenarios. The image is the only place where they are named.
#include "host/l1/scenario.h"
#include "host/base/cleanup.h"
#include "host/snapshot/proof.h"

#include <elf.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SECTION	  ".debug_scenarios"
#define IMAGE_MAX (64 << 20)

static struct scenario *table;
static unsigned count;
static char *store; /* the texts that the table points into */

/* The texts of a scenario, by key. */
static const struct text {
	const char *key;
	size_t offset;
} texts[] = {
#define T(member)                                          \
	{                                                  \
#member, offsetof(struct scenario, member) \
	}
	T(name), T(family),  T(title), T(needs),  T(promise), T(host),
	T(bug),	 T(failure), T(proof), T(proof1), T(order),
#undef T
};

/* Those of a second scenario's that are its own. */
static const size_t own[] = {offsetof(struct scenario, name), offsetof(struct scenario, title),
			     offsetof(struct scenario, proof)};

static const char *const freezes[FREEZES] = {
#define F(id, name, text) [AT_##id] = #name,
#include "hv/freezes.def"
#undef F
};

static const char *const acts[ACTS] = {
#define A(id, name, text) [ACT_##id] = #name,
#include "hv/acts.def"
#undef A
};

static const char *const whens[WHENS] = {
#define W(id, name, text) [WHEN_##id] = #name,
#include "hv/act_whens.def"
#undef W
};

const char *post_name(enum post p)
{
	static const char *const posts[POSTS] = {
#define P(id, name, text) [POST_##id] = name,
#include "host/l1/posts.def"
#undef P
	};

	return posts[p];
}

/* Index of @word (of @len bytes) in @list, or -1. */
static int index_of(const char *const *list, unsigned n, const char *word, size_t len)
{
	for (unsigned i = 0; i < n; i++)
		if (strlen(list[i]) == len && !memcmp(list[i], word, len))
			return (int)i;
	return -1;
}

static int parse_act(struct scenario *s, const char *value, unsigned vcpu)
{
	size_t len = strcspn(value, " ");
	int act = index_of(acts, ACTS, value, len), when;

	if (act <= ACT_NONE || value[len] != ' ' || s->acts == SCENARIO_ACTS_MAX)
		return -1;
	when = index_of(whens, WHENS, value + len + 1, strlen(value + len + 1));
	if (when < 0)
		return -1;
	s->act[s->acts++] = (struct scenario_act){(enum act)act, (enum act_when)when, vcpu};
	return 0;
}

static int parse_line(struct scenario *s, const char *key, char *value)
{
	const struct text *text = table_find(texts, key, key);
	int n;

	if (text) {
		if (!strcmp(key, "family"))
			value[strcspn(value, ".")] = '\0';
		*(const char **)((char *)s + text->offset) = value;
		return 0;
	}
	if (!strcmp(key, "freeze")) {
		n = index_of(freezes, FREEZES, value, strlen(value));
		s->freeze = (enum scenario_freeze)n;
		return n < 0 ? -1 : 0;
	}
	if (!strcmp(key, "act") || !strcmp(key, "act1"))
		return parse_act(s, value, key[3] == '1');
	if (!strcmp(key, "vcpus")) {
		s->vcpus = 2;
		return strcmp(value, "2") ? -1 : 0;
	}
	if (!strcmp(key, "posts"))
		s->posts = !strcmp(value, "yes");
	else if (!strcmp(key, "quick"))
		s->quick = !strcmp(value, "yes");
	else if (!strcmp(key, "ordinary"))
		s->ordinary = !strcmp(value, "yes");
	else
		return -1;
	return strcmp(value, "yes") ? -1 : 0;
}

/* NEEDS(VMX_CPU_MTF, L2_BASE) is for people without its macro and prefix, and each word once. */
static void tidy_needs(char *needs)
{
	const size_t room = strlen(needs) + 1;
	const char *list = needs + (strncmp(needs, "NEEDS(", 6) ? 0 : 6);
	auto_buf struct buf words = {0}, text = {0};
	char word[64];

	while (word_next(&list, ',', word, sizeof(word))) {
		char *name = word + strspn(word, " ");

		name[strcspn(name, " )")] = '\0';
		name += strncmp(name, "VMX_", 4) ? 0 : 4;
		if (!*name || word_in(buf_text(&words), ',', name))
			continue;
		buf_printf(&words, "%s%s", words.len ? "," : "", name);
		buf_printf(&text, "%s%s", text.len ? ", " : "", name);
	}
	snprintf(needs, room, "%s", buf_text(&text));
}

/* Whether @word is among what was tidied by tidy_needs(). */
static bool needs(const struct scenario *s, const char *word)
{
	const char *list = s->needs;
	char need[64];

	while (word_next(&list, ',', need, sizeof(need)))
		if (!strcmp(need + strspn(need, " "), word))
			return true;
	return false;
}

static int parse_one(struct scenario *s, char *text, struct err *e)
{
	struct err why = {0};

	*s = (struct scenario){
		.title = "", .family = "", .needs = "", .proof = "", .proof1 = "", .vcpus = 1};
	for (char *line = text, *next; *line; line = next) {
		char *colon = strstr(line, ": ");

		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		if (!colon || colon >= next)
			return err_set(e, "about scenario %s: '%s' has no key",
				       s->name ? s->name : "?", line);
		*colon = '\0';
		if (parse_line(s, line, colon + 2))
			return err_set(e, "about scenario %s: '%s: %s' makes no sense",
				       s->name ? s->name : "?", line, colon + 2);
	}
	if (!s->name || !*s->name || !*s->title || !*s->proof)
		return err_set(e, "about scenario %s: name, title or proof is missing",
			       s->name ? s->name : "?");
	/* It becomes a directory's name and a word of L1's command line. */
	if (s->name[strspn(s->name, "abcdefghijklmnopqrstuvwxyz0123456789_")])
		return err_set(e, "about scenario %s: that is no name", s->name);
	if (proof_check(NULL, s->proof, &why) || proof_check(NULL, s->proof1, &why))
		return err_set(e, "about scenario %s: %s (host/snapshot/proof.h has all terms)",
			       s->name, why.text);
	for (unsigned i = 0; i < s->acts; i++)
		if (s->act[i].vcpu >= s->vcpus)
			return err_set(e, "about scenario %s: act1 without a second vCPU", s->name);
	if (!*s->proof1 != (s->vcpus < 2))
		return err_set(e, "about scenario %s: %s", s->name,
			       *s->proof1 ? "proof1 without a second vCPU"
					  : "a second vCPU without proof1");
	if (*s->needs) /* then it lies in the store, which is ours */
		tidy_needs((char *)(uintptr_t)s->needs);
	s->enlightened = needs(s, "EVMCS");
	s->l2 = word_in(s->proof, ' ', "l2");
	s->l2_alone = !strcmp(s->proof, "l2 runnable") || !strcmp(s->proof, "l2 halted");
	s->mp_state =
		word_in(s->proof, ' ', "halted") ? KVM_MP_STATE_HALTED : KVM_MP_STATE_RUNNABLE;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct scenario *)a)->name, ((const struct scenario *)b)->name);
}

static void forget(void)
{
	for (unsigned i = 0; i < count; i++)
		if (table[i].second)
			for (unsigned t = 0; t < ARRAY_SIZE(own); t++)
				free(*(char **)((char *)&table[i] + own[t]));
	free(store);
	free(table);
	store = NULL;
	table = NULL;
	count = 0;
}

/*
 * The proof for an enlightened VMCS, which the caller frees: the nested state gives no address of
 * it, and tells nothing of one that L1 has not entered.
 */
static char *second_proof(const struct scenario *s)
{
	auto_buf struct buf proof = {0};
	const char *list = s->proof;
	char term[96];

	while (word_next(&list, ' ', term, sizeof(term)))
		if (strcmp(term, "vmcs12"))
			buf_printf(&proof, "%s%s", proof.len ? " " : "", term);
	return xasprintf("%s%s", buf_text(&proof), s->l2 ? " evmcs" : "");
}

/* The scenarios that fly by an enlightened L1 as well, once more behind the others. */
static void add_second(void)
{
	const unsigned first = count;

	for (unsigned i = 0; i < first; i++) {
		struct scenario *s;

		if (table[i].ordinary || table[i].enlightened || table[i].vcpus > 1 ||
		    !(needs(&table[i], "L2_BASE") || needs(&table[i], "L2_ANY")))
			continue;
		table = xrealloc(table, (count + 1) * sizeof(*table));
		s = &table[count++];
		*s = table[i];
		s->second = s->enlightened = true;
		s->name = xasprintf("%s" SCENARIO_SECOND, table[i].name);
		s->title = xasprintf("%s, by an enlightened VMCS", table[i].title);
		s->proof = second_proof(&table[i]);
	}
}

static int check_names(struct err *e)
{
	if (!count)
		return err_set(e, "there is no scenario in it");
	if (count > SCENARIOS_MAX)
		return err_set(e, "there are more than %u scenarios in it", SCENARIOS_MAX);
	for (unsigned i = 1; i < count; i++)
		if (!by_name(&table[i - 1], &table[i]))
			return err_set(e, "there are two scenarios %s", table[i].name);
	return 0;
}

int scenarios_parse(const char *text, size_t len, struct err *e)
{
	forget();
	store = xcalloc(1, len + 1);
	memcpy(store, text, len);
	/* Between two texts the linker may have put more than one NUL. */
	for (char *p = store, *end = store + len, *next; p < end; p = next) {
		next = p + strlen(p) + 1;
		if (!*p)
			continue;
		table = xrealloc(table, (count + 1) * sizeof(*table));
		if (parse_one(&table[count++], p, e)) {
			forget();
			return -1;
		}
	}
	add_second();
	if (count)
		qsort(table, count, sizeof(*table), by_name);
	if (!check_names(e))
		return 0;
	forget();
	return -1;
}

/* The section's bytes within the @len bytes of an ELF file; all that is read is checked first. */
static const char *find_section(const char *file, size_t len, size_t *size)
{
	Elf64_Ehdr h;
	Elf64_Shdr s, names;

	if (len < sizeof(h))
		return NULL;
	memcpy(&h, file, sizeof(h));
	if (memcmp(h.e_ident, ELFMAG, SELFMAG) || h.e_ident[EI_CLASS] != ELFCLASS64 ||
	    h.e_shentsize != sizeof(s) || h.e_shstrndx >= h.e_shnum || h.e_shoff > len ||
	    (len - h.e_shoff) / sizeof(s) < h.e_shnum)
		return NULL;
	memcpy(&names, file + h.e_shoff + h.e_shstrndx * sizeof(s), sizeof(names));
	if (names.sh_offset > len || names.sh_size > len - names.sh_offset)
		return NULL;
	for (unsigned i = 0; i < h.e_shnum; i++) {
		memcpy(&s, file + h.e_shoff + i * sizeof(s), sizeof(s));
		if (s.sh_name >= names.sh_size || names.sh_size - s.sh_name < sizeof(SECTION) ||
		    memcmp(file + names.sh_offset + s.sh_name, SECTION, sizeof(SECTION)))
			continue;
		if (s.sh_offset > len || s.sh_size > len - s.sh_offset)
			return NULL;
		*size = s.sh_size;
		return file + s.sh_offset;
	}
	return NULL;
}

int scenarios_load(const char *path, struct err *e)
{
	struct err why = {0};
	auto_fclose FILE *f = open_plain(path, &why);
	auto_free char *file = NULL;
	struct stat st;
	const char *text;
	size_t len, size = 0;

	if (!f || fstat(fileno(f), &st))
		return err_set(e, "cannot read the image %s", f ? path : why.text);
	if (st.st_size <= 0 || st.st_size > IMAGE_MAX)
		return err_set(e, "%s is no image of a size that makes sense", path);
	file = xcalloc(1, (size_t)st.st_size);
	len = fread(file, 1, (size_t)st.st_size, f);
	text = find_section(file, len, &size);
	if (!text)
		return err_set(e, "%s is no image of L1, or was stripped: it has no section %s",
			       path, SECTION);
	return scenarios_parse(text, size, e);
}

void scenarios_set(const struct scenario *list, unsigned n)
{
	forget();
	table = xcalloc(n, sizeof(*table));
	memcpy(table, list, n * sizeof(*table));
	count = n;
}

const struct scenario *scenarios(unsigned *n)
{
	*n = count;
	return table;
}

const struct scenario *scenario_find(const char *name, size_t len)
{
	for (unsigned i = 0; i < count; i++)
		if (strlen(table[i].name) == len && !memcmp(table[i].name, name, len))
			return &table[i];
	return NULL;
}

bool scenario_exact(const struct scenario *s)
{
	return s->freeze != AT_SOON || s->acts || s->vcpus > 1;
}

bool scenario_has_act(const struct scenario *s, enum act what)
{
	for (unsigned i = 0; i < s->acts; i++)
		if (s->act[i].what == what)
			return true;
	return false;
}
