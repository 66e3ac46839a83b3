// SPDX-License-Identifier: BSD-2-Clause
// `midflight report`: one HTML file of one or several runs, or campaigns of `midflight fuzz`; or a
// mail about one result.
#include "host/commands/cmd.h"
#include "host/cli/paths.h"
#include "host/html/html_page.h"
#include "host/report/mail.h"
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

/* Writes the page that was made. 0, or -1 with @e filled. */
static int write_page(const char *path, const struct buf *html, unsigned count, const char *what,
		      unsigned problems, struct err *e)
{
	if (write_path(path, html->p, html->len, e))
		return -1;
	printf("%s: %u %s%s, %zu KiB\n", path, count, what, count == 1 ? "" : "s", html->len / KIB);
	if (problems)
		printf("%u of the files it was made from %s damaged: the page says what and "
		       "where\n",
		       problems, problems == 1 ? "is" : "are");
	return 0;
}

static int report_campaigns(const struct options *o, const char *path, struct err *e)
{
	auto_by(fuzz_html_free) struct fuzz_page page = {0};
	auto_buf struct buf html = {0};

	for (unsigned i = 0; i < o->file_count; i++)
		if (!fuzz_html_is(o->files[i]))
			return err_set(e,
				       "%s is of a campaign of fuzz, %s is not: each has a report "
				       "of its own",
				       o->files[0], o->files[i]);
	if (fuzz_html_load(&page, o->files, o->file_count, e))
		return -1;
	fuzz_html(&page, &html);
	return write_page(path, &html, page.findings, "finding", page.problems, e);
}

static int report_runs(const struct options *o, const char *path, struct err *e)
{
	auto_by(report_html_free) struct report_page page = {0};
	auto_buf struct buf html = {0};

	if (report_html_load(&page, o->files, o->file_count, e))
		return -1;
	report_html(&page, &html);
	return write_page(path, &html, page.results, "result", page.problems, e);
}

static int report_mail(const struct options *o, struct err *e)
{
	auto_free char *fixes = fixes_dir(executable_dir());
	auto_by(mail_free) struct mail_result result = {.run = -1};
	auto_buf struct buf mail = {0};

	if (mail_load(&result, o->files[0], e) || mail_write(&result, fixes, &mail, e))
		return -1;
	if (o->out)
		return write_path(o->out, mail.p, mail.len, e);
	printf("%s", mail.p);
	return 0;
}

static int write_report(const struct options *o, struct err *e)
{
	auto_free char *path = o->out ? xstrdup(o->out) : xasprintf("%s/report.html", o->files[0]);

	if (!o->out && check_plain(path, e))
		return -1;
	return (fuzz_html_is(o->files[0]) ? report_campaigns : report_runs)(o, path, e);
}

int cmd_report(struct options *o)
{
	struct err e = {0};

	return (o->mail ? report_mail : write_report)(o, &e) ? give_up(e.text) : 0;
}
