// SPDX-License-Identifier: BSD-2-Clause
// `midflight list`: the scenarios as the image tells of them; with --verbose as docs/scenarios.md.
#include "host/cmd.h"

#include <string.h>

static const char *const freezes[] = {[AT_SOON] = "as soon as L1 is about to enter L2",
				      [AT_PORT] = "at an instruction of L1's or L2's choice",
				      [AT_PAGE] = "while KVM asks for a page",
				      [AT_BLOCKED] = "when the vCPU sleeps in KVM_RUN"};

static const char *const acts[ACTS] = {
#define A(id, name, text) [ACT_##id] = text,
#include "host/acts.def"
#undef A
};

static const char *const whens[WHENS] = {
#define W(id, name, text) [WHEN_##id] = text,
#include "host/act_whens.def"
#undef W
};

static void line(const char *what, const char *text)
{
	if (text && *text)
		printf("* **%s:** %s\n", what, text);
}

static void describe(const struct scenario *s)
{
	printf("\n## %s\n%s.\n\n", s->name, s->title);
	line("the architecture promises", s->promise);
	line("the host", s->host);
	line("bug it models", s->bug);
	line("a failure looks like", s->failure);
	line("frozen", freezes[s->freeze]);
	if (s->act != ACT_NONE)
		printf("* **and then:** %s, %s\n", acts[s->act], whens[s->when]);
	if (s->posts)
		printf("* **and then:** a posted interrupt, at each moment of `host/posts.def`\n");
	printf("* **counts only with:** `%s`\n", s->proof);
	if (*s->proof1)
		printf("* **and, of the second vCPU:** `%s`\n", s->proof1);
	if (*s->needs)
		printf("* **needs:** %s\n", s->needs);
}

/* With their text, and in brackets or a column the migration capabilities that they need. */
static int list_methods(bool table)
{
	if (table)
		puts("\n| method | what happens at each hop | QEMU's capabilities "
		     "|\n|---|---|---|");
	for (enum method m = 0; m < METHODS; m++) {
		const struct method_info *info = method_info(m);
		const char *needs = info->capabilities;

		if (table)
			printf("| `%s` | %s | %s |\n", info->name, info->text, needs);
		else
			printf("%-22s  %s%s%s%s\n", info->name, info->text, *needs ? " [" : "",
			       needs, *needs ? "]" : "");
	}
	return 0;
}

int cmd_list(struct options *o)
{
	unsigned width = 0;

	if (o->list_methods)
		return list_methods(o->verbose);
	for (unsigned i = 0; i < o->scenarios; i++)
		if (strlen(o->scenario[i]->name) > width)
			width = (unsigned)strlen(o->scenario[i]->name);
	for (unsigned i = 0; i < o->scenarios; i++) {
		const struct scenario *s = o->scenario[i];

		if (o->verbose)
			describe(s);
		else
			printf("%-*s  %s\n", (int)width, s->name, s->title);
	}
	return 0;
}
