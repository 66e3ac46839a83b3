// SPDX-License-Identifier: BSD-2-Clause
// `midflight report`: one HTML file of one or several runs.
#include "host/commands/cmd.h"
#include "host/html/html_page.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <sys/stat.h>

#define KIB 1024

/* A run's directory may come from anybody: no link in it decides what gets overwritten. */
static int check_plain(const char *path, struct err *e)
{
	struct stat st;

	if (lstat(path, &st) || S_ISREG(st.st_mode))
		return 0;
	return err_set(e, "%s is no plain file (--out names another)", path);
}

int cmd_report(struct options *o)
{
	auto_by(report_html_free) struct report_page page = {0};
	auto_buf struct buf html = {0};
	struct err e = {0};
	auto_free char *path = o->out ? xstrdup(o->out) : xasprintf("%s/report.html", o->files[0]);

	if (report_html_load(&page, o->files, o->file_count, &e) ||
	    (!o->out && check_plain(path, &e)))
		return give_up(e.text);
	report_html(&page, &html);
	if (write_path(path, html.p, html.len, &e))
		return give_up(e.text);
	printf("%s: %u result%s, %zu KiB\n", path, page.results, page.results == 1 ? "" : "s",
	       html.len / KIB);
	if (page.problems)
		printf("%u of the files it was made from %s damaged: the page says what and "
		       "where\n",
		       page.problems, page.problems == 1 ? "is" : "are");
	return 0;
}
