// SPDX-License-Identifier: BSD-2-Clause
// Programs as text: words of l2guest/program.def, each behind who does it.
#include "host/fuzz/steps.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const struct step_info step_infos[PROGRAM_OPS] = {
#define WHO_L1				 true
#define WHO_L2				 false
#define S(id, who, word, operands, text) [PROGRAM_##id] = {word, operands, WHO_##who},
#include "l2guest/program.def"
#undef S
};

const char *const program_fields[] = {
#define F(name, encoding, role) #name,
#include "hv/vmcs_fields.def"
#undef F
};
const unsigned program_field_count = ARRAY_SIZE(program_fields);

static const char *const controls[] = {
#define C(name, group, bit, text) #name,
#include "hv/vmx_controls.def"
#undef C
};
const unsigned program_control_count = ARRAY_SIZE(controls);

const struct program_act program_acts[PROGRAM_ACTS] = {{"alone", ACT_NONE, 0},
						       {"nmi", ACT_NMI, 0},
						       {"init", ACT_INIT, 0},
						       {"irq", ACT_IRQ, PROGRAM_ACT_VECTOR},
						       {"post", ACT_POST, PROGRAM_ACT_VECTOR},
						       {"smi", ACT_SMI, 0},
						       {"exception", ACT_EXCEPTION, 6},
						       {"move", ACT_MOVE, 0},
						       {"db", ACT_EXCEPTION, 1},
						       {"gp", ACT_EXCEPTION, 13},
						       {"pf", ACT_EXCEPTION, 14},
						       {"refill", ACT_REFILL, 0}};
static const char *const whens[PROGRAM_WHENS] = {"paused", "restored", "asleep", "asleep-restored"};
static const struct {
	const char *name;
	unsigned type;
} types[] = {{"external", 0}, {"nmi", 2},	 {"exception", 3},
	     {"software", 4}, {"privileged", 5}, {"soft-exception", 6},
	     {"other", 7}};
static const char *const yes_no[] = {"no", "yes"};
static const char *const page_kinds[PROGRAM_PAGE_KINDS] = {"zeros", "ones", "eptp-list", "shadow",
							   "nowhere"};
static const char *const insns[PROGRAM_INSNS] = {
#define I(id, word, text) word,
#include "l2guest/program_insns.def"
#undef I
};
static const char *const vmx_insns[PROGRAM_VMX_INSNS] = {
#define I(id, word) word,
#define W(id, word, text)
#include "l2guest/program_vmx.def"
#undef W
#undef I
};
static const char *const ways[PROGRAM_WAYS] = {
#define I(id, word)
#define W(id, word, text) word,
#include "l2guest/program_vmx.def"
#undef W
#undef I
};

/* The operands that are words of a list; 't' is not in a row. */
static const struct word_list {
	char kind;
	const char *const *words;
	unsigned count;
} word_lists[] = {{'f', program_fields, ARRAY_SIZE(program_fields)},
		  {'c', controls, ARRAY_SIZE(controls)},
		  {'w', whens, PROGRAM_WHENS},
		  {'y', yes_no, ARRAY_SIZE(yes_no)},
		  {'k', page_kinds, PROGRAM_PAGE_KINDS},
		  {'z', insns, PROGRAM_INSNS},
		  {'i', vmx_insns, PROGRAM_VMX_INSNS},
		  {'o', ways, PROGRAM_WAYS}};

unsigned step_words(char kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(word_lists); i++)
		if (word_lists[i].kind == kind)
			return word_lists[i].count;
	return 0;
}

#define IN_A "yk" /* wherever they stand */

/* Where the number of operand @kind, the @nth, lies; its width in bits. */
static unsigned width(char kind, unsigned nth)
{
	return kind == 'x' ? 64 : kind == 'f' || kind == 'm' || kind == 'c' || nth ? 32 : 8;
}

uint64_t step_operand(const struct program_step *s, char kind, unsigned nth)
{
	const unsigned bits = width(kind, nth);

	if (strchr(IN_A, kind))
		return s->a;
	return bits == 64 ? s->val : bits == 32 ? s->b : s->a;
}

void step_set_operand(struct program_step *s, char kind, unsigned nth, uint64_t value)
{
	const unsigned bits = width(kind, nth);

	if (strchr(IN_A, kind))
		s->a = (uint8_t)value;
	else if (bits == 64)
		s->val = value;
	else if (bits == 32)
		s->b = (uint32_t)value;
	else
		s->a = (uint8_t)value;
}

static const char *word_of(char kind, uint64_t value)
{
	if (kind == 'a')
		return value < PROGRAM_ACTS ? program_acts[value].word : NULL;
	for (size_t i = 0; kind == 't' && i < ARRAY_SIZE(types); i++)
		if (types[i].type == value)
			return types[i].name;
	for (size_t i = 0; i < ARRAY_SIZE(word_lists); i++)
		if (word_lists[i].kind == kind)
			return value < word_lists[i].count ? word_lists[i].words[value] : NULL;
	return NULL;
}

