// SPDX-License-Identifier: BSD-2-Clause
// QEMU's command line. QEMU hands the image's path on to L1 in front of the command line, so the
// path must not have spaces: QEMU runs in the image's directory and gets its bare name.
#include "host/base/cleanup.h"
#include "host/qemu/qemu_process.h"

#include <stdlib.h>
#include <string.h>

struct list {
	char **p;
	size_t n;
};

/* @text is taken over. */
static void add(struct list *l, char *text)
{
	l->p = xrealloc(l->p, (l->n + 2) * sizeof(*l->p));
	l->p[l->n++] = text;
	l->p[l->n] = NULL;
}

static void add_two(struct list *l, const char *option, char *value)
{
	add(l, xstrdup(option));
	add(l, value);
}

static char *machine_words(const struct vm_config *config)
{
	struct buf b = {0};

	buf_printf(&b, "%s,accel=%s", config->machine, config->accel);
	if (config->irqchip)
		buf_printf(&b, ",kernel-irqchip=%s", config->irqchip);
	if (config->method == METHOD_CPR_TRANSFER)
		buf_printf(&b, ",aux-ram-share=on,memory-backend=ram0");
	return b.p;
}

static char *cpu_words(const struct vm_config *config, const char *enlightenments)
{
	const char *list = config->without;
	struct buf b = {0};
	const size_t size = list ? strlen(list) + 1 : 0;
	auto_free char *word = xcalloc(1, size);

	buf_printf(&b, "%s%s", config->cpu, enlightenments ?: "");
	while (list && word_next(&list, ',', word, size))
		if (*word)
			buf_printf(&b, ",%s=off", word);
	return b.p;
}

char **qemu_args(const struct qemu *q, int serial_fd, int qmp_fd, const char *const *extra)
{
	const struct vm_config *config = q->config;
	const char *slash = strrchr(config->image, '/');
	struct list l = {0};

	add(&l, xstrdup(config->qemu));
	add(&l, xstrdup("-nodefaults"));
	add(&l, xstrdup("-no-user-config"));
	add_two(&l, "-display", xstrdup("none"));
	add_two(&l, "-machine", machine_words(config));
	add_two(&l, "-cpu", cpu_words(config, q->enlightenments));
	add_two(&l, "-smp", xasprintf("%u", config->vcpus ?: 1));
	add_two(&l, "-m", xasprintf("%uM", config->memory_mib));
	if (config->method == METHOD_CPR_TRANSFER) /* memory that the next QEMU can share */
		add_two(&l, "-object",
			xasprintf("memory-backend-memfd,id=ram0,size=%uM,share=on",
				  config->memory_mib));
	add_two(&l, "-kernel", xasprintf("./%s", slash ? slash + 1 : config->image));
	if (*config->cmdline)
		add_two(&l, "-append", xstrdup(config->cmdline));
	if (config->module)
		add_two(&l, "-initrd", xstrdup(config->module));
	add(&l, xstrdup("-no-reboot"));
	add_two(&l, "-device", xstrdup("isa-debug-exit,iobase=0xf4,iosize=0x4"));
	if (serial_fd < 0) {
		add_two(&l, "-serial", xstrdup("stdio"));
	} else {
		add_two(&l, "-chardev", xasprintf("socket,id=serial,fd=%d", serial_fd));
		add_two(&l, "-serial", xstrdup("chardev:serial"));
		add_two(&l, "-chardev", xasprintf("socket,id=qmp,fd=%d", qmp_fd));
		add_two(&l, "-qmp", xstrdup("chardev:qmp"));
	}
	for (; extra && *extra; extra++)
		add(&l, xstrdup(*extra));
	return l.p;
}

void qemu_args_free(char **args)
{
	for (char **p = args; p && *p; p++)
		free(*p);
	free(args);
}

char *qemu_args_dir(const struct vm_config *config)
{
	const char *slash = strrchr(config->image, '/');

	if (!slash)
		return xstrdup(".");
	if (slash == config->image)
		return xstrdup("/");
	return xasprintf("%.*s", (int)(slash - config->image), config->image);
}

void qemu_args_script(const struct qemu *q, struct buf *script)
{
	char **args = qemu_args(q, -1, -1, NULL);
	char *dir = qemu_args_dir(q->config);

	buf_printf(script,
		   "#!/bin/sh\n# The VM as the runner starts it, but with its serial port on "
		   "the terminal:\n# answer each 'ready' with the letter k.\ncd ");
	buf_shell_quote(script, dir);
	buf_printf(script, " && exec");
	for (char **p = args; *p; p++) {
		buf_append(script, " ", 1);
		buf_shell_quote(script, *p);
	}
	buf_append(script, "\n", 1);
	free(dir);
	qemu_args_free(args);
}
