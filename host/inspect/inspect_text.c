// SPDX-License-Identifier: BSD-2-Clause
// All that a file says, or what differs between two, as text.
#include "host/inspect/inspect.h"

void inspect_snapshot(const struct buf *file, bool brief, struct buf *text)
{
	struct inspected i = {0};
	struct err e = {0};

	if (inspect_load(&i, file, &e))
		buf_printf(text, "cannot be decoded: %s\n", e.text);
	else if (brief)
		inspect_brief(&i, text);
	else
		inspect_print(&i, false, text);
	inspect_free(&i);
}

int inspect_compare(const struct buf *a, const struct buf *b, struct buf *text)
{
	struct inspected ia = {0}, ib = {0};
	struct err e = {0};
	int ret = -1;

	if (inspect_load(&ia, a, &e))
		buf_printf(text, "the first cannot be decoded: %s\n", e.text);
	else if (inspect_load(&ib, b, &e))
		buf_printf(text, "the second cannot be decoded: %s\n", e.text);
	else
		ret = inspect_diff(&ia, &ib, text);
	inspect_free(&ia);
	inspect_free(&ib);
	return ret;
}
