// SPDX-License-Identifier: BSD-2-Clause
// `midflight list`: the scenarios as the image tells of them, and the methods; with --verbose as in
// docs/scenarios.md and docs/methods.md.
#include "host/commands/cmd.h"
#include "host/run/setup.h"

#include <string.h>

static const char *const freezes[FREEZES] = {
#define F(id, name, text) [AT_##id] = text,
#include "hv/freezes.def"
#undef F
};

static const char *const acts[ACTS] = {
#define A(id, name, text) [ACT_##id] = text,
#include "hv/acts.def"
#undef A
};

static const char *const whens[WHENS] = {
#define W(id, name, text) [WHEN_##id] = text,
#include "hv/act_whens.def"
#undef W
};

static void line(const char *what, const char *text)
{
	if (text && *text)
		printf("* **%s:** %s\n", what, text);
}

/* NAME_evmcs is told of by NAME. */
static void describe(const struct scenario *s)
{
	char second[64];

	if (s->second)
		return;
	printf("\n## %s\n%s.\n\n", s->name, s->title);
	line("the architecture promises", s->promise);
	line("the host", s->host);
	line("bug it models", s->bug);
	line("a failure looks like", s->failure);
	line("frozen", freezes[s->freeze]);
	for (unsigned i = 0; i < s->acts; i++)
		printf("* **and then:** %s%s, %s\n", acts[s->act[i].what],
		       s->act[i].vcpu ? " (the second vCPU)" : "", whens[s->act[i].when]);
	if (s->posts)
		printf("* **and then:** a posted interrupt, at each moment of "
		       "`host/l1/posts.def`\n");
	printf("* **counts only with:** `%s`\n", s->proof);
	if (*s->proof1)
		printf("* **and, of the second vCPU:** `%s`\n", s->proof1);
	if (*s->needs)
		printf("* **needs:** %s\n", s->needs);
	if (s->order)
		printf("* **restored a second time:** `%s.%s`, in that order; KVM refuses it in "
		       "QEMU's\n",
		       s->name, s->order);
	snprintf(second, sizeof(second), "%s" SCENARIO_SECOND, s->name);
	if (scenario_find(second, strlen(second)))
		printf("* **with `--enlightened`:** `%s`\n", second);
}

/* Which drivers can; every scenario and method has one. */
static const char *drivers(bool qemu, bool kvm)
{
	return qemu ? kvm ? "qemu kvm" : "qemu" : "kvm";
}

static void row(unsigned width, const char *name, const char *by, const char *text,
		const char *needs)
{
	printf("%-*s  %-8s  %s%s%s%s\n", (int)width, name, by, text, *needs ? " [" : "", needs,
	       *needs ? "]" : "");
}

static void list_methods(void)
{
	unsigned width = 0;

	for (enum method m = 0; m < METHODS; m++)
		if (strlen(method_name(m)) > width)
			width = (unsigned)strlen(method_name(m));
	printf("# methods: name, drivers that have it, what happens at each hop [what QEMU must "
	       "offer]\n");
	for (enum method m = 0; m < METHODS; m++) {
		const struct method_info *info = method_info(m);

		row(width, info->name,
		    drivers(!method_lacks(&qemu_driver, m), !method_lacks(&kvm_driver, m)),
		    info->text, info->capabilities);
	}
}

/* As docs/methods.md has them. */
static void describe_methods(void)
{
	puts("\n| method | what happens at each hop | QEMU's capabilities |\n|---|---|---|");
	for (enum method m = 0; m < METHODS; m++)
		printf("| `%s` | %s | %s |\n", method_name(m), method_info(m)->text,
		       method_info(m)->capabilities);
}

static void list_scenarios(const struct options *o)
{
	unsigned width = 0;

	for (unsigned i = 0; i < o->scenarios; i++)
		if (strlen(o->scenario[i]->name) > width)
			width = (unsigned)strlen(o->scenario[i]->name);
	printf("# scenarios: name, drivers that can fly it, title [what the CPU must offer: VMX "
	       "controls;\n"
	       "# L2_BASE, L2_APICV: those of an ordinary L2 without and with APICv; L2_ANY: with "
	       "APICv,\n"
	       "# by an enlightened VMCS without]\n");
	for (unsigned i = 0; i < o->scenarios; i++) {
		const struct scenario *s = o->scenario[i];

		row(width, s->name,
		    drivers(!driver_lacks(&qemu_driver, s), !driver_lacks(&kvm_driver, s)),
		    s->title, s->needs);
	}
}

/* Each family at its first scenario; NAME_evmcs is in that of NAME. */
static void list_groups(void)
{
	unsigned count;
	const struct scenario *table = scenarios(&count);

	printf("# groups of scenarios: the families (files of hv/scenarios), how many there are in "
	       "each, the "
	       "first.\n# --group takes one of them, or any word of names, titles and needs: "
	       "interrupts, timer, EPT\n");
	for (unsigned i = 0; i < count; i++) {
		const char *family = table[i].family;
		unsigned n = 0, members = 0;

		while (n < i && strcmp(table[n].family, family))
			n++;
		for (unsigned m = i; n == i && m < count; m++)
			members += !strcmp(table[m].family, family) && !table[m].second;
		if (members)
			printf("%-16s %4u  %s: %s\n", family, members, table[i].name,
			       table[i].title);
	}
}

int cmd_list(struct options *o)
{
	if (o->list_groups) {
		list_groups();
	} else if (o->verbose && o->list_methods) {
		describe_methods();
	} else if (o->verbose) {
		for (unsigned i = 0; i < o->scenarios; i++)
			describe(o->scenario[i]);
	} else {
		if (!o->list_methods) {
			list_scenarios(o);
			printf("\n");
		}
		list_methods();
	}
	return 0;
}
