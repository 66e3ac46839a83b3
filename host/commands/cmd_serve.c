// SPDX-License-Identifier: BSD-2-Clause
// `midflight serve`: the source host of a post-copy migration, as a process.
#include "host/commands/cmd.h"
#include "host/pages/serve.h"
#include "host/base/signals.h"

static const struct options *shown;

static void ready(void)
{
	printf("# midflight: serving the pages of %s on %s\n", shown->file, shown->socket);
	fflush(stdout);
}

int cmd_serve(struct options *o)
{
	struct snapshot s = {0};
	struct serve_source source = {.snapshot = &s};
	struct err e = {0};
	int ret;

	shown = o;
	if (signals_init())
		return give_up("cannot set up signals");
	ret = snapshot_read(&s, o->file, &e) || serve_id(o->file, &source.id, &e)
		      ? -1
		      : serve(&source, o->socket, ready, &e);
	snapshot_free(&s);
	return ret < 0 ? give_up(e.text) : 0;
}
