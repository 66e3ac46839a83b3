// SPDX-License-Identifier: BSD-2-Clause
// Which of Hyper-V's enlightenments QEMU can give to an enlightened L1 here, asked from it.
#include "host/base/cleanup.h"
#include "host/base/json.h"
#include "host/qemu/qemu_process.h"

#include <string.h>

/* What libvirt's documentation and KubeVirt give to a Windows VM; hv-evmcs wants hv-vapic. */
static const char *const wanted[] = {
	"relaxed",   "vapic",	     "vpindex",		"runtime",	   "time",
	"synic",     "stimer",	     "stimer-direct",	"reset",	   "frequencies",
	"tlbflush",  "tlbflush-ext", "tlbflush-direct", "reenlightenment", "ipi",
	"xmm-input", "emsr-bitmap",  "evmcs",
};
#define SPINLOCKS ",hv-spinlocks=0x1fff"

static char *words_of(const json_t *props)
{
	struct buf b = {0};

	buf_printf(&b, "%s", json_object_get(props, "hv-spinlocks") ? SPINLOCKS : "");
	for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++) {
		char name[64];

		snprintf(name, sizeof(name), "hv-%s", wanted[i]);
		if (json_member_true(props, name))
			buf_printf(&b, ",%s=on", name);
	}
	return b.p;
}

int qemu_ask_hyperv(struct qemu *q)
{
	static char *asked_of, *words; /* all VMs of a run have one QEMU */
	json_auto_t *value = NULL;
	int ret;

	if (!asked_of || strcmp(asked_of, q->config->qemu)) {
		ret = qemu_launch(q, q->now, (const char *const[]){"-S", NULL});
		ret = ret
			      ?: qemu_command(q, q->now, "query-cpu-model-expansion",
					      json_pack("{s:s, s:{s:s, s:{s:b}}}", "type", "full",
							"model", "name", "host", "props",
							"hv-passthrough", 1),
					      -1, &value);
		qemu_kill(q->now);
		if (ret)
			return ret;
		free(asked_of);
		free(words);
		asked_of = xstrdup(q->config->qemu);
		words = words_of(json_object_get(json_object_get(value, "model"), "props"));
	}
	q->enlightenments = words;
	return VM_OK;
}
