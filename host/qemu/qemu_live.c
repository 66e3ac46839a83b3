// SPDX-License-Identifier: BSD-2-Clause
// Live moves: the VM goes on while it goes to another QEMU. The runner itself is the network
// between the two (relay.h), so it sees which pages are asked for.
#include "host/qemu/qemu_moves.h"
#include "host/base/cleanup.h"
#include "host/snapshot/qemu_stream.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOW_ROUNDS 4
#define SLOW_NS	    (5000 * NS_PER_MS)

void qemu_end_relay(struct qemu_moves *m)
{
	struct relay_stats stats;

	if (!m->relay)
		return;
	free(m->fetch);
	m->fetches = relay_requests(m->relay, &m->fetch);
	relay_stats(m->relay, &stats);
	m->record.bytes = (int64_t)stats.to_destination;
	m->record.page_requests = (int)stats.page_requests;
	relay_stop(m->relay);
	m->relay = NULL;
}

static char *socket_path(const struct qemu *q, const char *name)
{
	return xasprintf("%s/%s", q->moves->sockets, name);
}

static int start_relay(struct qemu *q, uint64_t hold_at)
{
	auto_free char *from = socket_path(q, "from.sock"), *to = socket_path(q, "to.sock");
	const struct relay_config config = {.listen = from,
					    .connect = to,
					    .record_cap = qemu_stream_cap(q),
					    .hold_at = hold_at,
					    .names = q->config->names};

	qemu_end_relay(q->moves);
	q->moves->relay = relay_start(&config, q->config->err);
	return q->moves->relay ? VM_OK : VM_HARNESS;
}

int qemu_start_destination(struct qemu *q, uint64_t hold_at)
{
	auto_free char *to = socket_path(q, "to.sock"), *uri = xasprintf("unix:%s", to);
	int ret = qemu_launch_incoming(q, q->next);

	unlink(to);
	return ret ?: qemu_migrate(q, q->next, "migrate-incoming", uri) ?: start_relay(q, hold_at);
}

int qemu_start_migration(struct qemu *q)
{
	auto_free char *from = socket_path(q, "from.sock"), *uri = xasprintf("unix:%s", from);

	q->now->may_stop = true;
	return qemu_migrate(q, q->now, "migrate", uri);
}

/* The VM has a new process; the old one has said all that it will. */
static void hand_over(struct qemu *q)
{
	qemu_drain_serial(q->now);
	qemu_swap(q);
	qemu_kill(q->next);
	q->now->may_stop = true; /* it stands still */
}

/* Lets the migration take its rounds, then gives it all the bandwidth there is. */
static int take_rounds(struct qemu *q)
{
	int64_t until = now_ns() + SLOW_NS;
	int ret = VM_OK;

	while (!ret && !qemu_over(q->now) && now_ns() < until &&
	       q->moves->record.rounds < SLOW_ROUNDS) {
		ret = qemu_wait(q, now_ns() + POLL_NS);
		if (!ret && !qemu_over(q->now))
			ret = qemu_account(q, q->now);
	}
	if (!ret && !qemu_over(q->now))
		ret = qemu_command(q, q->now, "migrate-set-parameters",
				   json_pack("{s:I, s:i}", "max-bandwidth", (json_int_t)1 << 30,
					     "downtime-limit", 300),
				   -1, NULL);
	return ret;
}

/* At both ends; if it has failed at the VM's, the other one may wait for ever. */
static bool both_over(const struct qemu *q)
{
	return qemu_over(q->now) && (qemu_over(q->next) || strcmp(q->now->migration, "completed"));
}

int qemu_move_precopy(struct qemu *q, struct saved_state *state)
{
	struct qemu_moves *m = q->moves;
	auto_buf struct buf stream = {0};
	int ret = qemu_start_migration(q) ?: take_rounds(q);

	ret = ret ?: qemu_wait_until(q, both_over, "migration");
	ret = ret ?: qemu_migrated_out(q, "migration, at the source");
	ret = ret ?: qemu_judge_end(q, q->next, "migration, at the destination");
	if (ret)
		return ret;
	relay_stream(m->relay, &stream);
	qemu_end_relay(m);
	ret = qemu_stream_parse(stream.p, stream.len, 0, state, q->config->err);
	hand_over(q);
	return ret;
}

