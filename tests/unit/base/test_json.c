// SPDX-License-Identifier: BSD-2-Clause
// What is asked of JSON that is not trusted: types of members, schema and version of a file.
#include "tests/unit/unit.h"
#include "tests/unit/tree.h"
#include "host/base/json.h"

static const char letters[] = "suidboan?";

/* Which of the types alone take a member; NULL: it is not there. */
static void takes(json_t *value, const char *types)
{
	json_t *object = json_got(json_object());
	char taken[sizeof(letters)] = "", *to = taken;
	struct err e;

	if (value)
		json_set(object, "x", value);
	for (const char *type = letters; *type; type++) {
		const char one[] = {*type, '\0'};
		const struct json_member members[] = {{"x", one}};

		if (!JSON_CHECK("it", object, members, &e))
			*to++ = *type;
		else
			assert_string_equal(e.text, "it has no good 'x'");
	}
	*to = '\0';
	assert_string_equal(taken, types);
	json_decref(object);
}

static void types(void **state)
{
	(void)state;
	takes(json_string(""), "s");
	takes(json_integer(0), "uid");
	takes(json_integer(-1), "id");
	takes(json_real(1.5), "d");
	takes(json_false(), "b");
	takes(json_object(), "o");
	takes(json_array(), "a");
	takes(json_null(), "n?");
	takes(NULL, "?");
}

static void checks(void **state)
{
	static const struct json_member members[] = {{"a", "sn"}, {"b", "u?"}};
	json_t *good = json_pack("{s:n, s:i, s:i}", "a", "b", 1, "more", 1);
	json_t *bad = json_pack("{s:s, s:i}", "a", "x", "b", -1);
	struct err e;

	(void)state;
	assert_int_equal(JSON_CHECK("it", good, members, &e), 0);
	assert_int_equal(JSON_CHECK("the part", bad, members, &e), -1);
	assert_string_equal(e.text, "the part has no good 'b'");
	assert_int_equal(JSON_CHECK("it", json_object_get(good, "a"), members, &e), -1);
	assert_string_equal(e.text, "it is no object");
	assert_int_equal(JSON_CHECK("it", NULL, members, &e), -1);
	json_decref(good);
	json_decref(bad);
}

static void members(void **state)
{
	json_t *o = json_pack("{s:s, s:i, s:f, s:b}", "s", "text", "i", 3, "d", 1.5, "b", 1);

	(void)state;
	assert_string_equal(json_member(o, "s"), "text");
	assert_null(json_member(o, "i"));
	assert_null(json_member(NULL, "s"));
	assert_string_equal(json_text_of(o, "s"), "text");
	assert_string_equal(json_text_of(o, "i"), "");
	assert_true(json_member_number(o, "i", -1) == 3 && json_member_number(o, "d", -1) == 1.5 &&
		    json_member_number(o, "s", -1) == -1);
	assert_int_equal(json_member_integer(o, "i"), 3);
	assert_int_equal(json_member_integer(o, "d"), 0);
	assert_true(json_member_true(o, "b"));
	assert_false(json_member_true(o, "i"));
	json_decref(o);
}

static json_t *read_text(const char *text, struct err *e)
{
	char *path = xasprintf("%s/x.json", tree_root);
	json_t *top;

	if (text)
		tree_bytes("/x.json", text, strlen(text));
	top = json_read(path, "midflight-x", 2, e);
	if (!top)
		assert_contains(e->text, path);
	free(path);
	return top;
}

static void files(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{NULL, "No such file"},
		{"{\n", "x.json: line "},
		{"{\"version\": 2, \"version\": 2}", "duplicate"},
		{"[]", "x.json is no midflight-x of version 2"},
		{"{\"version\": 2}", "x.json is no midflight-x of version 2"},
		{"{\"schema\": \"midflight-x\", \"version\": 1}", "is no midflight-x of version 2"},
		{"{\"schema\": \"midflight-x\", \"version\": 2.0}", "is no midflight-x"},
		{"{\"schema\": \"midflight-y\", \"version\": 2}", "is no midflight-x"},
		{"{\"schema\": 2, \"version\": 2}", "is no midflight-x"},
	};
	struct err e;
	json_t *top;

	(void)state;
	tree_begin();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_null(read_text(bad[i].text, &e));
		assert_contains(e.text, bad[i].why);
	}
	top = read_text("{\"schema\": \"midflight-x\", \"version\": 2}", &e);
	assert_non_null(top);
	json_decref(top);
	tree_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types),
		cmocka_unit_test(checks),
		cmocka_unit_test(members),
		cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
