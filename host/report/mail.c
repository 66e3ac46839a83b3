// SPDX-License-Identifier: BSD-2-Clause
// A mail about one result: what those who mend KVM want to know, in their order. Nothing is
// guessed: what is not known is said to be so.
#include "host/base/below.h"
#include "host/base/cleanup.h"
#include "host/base/json.h"
#include "host/cli/commands.h"
#include "host/inspect/inspect.h"
#include "host/report/known_text.h"
#include "host/report/mail.h"
#include "host/report/mail_lines.h"
#include "host/report/result_json.h"

#include <stdlib.h>

#define FILE_MAX    (256u << 20) /* bytes of what is read */
#define SHOWN	    6		 /* checks, findings, what an oracle found */
#define LOG_LINES   20		 /* of what L0's kernel logged */
#define DIFFERENCES 10		 /* lines of what changed until a VM was given up */
#define CURE_LINES  60		 /* of a semantic patch that is quoted */
#define WORDS_MAX   200
#define IN	    "  "
#define ITEM	    "  - "
#define ITEM_NEXT   "    "

struct letter {
	const struct mail_result *m;
	const json_t *top, *result;
	const char *name, *fixes;
	int word;
	bool control;
	const struct known_text *known; /* NULL: no known bug explains it */
	struct buf *mail;
};

/* ---- helpers ------------------------------------------------------------------------------ */

static void heading(const struct letter *l, const char *text)
{
	buf_printf(l->mail, "\n%s:\n", text);
}

/* Appends file @name of the result's directory. */
static bool read_its(const struct letter *l, const char *name, struct buf *bytes)
{
	auto_free char *path = xasprintf("%s/%s", l->name, name);
	struct err e = {0};

	return !read_below(l->m->run, path, FILE_MAX, bytes, &e) && bytes->len;
}

/* Cuts @text behind its first @most lines; how many are gone. */
static unsigned cut_lines(struct buf *text, unsigned most)
{
	unsigned lines = 0, cut = 0;

	for (size_t i = 0; i < text->len; i++) {
		if (text->p[i] != '\n')
			continue;
		if (++lines == most)
			text->p[i] = '\0';
		cut += lines > most;
	}
	return cut;
}

static const json_t *its_control(const struct letter *l)
{
	auto_free char *name = xasprintf("%s.control", json_text_of(l->result, "scenario"));

	return report_json_find(l->top, name);
}

/* Why it is nothing for those who mend KVM, or NULL. */
static char *not_for_kvm(const struct letter *l)
{
	const char *broken = json_member(l->top, "break");

	if (l->word == WORD_ERROR)
		return xstrdup("The result is ERROR: Midflight or its environment went wrong. It "
			       "says nothing "
			       "about the code under test.");
	if (broken)
		return xasprintf("The state was broken on purpose between save and restore "
				 "(--break %s): KVM "
				 "is not to blame for what follows.",
				 broken);
	if (strcmp(json_text_of(l->top, "accel"), "kvm") != 0)
		return xasprintf("KVM took no part in it: the accelerator was %s.",
				 json_text_of(l->top, "accel"));
	return NULL;
}

/* ---- what it is about --------------------------------------------------------------------- */

/* What went wrong, in a few words. */
static char *in_short(const struct letter *l)
{
	const json_t *fail = json_array_get(json_object_get(l->result, "fails"), 0);
	const json_t *oracle = json_array_get(json_object_get(l->result, "oracles"), 0);
	const char *where = l->control ? "" : " behind a restore";
	const char *scenario = json_text_of(l->result, "scenario");

	if (json_member(l->result, "known_text"))
		return xstrdup(json_member(l->result, "known_text"));
	if (l->word == WORD_HANG || l->word == WORD_CRASH)
		return xasprintf("%s of the VM, scenario %s%s", word_name((enum word)l->word),
				 scenario, where);
	if (json_member(l->result, "refused"))
		return xasprintf("restore refused, scenario %s: %s", scenario,
				 json_member(l->result, "refused"));
	if (json_member(fail, "check"))
		return xasprintf("\"%s\"%s, scenario %s", json_member(fail, "check"), where,
				 scenario);
	if (oracle)
		return xasprintf("%s, scenario %s (oracle %s)", json_text_of(oracle, "field"),
				 scenario, json_text_of(oracle, "oracle"));
	return xasprintf("%s of scenario %s%s", word_name((enum word)l->word), scenario, where);
}

