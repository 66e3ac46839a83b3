/* SPDX-License-Identifier: BSD-2-Clause */
/* L1's command line. Strict: a misspelt word must not turn into a run of something else. */
#include "boot/cmdline.h"
#include "boot/layout.h"
#include "lib/ktap.h"
#include "lib/string.h"

/* Multiboot information: flags bits 2 and 3 say that cmdline, and mods_*, are valid. */
struct multiboot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
};
#define MULTIBOOT_INFO_CMDLINE (1u << 2)
#define MULTIBOOT_INFO_MODS    (1u << 3)

struct multiboot_module {
	uint32_t start, end, string, reserved;
};

/* struct hvm_start_info of the PVH boot ABI, up to what we need. */
struct pvh_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist_paddr, cmdline_paddr;
};
#define PVH_MAGIC 0x336ec578

static char cmdline_text[512];

struct cmdline cmdline = {.hops = 3, .seed = 1, .vcpus = 1, .rounds = 64};

static bool is(const char *s, size_t len, const char *word)
{
	return list_has(s, len, word) && strlen(word) == len;
}

static bool parse_breakage(const char *s, size_t len)
{
	static const char *const names[] = {
#define B(name, text) text,
		BREAKAGES(B)
#undef B
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (is(s, len, names[i])) {
			cmdline.breakage = i;
			return true;
		}
	}
	return false;
}

static bool parse_word(const char *key, size_t key_len, const char *val, size_t len)
{
	if (is(key, key_len, "scenario")) {
		cmdline.scenario = val;
		cmdline.scenario_len = len;
		return len > 0;
	}
	if (is(key, key_len, "hops"))
		return parse_u64(val, len, &cmdline.hops) && cmdline.hops > 0;
	if (is(key, key_len, "seed"))
		return parse_u64(val, len, &cmdline.seed);
	if (is(key, key_len, "sync")) {
		cmdline.sync_host = is(val, len, "host");
		return cmdline.sync_host || is(val, len, "none");
	}
	if (is(key, key_len, "vcpus"))
		return parse_u64(val, len, &cmdline.vcpus) && cmdline.vcpus >= 1 &&
		       cmdline.vcpus <= 2;
	if (is(key, key_len, "wait"))
		return parse_u64(val, len, &cmdline.wait) && cmdline.wait <= 1;
	if (is(key, key_len, "sleep"))
		return parse_u64(val, len, &cmdline.sleep) && cmdline.sleep <= 20;
	if (is(key, key_len, "rounds"))
		return parse_u64(val, len, &cmdline.rounds) && cmdline.rounds >= 1 &&
		       cmdline.rounds <= 65536;
	if (is(key, key_len, "break"))
		return parse_breakage(val, len);
	return false;
}

const char *cmdline_parse(const char *text)
{
	bool first = true;

	/* A loader may put the image's path first, which may have spaces: "--" ends it. */
	for (const char *s = text; *s; s++) {
		if (!strncmp(s, " -- ", 4)) {
			text = s + 4;
			first = false;
		}
	}
	while (*text) {
		const char *word = text, *eq = NULL;

		for (; *text && *text != ' '; text++)
			if (*text == '=' && !eq)
				eq = text;
		if (text != word) {
			bool ok = eq ? parse_word(word, eq - word, eq + 1, text - eq - 1) : first;

			if (!ok)
				return word;
			first = false;
		}
		while (*text == ' ')
			text++;
	}
	return NULL;
}

static void find_module(const struct multiboot_info *mb)
{
	const struct multiboot_module *first = (const void *)(uint64_t)mb->mods_addr;

	if (!(mb->flags & MULTIBOOT_INFO_MODS) || !mb->mods_count)
		return;
	cmdline.module = (const void *)(uint64_t)first->start;
	cmdline.module_size = first->end - first->start;
}

/* The loader's copy may lie where our page pool grows, so keep our own. */
const char *cmdline_copy(uint32_t how, uint64_t info)
{
	const struct multiboot_info *mb = (const void *)info;
	const struct pvh_start_info *pvh = (const void *)info;
	const char *text = NULL;

	cmdline.boot = how == BOOT_MULTIBOOT ? "multiboot" : how == BOOT_PVH ? "pvh" : "unknown";
	if (how == BOOT_MULTIBOOT && (mb->flags & MULTIBOOT_INFO_CMDLINE))
		text = (const char *)(uint64_t)mb->cmdline;
	if (how == BOOT_MULTIBOOT)
		find_module(mb);
	else if (how == BOOT_PVH && pvh->magic == PVH_MAGIC)
		text = (const char *)pvh->cmdline_paddr;
	if (!text)
		return cmdline_text;
	if (strlen(text) >= sizeof(cmdline_text))
		ktap_error_and_end("what=\"command line too long\" limit=%lu",
				   sizeof(cmdline_text) - 1);
	memcpy(cmdline_text, text, strlen(text) + 1);
	return cmdline_text;
}
