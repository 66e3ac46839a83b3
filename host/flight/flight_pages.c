// SPDX-License-Identifier: BSD-2-Clause
// What each restored VM asked for, as pages-HOP.txt and pages-HOP.json (docs/pages.md).
#include "host/flight/flight_state.h"
#include "host/base/cleanup.h"
#include "host/flight/known.h"
#include "host/pages/pages.h"

#include <jansson.h>
#include <string.h>

static void write_one(const struct flight *f, unsigned n, const char *ending, const char *text)
{
	struct err e = {0};
	char name[40];

	snprintf(name, sizeof(name), "pages-%u.%s", n, ending);
	if (write_file(f->config->vm.dir, name, text, strlen(text), 0666, &e))
		fprintf(stderr, "midflight: %s\n", e.text);
}

void flight_pages_write(const struct flight *f)
{
	const struct flight_result *r = f->result;

	/* Of QEMU's requests the wire tells the page alone, which the hop's move record has. */
	if (!f->config->hop_files || f->config->driver->moved)
		return;
	for (unsigned i = 0; i < r->hops; i++) {
		const struct hop_record *hop = &r->hop[i];
		const char *late = f->config->vm.pages->late;
		auto_buf struct buf text = {0};
		json_auto_t *json = NULL;
		auto_free char *dump = NULL;

		if (!hop->fetch)
			continue;
		pages_report(hop->fetch, hop->fetches, known_kernel(), late, &text);
		write_one(f, i + 1, "txt", buf_text(&text));
		json = pages_report_json(hop->fetch, hop->fetches, known_kernel(), late);
		dump = json_dumps(json, JSON_INDENT(1));
		if (dump)
			write_one(f, i + 1, "json", dump);
	}
}
