// SPDX-License-Identifier: BSD-2-Clause
// Lists of words, texts of errors.
#include "tests/unit/unit.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(printable),
		cmocka_unit_test(next_words),
		cmocka_unit_test(find_words),
		cmocka_unit_test(errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
