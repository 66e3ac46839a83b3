// SPDX-License-Identifier: BSD-2-Clause
// What a QEMU offers, asked from it, and how it is configured for a method (methods.def).
#include "host/qemu/qemu_moves.h"
#include "host/base/cleanup.h"
#include "host/base/json.h"

#include <fcntl.h>
#include <string.h>

#define SLOW_BYTES	 (1 << 20) /* per second: several rounds */
#define SLOW_DOWNTIME_MS 10	   /* less than sending what L2 dirties takes */
#define DEMAND_BYTES	 4096	   /* per second, beside the pages that are asked for */

static int ask(struct qemu *q)
{
	struct qemu_moves *m = q->moves;
	int ret = VM_OK;

	if (!m->capabilities)
		ret = qemu_command(q, q->now, "query-migrate-capabilities", NULL, -1,
				   &m->capabilities);
	if (!ret && !m->parameters)
		ret = qemu_command(q, q->now, "query-migrate-parameters", NULL, -1, &m->parameters);
	return ret;
}

static bool has_capability(const struct qemu_moves *m, const char *word)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(m->capabilities, i, entry)
		if (!strcmp(json_text_of(entry, "capability"), word))
			return true;
	return false;
}

int qemu_set_parameter(struct qemu *q, struct qemu_process *p, const char *name, json_t *value)
{
	return qemu_command(q, p, "migrate-set-parameters", json_pack("{s:o}", name, value), -1,
			    NULL);
}

static const char *mode_of(enum method method)
{
	return method == METHOD_CPR_REBOOT     ? "cpr-reboot"
	       : method == METHOD_CPR_TRANSFER ? "cpr-transfer"
					       : "normal";
}

/* Whether files in the log directory can be written past the page cache. */
static bool direct_files(const struct qemu *q)
{
	auto_free char *p = qemu_path(q, COPY_FILE);
	auto_close int fd = open(p, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);

	unlink(p);
	return fd >= 0;
}

int qemu_lacks(struct qemu *q, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_as(VM_LACKS, q->config->err, "method %s: %s", method_name(q->moves->method),
		      text);
}

static bool by_statistics(enum method method)
{
	const enum method_kind kind = method_info(method)->kind;

	return kind == KIND_SAVEVM || kind == KIND_STAY || kind == KIND_RESET ||
	       method == METHOD_POSTCOPY || method == METHOD_POSTCOPY_PREEMPT ||
	       method == METHOD_CPR_TRANSFER;
}

int qemu_check_offer(struct qemu *q)
{
	struct qemu_moves *m = q->moves;
	const char *caps = method_info(m->method)->capabilities;
	const bool direct = m->method == METHOD_MAPPED_RAM_DIRECT;
	char word[64];
	int ret = ask(q);

	if (ret)
		return ret;
	while (word_next(&caps, ' ', word, sizeof(word)))
		if (!has_capability(m, word))
			return qemu_lacks(q, "this QEMU has no migration capability %s", word);
	if (direct && !json_object_get(m->parameters, "direct-io"))
		return qemu_lacks(q, "this QEMU has no migration parameter direct-io");
	if (direct && !direct_files(q))
		return qemu_lacks(q, "the file system of the log directory takes no O_DIRECT");
	if (strcmp(mode_of(m->method), "normal")) {
		if (!json_object_get(m->parameters, "mode"))
			return qemu_lacks(q, "this QEMU has no migration parameter mode");
		ret = qemu_set_parameter(q, q->now, "mode", json_string(mode_of(m->method)));
		if (ret == VM_HARNESS)
			return qemu_lacks(q, "%s", q->config->err->text);
	}
	if (!ret && !strcmp(q->config->accel, "kvm") && by_statistics(m->method) &&
	    qemu_stat(q, q->now, "guest_mode") < 0)
		return qemu_lacks(q, "this QEMU does not tell KVM's statistics (query-stats)");
	return ret;
}

int qemu_configure(struct qemu *q, struct qemu_process *p)
{
	const struct qemu_moves *m = q->moves;
	const char *caps = method_info(m->method)->capabilities;
	json_t *list = json_array();
	json_auto_t *parameters = json_object();
	const bool slow = m->method == METHOD_PRECOPY_LIMITED ||
			  m->method == METHOD_PRECOPY_AUTO_CONVERGE ||
			  m->method == METHOD_PRECOPY_XBZRLE;
	const bool demand = word_in(caps, ' ', "postcopy-ram");
	const struct {
		const char *name;
		json_int_t value;
	} numbers[] = {{"max-bandwidth", slow	  ? SLOW_BYTES
					 : demand ? DEMAND_BYTES
						  : 1ll << 30},
		       {"downtime-limit", slow ? SLOW_DOWNTIME_MS : 300},
		       {"max-postcopy-bandwidth", DEMAND_BYTES},
		       {"throttle-trigger-threshold", 1},
		       {"cpu-throttle-initial", 50}};
	int ret;

	json_array_append_new(list, json_pack("{s:s, s:b}", "capability", "events", "state", 1));
	for (enum method other = 0; other < METHODS; other++) {
		const char *words = method_info(other)->capabilities;
		char word[64];

		while (word_next(&words, ' ', word, sizeof(word)))
			if (has_capability(m, word))
				json_array_append_new(list,
						      json_pack("{s:s, s:b}", "capability", word,
								"state", word_in(caps, ' ', word)));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++)
		if (json_object_get(m->parameters, numbers[i].name))
			json_object_set_new(parameters, numbers[i].name,
					    json_integer(numbers[i].value));
	if (json_object_get(m->parameters, "direct-io"))
		json_object_set_new(parameters, "direct-io",
				    json_boolean(m->method == METHOD_MAPPED_RAM_DIRECT));
	if (json_object_get(m->parameters, "mode"))
		json_object_set_new(parameters, "mode", json_string(mode_of(m->method)));
	ret = qemu_command(q, p, "migrate-set-capabilities",
			   json_pack("{s:o}", "capabilities", list), -1, NULL);
	return ret ?: qemu_command(q, p, "migrate-set-parameters", keep(parameters), -1, NULL);
}