/* The value that is called @word; false: none is. */
static bool value_of(char kind, const char *word, uint64_t *value)
{
	const bool words = kind == 'a' || kind == 't' || step_words(kind);
	char *end;

	for (uint64_t i = 0; words && i < 256; i++) {
		const char *known = word_of(kind, i);

		if (known && !strcmp(known, word)) {
			*value = i;
			return true;
		}
	}
	if (words)
		return false;
	*value = strtoull(word, &end, 0);
	return isdigit((unsigned char)*word) && !*end;
}

void program_print_step(const struct program_step *s, struct buf *text)
{
	const struct step_info *info = &step_infos[s->op % PROGRAM_OPS];

	buf_printf(text, "%s %s", info->l1 ? "l1" : "l2", info->word);
	for (unsigned i = 0; info->operands[i]; i++) {
		const uint64_t value = step_operand(s, info->operands[i], i);
		const char *word = word_of(info->operands[i], value);

		if (word)
			buf_printf(text, " %s", word);
		else
			buf_printf(text, " 0x%llx", (unsigned long long)value);
	}
}

void program_print(const struct program_lists *p, struct buf *text)
{
	if (p->flags & PROGRAM_APICV)
		buf_printf(text, "apicv\n");
	for (int l1 = 1; l1 >= 0; l1--) {
		const struct program_step *list = l1 ? p->l1 : p->l2;

		for (unsigned i = 0; list[i].op; i++) {
			program_print_step(&list[i], text);
			buf_printf(text, "\n");
		}
	}
}

unsigned program_count(const struct program_step *list)
{
	unsigned n = 0;

	while (n < PROGRAM_STEPS && list[n].op)
		n++;
	return n;
}

void program_drop(struct program_step *list, unsigned i)
{
	memmove(list + i, list + i + 1, (PROGRAM_STEPS - i) * sizeof(*list));
	memset(&list[PROGRAM_STEPS], 0, sizeof(*list));
}

static int find_op(bool l1, const char *word)
{
	for (int op = 1; op < PROGRAM_OPS; op++)
		if (step_infos[op].l1 == l1 && !strcmp(step_infos[op].word, word))
			return op;
	return 0;
}

/* One line that is not empty, split into @words. */
static int read_line(struct program_lists *p, char *const *words, unsigned count, struct err *e)
{
	const bool l1 = !strcmp(words[0], "l1");
	struct program_step *list = l1 ? p->l1 : p->l2, *s;
	const struct step_info *info;
	unsigned n = program_count(list);
	int op;

	if (count == 1 && !strcmp(words[0], "apicv")) {
		p->flags |= PROGRAM_APICV;
		return 0;
	}
	if (!l1 && strcmp(words[0], "l2") != 0)
		return err_set(e, "'%s' is none of l1, l2, apicv", words[0]);
	op = count > 1 ? find_op(l1, words[1]) : 0;
	if (!op)
		return err_set(e, "%s has no step '%s'", words[0], count > 1 ? words[1] : "");
	if (n == PROGRAM_STEPS)
		return err_set(e, "more than %d steps of %s", PROGRAM_STEPS, words[0]);
	info = &step_infos[op];
	if (count - 2 != strlen(info->operands))
		return err_set(e, "%s has %zu operands", info->word, strlen(info->operands));
	s = &list[n];
	s->op = (uint8_t)op;
	for (unsigned i = 0; info->operands[i]; i++) {
		uint64_t value = 0;

		if (!value_of(info->operands[i], words[2 + i], &value))
			return err_set(e, "'%s' is no operand of %s", words[2 + i], info->word);
		step_set_operand(s, info->operands[i], i, value);
	}
	return 0;
}

int program_read(struct program_lists *p, const char *text, struct err *e)
{
	memset(p, 0, sizeof(*p));
	for (unsigned line = 1; *text; line++) {
		const size_t len = strcspn(text, "\n");
		auto_free char *copy = xasprintf("%.*s", (int)len, text);
		char *words[6] = {0}, *at = copy, *word;
		unsigned count = 0;
		struct err why = {0};

		copy[strcspn(copy, "#")] = '\0';
		while (count < ARRAY_SIZE(words) && (word = strtok_r(at, " \t\r", &at)))
			words[count++] = word;
		if (count && read_line(p, words, count, &why))
			return err_set(e, "line %u: %.900s", line, why.text);
		text += len + (text[len] == '\n');
	}
	return 0;
}

int program_load(struct program_lists *p, const char *dir, const char *name, struct buf *text,
		 struct err *e)
{
	return read_file(dir, name, text, e) || program_read(p, buf_text(text), e) ? -1 : 0;
}