static bool demanding(const struct qemu *q)
{
	return (q->now->stopped && !strcmp(q->next->migration, "postcopy-active")) ||
	       qemu_over(q->now) || qemu_over(q->next);
}

/* The VM stands still at the destination, whose memory is still at the source. */
int qemu_move_postcopy(struct qemu *q, struct saved_state *state)
{
	int ret = qemu_start_migration(q);

	ret = ret ?: qemu_command(q, q->now, "migrate-start-postcopy", NULL, -1, NULL);
	ret = ret ?: qemu_wait_until(q, demanding, "switch to post-copy");
	if (!ret &&
	    (qemu_over(q->next) || (qemu_over(q->now) && strcmp(q->now->migration, "completed"))))
		ret = qemu_judge_end(q, qemu_over(q->next) ? q->next : q->now, "post-copy");
	ret = ret ?: qemu_state(q, q->now, state);
	if (ret)
		return ret;
	qemu_drain_serial(q->now);
	qemu_swap(q);
	q->now->may_stop = true;
	q->moves->settling = true;
	return VM_OK;
}

int qemu_settle(struct qemu *q)
{
	struct qemu_moves *m = q->moves;
	int ret;

	if (!m->settling)
		return VM_OK;
	m->settling = false;
	ret = qemu_set_parameter(q, q->next, "max-postcopy-bandwidth", json_integer(0));
	ret = ret ?: qemu_wait_until(q, both_over, "post-copy's end");
	ret = ret ?: qemu_judge_end(q, q->now, "post-copy, at the destination");
	ret = ret ?: qemu_judge_end(q, q->next, "post-copy, at the source");
	ret = ret ?: qemu_account(q, q->next);
	qemu_end_relay(m);
	qemu_kill(q->next);
	return ret;
}

/* cpr-transfer: the new QEMU waits for the old one before it can talk. */
int qemu_move_cpr(struct qemu *q, struct saved_state *state)
{
	auto_free char *to = socket_path(q, "to.sock"), *cpr = socket_path(q, "cpr.sock");
	auto_free char *uri = xasprintf("unix:%s", to);
	json_auto_t *address = json_pack("{s:s, s:{s:s, s:s, s:s}}", "channel-type", "cpr", "addr",
					 "transport", "socket", "type", "unix", "path", cpr);
	json_auto_t *address_main =
		json_pack("{s:s, s:{s:s, s:s, s:s}}", "channel-type", "main", "addr", "transport",
			  "socket", "type", "unix", "path", to);
	auto_free char *text = json_dumps(address, JSON_COMPACT);
	const char *extra[] = {"-incoming", uri, "-incoming", text, "-S", NULL};
	int64_t until = now_ns() + q->deadline_ns;
	int ret;

	unlink(to);
	unlink(cpr);
	ret = qemu_spawn(q, q->next, extra);
	while (!ret && access(cpr, F_OK) && q->next->pid && now_ns() < until)
		ret = qemu_wait(q, now_ns() + POLL_NS);
	q->now->migration[0] = '\0';
	q->now->may_stop = true;
	if (!ret)
		ret = qemu_command(q, q->now, "migrate",
				   json_pack("{s:[O, O]}", "channels", address_main, address), -1,
				   NULL);
	while (!ret && q->next->pid && !q->next->qmp.greeted && now_ns() < until)
		ret = qemu_wait(q, until);
	ret = ret ?: qemu_command(q, q->next, "qmp_capabilities", NULL, -1, NULL);
	ret = ret ?: qemu_migrated_out(q, "cpr-transfer, at the source");
	ret = ret ?: qemu_state(q, q->now, state);
	while (!ret && now_ns() < until) {
		char status[64];

		ret = qemu_ask_string(q, q->next, "query-status", "status", status, sizeof(status));
		if (ret || strcmp(status, "inmigrate"))
			break;
		ret = qemu_wait(q, now_ns() + POLL_NS);
	}
	if (!ret)
		hand_over(q);
	return ret;
}

unsigned qemu_fetches(void *vm, struct fetch **list)
{
	struct qemu_moves *m = ((struct qemu *)vm)->moves;
	unsigned count;

	/* The VM may have ended before post-copy did. */
	if (m->settling)
		qemu_end_relay(m);
	count = m->fetches;
	*list = count ? keep(m->fetch) : NULL;
	m->fetches = 0;
	return count;
}
