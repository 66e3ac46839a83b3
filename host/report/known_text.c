// SPDX-License-Identifier: BSD-2-Clause
// What the documents say of each known bug, a table that known_text.awk makes of them.
#include "host/report/known_text.h"
#include "host/base/util.h"

static const struct known_text texts[] = {
#define TEXT(...) {__VA_ARGS__},
#include <known_texts.h>
#undef TEXT
};

const struct known_text *known_text_find(const char *id)
{
	return table_find(texts, id, id);
}
