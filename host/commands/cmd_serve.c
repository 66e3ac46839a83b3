// SPDX-License-Identifier: BSD-2-Clause
// `midflight serve`: the source host of a post-copy migration, as a process.
#include "host/commands/cmd.h"
#include "host/pages/serve.h"
#include "host/base/signals.h"
#include "host/base/cleanup.h"

static const struct options *shown;

static void ready(void)
{
	printf("# midflight: serving the pages of %s on %s\n", shown->file, shown->socket);
	fflush(stdout);
}

int cmd_serve(struct options *o)
{
	auto_by(snapshot_free) struct snapshot s = {0};
	struct serve_source source = {.snapshot = &s};
	struct err e = {0};

	shown = o;
	if (signals_init())
		return give_up("cannot set up signals");
	if (snapshot_read(&s, o->file, &e) || serve_id(o->file, &source.id, &e) ||
	    serve(&source, o->socket, ready, &e) < 0)
		return give_up(e.text);
	return 0;
}