static void put_head(const struct letter *l, const char *not_kvm)
{
	auto_free char *what = in_short(l);

	if (not_kvm) {
		mail_printf(l->mail, "", " ", "Subject: not for kvm@: %s: %s",
			    word_name((enum word)l->word), what);
		mail_printf(l->mail, "\n", "", "This is no bug report for kvm@vger.kernel.org. %s",
			    not_kvm);
		return;
	}
	buf_printf(l->mail, "To: kvm@vger.kernel.org\n");
	mail_printf(l->mail, "", " ", "Subject: [BUG] KVM: nVMX: %s (Linux %s)", what,
		    json_text_of(l->top, "kernel"));
	if (!l->known)
		return;
	mail_printf(l->mail, "\n", "",
		    "This is a known bug: Midflight calls it %s and tells of it in "
		    "docs/known-failures.md#%s",
		    l->known->id, l->known->id);
	mail_printf(l->mail, "", "", "Upstream: %s",
		    *l->known->upstream ? l->known->upstream
					: "no report, patch or fixing commit is known.");
}

static void put_summary(const struct letter *l)
{
	const json_t *control = its_control(l);
	const char *word = json_text_of(control, "word");

	mail_printf(l->mail, "\n", "",
		    "%s: %s (%s). Hops that failed: %lld, that ended: %lld; snapshots: %lld, "
		    "with L2 active: %lld.",
		    json_text_of(l->result, "word"), l->name, json_text_of(l->result, "title"),
		    (long long)json_member_integer(l->result, "failed_hops"),
		    (long long)json_member_integer(l->result, "hops_done"),
		    (long long)json_member_integer(l->result, "snapshots"),
		    (long long)json_member_integer(l->result, "l2_active"));
	if (l->control)
		mail_flow(l->mail, "", "", "It is a control: nothing was saved and restored.");
	else if (!control)
		mail_flow(l->mail, "", "",
			  "Its control, the same without a snapshot, is not in this run.");
	else if (!strcmp(word, "PASS"))
		mail_flow(l->mail, "", "",
			  "Its control, the same without a snapshot, passed in this run.");
	else
		mail_printf(l->mail, "", "",
			    "Its control, the same without a snapshot, did not pass either "
			    "(%s): this need not be about snapshots.",
			    word);
}

static void put_kernels(const struct letter *l)
{
	const json_t *env = json_object_get(l->top, "environment");
	const char *patch = json_member(l->top, "patch");
	const char *distribution = json_text_of(env, "distribution");
	const char *version = json_text_of(env, "kernel_version");

	heading(l, "Affected kernels");
	mail_printf(l->mail, ITEM, ITEM_NEXT, "this run: %s%s%s%s%s",
		    json_text_of(l->top, "kernel"), *distribution ? ", " : "", distribution,
		    *version ? ", " : "", version);
	if (patch)
		mail_printf(l->mail, ITEM_NEXT, ITEM_NEXT, "with a patched KVM: %s", patch);
	mail_printf(l->mail, ITEM, ITEM_NEXT, "others: %s%s",
		    l->known ? "what is known of the bug: " : "not known",
		    l->known ? l->known->kernels : "");
}

/* ---- steps -------------------------------------------------------------------------------- */

