// SPDX-License-Identifier: BSD-2-Clause
// Lists of words, texts of errors.
#include "tests/unit/unit.h"

#include "host/base/cleanup.h"

static void next_words(void **state)
{
	static const struct {
		const char *list, *words;
	} lists[] = {
		{"", ""},
		{"one", "<one>"},
		{"one|a word|*", "<one><a word><*>"},
		{"one|", "<one>"},
		{"|one||two", "<><one><><two>"},
		{"|", "<>"},
		{"too long a word|next", "<too lon><next>"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const char *list = lists[i].list;
		struct buf words = {0};
		char word[8];

		while (word_next(&list, '|', word, sizeof(word)))
			buf_printf(&words, "<%s>", word);
		assert_string_equal(list, "");
		assert_string_equal(buf_text(&words), lists[i].words);
		buf_free(&words);
	}
}

static void find_words(void **state)
{
	(void)state;
	assert_true(word_in("multifd", ' ', "multifd"));
	assert_true(word_in("mapped-ram multifd", ' ', "mapped-ram"));
	assert_true(word_in("mapped-ram multifd", ' ', "multifd"));
	assert_true(word_in("one||two", '|', ""));
	assert_false(word_in("mapped-ram multifd", ' ', "mapped"));
	assert_false(word_in("mapped-ram multifd", ' ', "ram"));
	assert_false(word_in("mapped-ram multifd", ' ', "mapped-ram multifd"));
	assert_false(word_in("[o]ne|*", '|', "one"));
	assert_false(word_in("one|", '|', ""));
	assert_false(word_in("", '|', ""));
}

static void errors(void **state)
{
	struct err e;

	(void)state;
	err_set(&e, "section '%s'\n\tx", "\x1b[2J\x7f\xc2\x9b\xc3\xa4");
	assert_string_equal(e.text, "section '?[2J???\xc3\xa4'\n\tx");
}

static void printable(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size), *f = printable_stream(to);

	(void)state;
	fprintf(f, "a\tb %s\n", "\x1b[2J\x7f\xc2\x9b");
	fclose(f);
	fclose(to);
	assert_string_equal(text, "a\tb ?[2J???\n");
	free(text);
}

/* Broken at blanks alone; a word that is too long stays whole. */
static void wrapped(void **state)
{
	char *text = NULL, word[2 * LINE_WIDTH + 1];
	auto_buf struct buf long_line = {0};
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	print_wrapped(f, "# ", "short\x1b\n  two\n");
	fflush(f);
	assert_string_equal(text, "# short?\n#   two\n");
	rewind(f);
	for (int i = 0; i < 40; i++)
		buf_printf(&long_line, "%sab%02d", i ? " " : "  | ", i);
	buf_printf(&long_line, "  \nnext");
	print_wrapped(f, "# ", long_line.p);
	fclose(f);
	assert_non_null(strstr(text, "#   | ab00 ab01 "));
	assert_non_null(strstr(text, "\n#   |     ab23 "));
	assert_non_null(strstr(text, "ab39  \n# next\n"));
	for (const char *p = text; *p; p += strcspn(p, "\n") + 1)
		assert_in_range(strcspn(p, "\n"), 1, LINE_WIDTH);
	free(text);

	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	f = open_memstream(&text, &size);
	print_wrapped(f, "# ", word);
	fprintf(f, "|");
	print_wrapped(f, "# ", "");
	fclose(f);
	assert_int_equal(size, 2 + strlen(word) + 2);
	assert_int_equal(strspn(text + 2, "x"), strlen(word));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(printable),  cmocka_unit_test(wrapped),
		cmocka_unit_test(next_words), cmocka_unit_test(find_words),
		cmocka_unit_test(errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