/* The command @name, or NULL. */
static const struct command_info *find_command(const char *name)
{
	for (unsigned i = 0; name && i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/*
 * Takes @repro apart into @words: the command, without what only says where logs go and what is
 * shown (the third group of options). It may come from anybody, and is to be pasted into a shell:
 * no other program.
 */
static int take_command(char *repro, char **words, struct err *e)
{
	const char *program = options_next_word(&repro), *name = options_next_word(&repro);
	const struct command_info *command = program ? find_command(name) : NULL;
	unsigned count = 0;

	if (!command)
		return err_set(e, "its 'repro' is no command of Midflight");
	words[count++] = "midflight";
	words[count++] = (char *)command->name;
	for (char *word; (word = options_next_word(&repro));) {
		const struct option_row *row = strncmp(word, "--", 2)
						       ? NULL
						       : option_find(1u << (command - commands),
								     word + 2, strlen(word + 2));
		char *value = row && row->arg ? options_next_word(&repro) : NULL;

		if ((!row && *word == '-') || (row && row->arg && !value) || count + 2 >= WORDS_MAX)
			return err_set(e, "its 'repro' has what is no option of midflight %s",
				       command->name);
		if (row && row->group == 3)
			continue;
		words[count++] = word;
		if (value)
			words[count++] = value;
	}
	words[count] = NULL;
	return 0;
}

static int put_steps(const struct letter *l, struct err *e)
{
	const char *method = json_text_of(l->result, "method");
	auto_free char *repro = xstrdup(json_text_of(l->result, "repro"));
	char *words[WORDS_MAX];

	if (take_command(repro, words, e))
		return -1;
	heading(l, "Steps to reproduce");
	mail_printf(l->mail, IN, IN,
		    "With Midflight %s, on that kernel:", json_text_of(l->top, "midflight"));
	buf_printf(l->mail, "\n");
	mail_command(l->mail, IN IN, words);
	buf_printf(l->mail, "\n");
	if (strcmp(json_text_of(l->top, "driver"), "kvm"))
		mail_flow(l->mail, IN, IN,
			  "QEMU runs a small hypervisor of Midflight's, L1, which runs L2.");
	else
		mail_printf(
			l->mail, IN, IN,
			"A small VMM on /dev/kvm runs a hypervisor of Midflight's, L1, which runs "
			"L2. It restores in order '%s'.",
			json_member(l->m->result, "order") ?: json_text_of(l->top, "order"));
	if (!l->control)
		mail_printf(l->mail, IN, IN, "Method '%s': the VM is %s.", method,
			    method_info(method_find(method))->text);
	if (l->m->in_lab)
		mail_flow(l->mail, IN, IN,
			  "The run was in Midflight's lab: the kernel is real, the CPU under it is "
			  "emulated (Bochs). It was not tried on other hardware in this run.");
	return 0;
}

/* ---- expected and found ------------------------------------------------------------------- */

static void put_more(const struct letter *l, json_int_t all)
{
	if (all > SHOWN)
		mail_printf(l->mail, ITEM, ITEM_NEXT, "and %lld more", (long long)all - SHOWN);
}

/* Whether the check of the @i-th failed before. */
static bool told(const json_t *fails, size_t i)
{
	const char *check = json_text_of(json_array_get(fails, i), "check");

	for (size_t n = 0; n < i; n++)
		if (!strcmp(json_text_of(json_array_get(fails, n), "check"), check))
			return true;
	return false;
}

static void put_checks(const struct letter *l)
{
	const json_t *fails = json_object_get(l->result, "fails"), *fail;
	json_int_t shown = 0;
	size_t i;

	json_array_foreach(fails, i, fail) {
		const char *check = json_member(fail, "check"),
			   *evidence = json_text_of(fail, "evidence");

		if ((check && told(fails, i)) || shown == SHOWN)
			continue;
		shown++;
		mail_printf(l->mail, ITEM, ITEM_NEXT, "hop %lld: %s%s%s%s",
			    (long long)json_member_integer(fail, "hop"),
			    check ? "" : "error: ", check ? check : json_text_of(fail, "error"),
			    *evidence ? ": " : "", evidence);
	}
	if ((json_int_t)i > shown)
		mail_printf(l->mail, ITEM, ITEM_NEXT, "and %lld more",
			    (long long)((json_int_t)i - shown));
}

static void put_found(const struct letter *l)
{
	const json_t *oracles = json_object_get(l->result, "oracles"), *one;
	const json_t *findings = json_object_get(l->result, "findings");
	const char *refused = json_member(l->result, "refused");
	auto_buf struct buf log = {0};
	size_t i;

	heading(l, "Found");
	if (l->known && *l->known->happens)
		mail_flow(l->mail, IN, IN, l->known->happens);
	if (refused)
		mail_printf(l->mail, ITEM, ITEM_NEXT, "KVM refused the restore: %s", refused);
	put_checks(l);
	json_array_foreach(oracles, i, one) {
		if (i < SHOWN)
			mail_printf(l->mail, ITEM, ITEM_NEXT, "oracle '%s': %s: %s",
				    json_text_of(one, "oracle"), json_text_of(one, "field"),
				    json_text_of(one, "text"));
	}
	put_more(l, (json_int_t)i);
	json_array_foreach(findings, i, one) {
		if (i < SHOWN)
			mail_flow(l->mail, ITEM, ITEM_NEXT, json_string_value(one));
	}
	put_more(l, (json_int_t)i);
	if (read_its(l, "l0.log", &log)) {
		const unsigned cut = cut_lines(&log, LOG_LINES);

		heading(l, "What L0's kernel logged meanwhile");
		mail_flow(l->mail, IN, IN IN, log.p);
		if (cut)
			mail_printf(l->mail, IN, IN, "(%u more lines)", cut);
	}
}

static void put_expected(const struct letter *l)
{
	heading(l, "Expected");
	if (l->known && *l->known->expected)
		mail_flow(l->mail, IN, IN, l->known->expected);
	else
		mail_flow(l->mail, IN, IN,
			  l->control ? "What the SDM says, and what L1 and L2 check: with no "
				       "restore in between."
				     : "L1 and L2 see what they would see without a snapshot, and "
				       "what is saved, "
				       "restored and saved again is the same.");
	if (l->known && *l->known->expected)
		return;
	mail_printf(l->mail, IN, IN, "The scenario: %s.", json_text_of(l->result, "title"));
}

/* ---- the state ---------------------------------------------------------------------------- */

static void put_state(const struct letter *l)
{
	auto_buf struct buf then = {0}, now = {0}, text = {0};
	unsigned cut;

	heading(l, "Nested state at the last snapshot (midflight inspect has all of it)");
	if (!read_its(l, "snapshot.bin", &then)) {
		mail_flow(l->mail, IN, IN,
			  l->control ? "A control takes no snapshot."
				     : "No snapshot is left in a file.");
		return;
	}
	inspect_snapshot(&then, true, &text);
	mail_flow(l->mail, IN, IN IN, buf_text(&text));
	if (!read_its(l, "now.bin", &now))
		return;
	text.len = 0;
	heading(l, "What had changed when the VM was given up");
	if (!inspect_compare(&then, &now, &text))
		buf_printf(&text, "nothing");
	cut = cut_lines(&text, DIFFERENCES);
	mail_flow(l->mail, IN, IN IN, buf_text(&text));
	if (cut)
		mail_printf(l->mail, IN, IN, "(%u more lines)", cut);
}

/* ---- who is to blame ---------------------------------------------------------------------- */

/* The function that a line of L0's log names: behind RIP, or of a WARNING. NULL: none. */
static char *logged_function(const char *text)
{
	const char *at = strstr(text, "RIP: 0010:");
	size_t len;

	if (at) {
		at += strlen("RIP: 0010:");
	} else {
		at = strstr(text, "WARNING: ");
		at = at ? strstr(at, ".c:") : NULL;
		at = at ? strchr(at, ' ') : NULL;
		at += at != NULL;
	}
	len = at ? strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")
		 : 0;
	return len && (at[len] == '+' || at[len] == '.') ? xasprintf("%.*s", (int)len, at) : NULL;
}

static char *function_in_log(const struct letter *l)
{
	const json_t *one;
	auto_buf struct buf log = {0};
	char *function = NULL;
	size_t i;

	if (read_its(l, "l0.log", &log))
		function = logged_function(log.p);
	json_array_foreach(json_object_get(l->result, "oracles"), i, one) {
		if (!function)
			function = logged_function(json_text_of(one, "text"));
	}
	return function;
}

/* Who in KVM asked for a page last, of the last hop whose pages were recorded. NULL: nobody did. */
static char *last_asker(const struct letter *l)
{
	const json_t *hops = json_object_get(l->result, "hops");
	char *asker = NULL;

	for (size_t h = json_array_size(hops); h-- && !asker;) {
		const char *path = json_member(json_array_get(hops, h), "pages");
		auto_buf struct buf bytes = {0};
		json_auto_t *json = NULL;
		const json_t *list;
		struct err e = {0};

		if (!path || read_below(l->m->run, path, FILE_MAX, &bytes, &e))
			continue;
		json = json_loadb(buf_text(&bytes), bytes.len, 0, NULL);
		list = json_object_get(json, "fetches");
		for (size_t i = json_array_size(list); i-- && !asker;) {
			const char *via = json_member(json_array_get(list, i), "via");

			asker = via ? xstrdup(via) : NULL;
		}
	}
	return asker;
}

static void put_suspect(const struct letter *l)
{
	auto_free char *logged = function_in_log(l), *asker = last_asker(l);
	const struct known_text *k = l->known;

	heading(l, "Suspected function");
	if (k && *k->changes)
		mail_printf(l->mail, IN, IN, "%s, which the cure below changes.", k->changes);
	else if (k && *k->named)
		mail_printf(l->mail, IN, IN, "One of those that the explanation names: %s.",
			    k->named);
	else
		mail_flow(l->mail, IN, IN, "Not known.");
	if (k && *k->why)
		mail_printf(l->mail, IN, IN, "Why: %s", k->why);
	if (logged)
		mail_printf(l->mail, IN, IN, "L0's log names %s().", logged);
	if (asker && !k)
		mail_printf(l->mail, IN, IN,
			    "Last to ask for a page of the restored VM: %s. That is no more than a "
			    "hint.",
			    asker);
}

static void put_cure(const struct letter *l)
{
	const char *cure = l->known ? l->known->cure : "";
	const char *file = *cure ? strrchr(cure, '/') + 1 : "";
	auto_buf struct buf text = {0}, quoted = {0};
	struct err e = {0};

	heading(l, "Cure");
	if (!*cure) {
		mail_flow(l->mail, IN, IN, "None is known.");
		return;
	}
	mail_printf(
		l->mail, IN, IN,
		"%s of Midflight, a semantic patch (Coccinelle). `midflight run --patch %s` builds "
		"KVM with it. It shows the cause, and does not claim to be what should be merged.",
		cure, cure);
	if (!l->fixes || read_file(l->fixes, file, &text, &e) || cut_lines(&text, CURE_LINES) ||
	    !mail_code(&quoted, text.p))
		return;
	buf_printf(l->mail, "\n--- 8< --- %s\n%s--- >8 ---\n", cure, quoted.p);
}

/* ---- all of it ---------------------------------------------------------------------------- */

static void put_environment(const struct letter *l)
{
	const json_t *env = json_object_get(l->top, "environment"), *value;
	const char *microcode = json_text_of(env, "microcode"), *key;
	auto_buf struct buf parameters = {0};

	heading(l, "Environment");
	mail_printf(l->mail, ITEM, ITEM_NEXT, "CPU: %s%s%s%s", json_text_of(env, "cpu"),
		    l->m->in_lab ? " (emulated)" : "", *microcode ? ", microcode " : "", microcode);
	if (json_member(env, "qemu"))
		mail_printf(l->mail, ITEM, ITEM_NEXT, "QEMU: %s, machine %s",
			    json_member(env, "qemu"), json_text_of(l->top, "machine"));
	json_object_foreach(json_object_get(env, "kvm_parameters"), key, value) {
		const char *is = json_string_value(value);

		/* Those of kvm.ko are many and say little of nested VMs. */
		if (is && !strncmp(key, "kvm_intel.", strlen("kvm_intel.")))
			buf_printf(&parameters, " %s=%s", strchr(key, '.') + 1, is);
	}
	if (parameters.len)
		mail_printf(l->mail, ITEM, ITEM_NEXT, "kvm_intel:%s", parameters.p);
	mail_printf(l->mail, ITEM, ITEM_NEXT, "Midflight %s, started %s",
		    json_text_of(l->top, "midflight"), json_text_of(l->top, "started"));
}

int mail_write(const struct mail_result *m, const char *fixes, struct buf *mail, struct err *e)
{
	const char *known = json_member(m->result, "known");
	const struct letter l = {
		.m = m,
		.top = m->top,
		.result = m->result,
		.name = json_text_of(m->result, "name"),
		.fixes = fixes,
		.word = report_json_word(m->result),
		.control = json_member_true(m->result, "control"),
		.known = known ? known_text_find(known) : NULL,
		.mail = mail,
	};
	auto_free char *not_kvm = not_for_kvm(&l);

	put_head(&l, not_kvm);
	put_summary(&l);
	put_kernels(&l);
	if (put_steps(&l, e))
		return -1;
	put_expected(&l);
	put_found(&l);
	put_state(&l);
	if (!not_kvm) {
		put_suspect(&l);
		put_cure(&l);
	}
	put_environment(&l);
	return 0;
}
