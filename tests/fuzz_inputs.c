// SPDX-License-Identifier: BSD-2-Clause
// Mutated serial logs, command lines, order files and result.json's: `fuzz_inputs [SEED]`. Nothing
// may crash, what is refused is refused with a reason, and no PASS may come of what was none. What
// of a log may change without a word is what docs/protocol.md says. To be built with the
// sanitizers; fuzz_snapshot.c does the same for snapshot files.
#include "tests/unit/log.h"
#include "tests/unit/results.h"

#include "host/fuzz/program.h"
#include "host/cli/commands.h"
#include "host/kvm/kvm_state.h"

#include <argp.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOGS	      20000
#define COMMAND_LINES 2000
#define FILES	      500 /* order files, and result.json's */
#define SANITIZER     99  /* exit status */

static uint64_t state;
static char dir[] = "/tmp/midflight-fuzz-XXXXXX";

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "exitcode=99:quarantine_size_mb=4"; /* little memory is forked faster */
}

static uint64_t below(uint64_t n)
{
	return random_next(&state) % n;
}

static void wrong(const char *what, uint64_t number, const char *why, const char *bytes)
{
	printf("%s %llu: %s\n%s\n", what, (unsigned long long)number, why, bytes);
	exit(1);
}

/* ---- serial logs ---------------------------------------------------------------------------- */

static const char passed[] = "SeaBIOS\n\n# GRUB\nnoise \x80\xff\n" PASSED "power off\n";

static enum word judge(const char *bytes, size_t len)
{
	const struct expected want = {"running", 2, 0, 1};
	struct guest_log log = {0};
	struct verdict v = {0};
	enum word word;

	log_feed(&log, bytes, len);
	verdict_judge(&v, &log, &want);
	word = v.word;
	if (word != WORD_PASS && !v.findings && !log.fails && !log.errors)
		wrong("log", 0, "no PASS, without a reason", bytes);
	verdict_free(&v);
	guest_log_free(&log);
	return word;
}

static bool begins(const char *line, size_t len, const char *with)
{
	return len >= strlen(with) && !memcmp(line, with, strlen(with));
}

/* What of a log docs/protocol.md has under a sum or in its grammar: L1's lines, one after another.
 */
static void own_lines(const char *bytes, size_t len, struct buf *own)
{
	const char *const end = bytes + len;
	bool began = false;

	buf_append(own, "", 0);
	for (size_t n, step; bytes < end; bytes += step) {
		const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));

		n = newline ? (size_t)(newline - bytes) : (size_t)(end - bytes);
		step = n + (newline != NULL);
		while (n && bytes[n - 1] == '\r')
			n--;
		began |= begins(bytes, n, "KTAP version ");
		if (!begins(bytes, n, "KTAP version ") && !begins(bytes, n, "1..") &&
		    !begins(bytes, n, "ok ") && !begins(bytes, n, "not ok ") &&
		    !begins(bytes, n, "# @") && !(began && begins(bytes, n, "#")))
			continue;
		buf_append(own, bytes, n);
		buf_append(own, "\n", 1);
	}
}

/* Bytes change on the way from L1 to the runner. The number of those that are still PASS. */
static unsigned damaged_logs(void)
{
	char *whole = summed(passed);
	const size_t size = strlen(whole);
	struct buf right = {0};
	unsigned good = 0;

	own_lines(whole, size, &right);
	for (unsigned i = 0; i < LOGS / 2; i++) {
		char *bytes = xstrdup(whole);
		struct buf own = {0};
		size_t len = mutate((uint8_t *)bytes, size, 1 + (unsigned)below(3), &state);
		bool same;

		own_lines(bytes, len, &own);
		same = own.len == right.len && !memcmp(own.p, right.p, own.len);
		if ((judge(bytes, len) == WORD_PASS) != same)
			wrong("log", i,
			      same ? "nothing of L1's changed, but no PASS" : "false PASS", bytes);
		good += same;
		buf_free(&own);
		free(bytes);
	}
	buf_free(&right);
	free(whole);
	return good;
}

/* The number of lines in @text that begin with @with. */
static unsigned lines_with(const char *text, const char *with)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, with)); p++)
		n += p == text || p[-1] == '\n';
	return n;
}

/* @text with whole lines lost, doubled, in other places; events are numbered anew if @renumber. */
static char *shuffle(const char *text, bool renumber)
{
	const char *line[64];
	unsigned count = 0, seq = 0;
	struct buf out = {0};

	for (const char *p = text; *p; p = strchr(p, '\n') + 1)
		line[count++] = p;
	for (unsigned changes = 1 + (unsigned)below(2); changes; changes--) {
		const unsigned a = (unsigned)below(count), b = (unsigned)below(count);
		const char *swap = line[a];

		switch (below(4)) {
		case 0:
			memmove(&line[a], &line[a + 1], (--count - a) * sizeof(*line));
			break;
		case 1: /* a becomes one more b */
			line[a] = line[b];
			break;
		case 2:
			memmove(&line[a + 1], &line[a], (count++ - a) * sizeof(*line));
			line[a] = line[b < a ? b : b + 1];
			break;
		default:
			line[a] = line[b];
			line[b] = swap;
		}
	}
	buf_append(&out, "", 0);
	for (unsigned i = 0; i < count; i++) {
		const size_t len = strcspn(line[i], "\n");
		const size_t skip = begins(line[i], len, "# @") ? strcspn(line[i] + 3, " ") + 3 : 0;

		if (skip && renumber)
			buf_printf(&out, "# @%u%.*s\n", ++seq, (int)(len - skip), line[i] + skip);
		else
			buf_printf(&out, "%.*s\n", (int)len, line[i]);
	}
	return out.p;
}

/* L1 says other things, under good sums: only the grammar tells. */
static unsigned other_logs(void)
{
	static const char *const once[] = {"KTAP version 1\n", "1..1\n", "# @1 hello protocol=2 ",
					   "ok 1 - running\n"};
	unsigned good = 0;

	for (unsigned i = 0; i < LOGS / 2; i++) {
		char *text = shuffle(PASSED, below(4)), *bytes = summed(text);
		const char *end = strstr(text, " verdict word=PASS passed=1 ");
		const char *hop = strstr(text, " hop hop=1 failed=0\n");

		if (judge(bytes, strlen(bytes)) == WORD_PASS) {
			good++;
			for (size_t n = 0; n < ARRAY_SIZE(once); n++)
				if (lines_with(text, once[n]) != 1)
					wrong("log", i, once[n], text);
			if (!end || strchr(end, '\n')[1] || strstr(end + 1, " verdict ") || !hop ||
			    !strstr(hop, " hop hop=2 failed=0\n") ||
			    !strstr(hop, "\nok 1 - running\n"))
				wrong("log", i, "false PASS", text);
		}
		free(bytes);
		free(text);
	}
	return good;
}

/* ---- command lines -------------------------------------------------------------------------- */

static const char *const command_lines[] = {
	"run -s running,halted -n 3 --seed 7 --method all",
	"run --driver kvm --freeze after=1000 --pages late=X --order qemu --shard 1/3",
	"run --only halted --freeze steps=30 --driver kvm --timeout 10 --nudge 1.5",
	"run --kernel 6.1,6.12 --each-module /tmp --json a --junit b -j 3",
	"pages --order nested-last --pages delay=5",
	"bench --loops 10 --order selftests",
	"sweep running --step 100 --points 20",
	"soak --for 2h --seed 7 --orders --count-on",
	"save file --scenario halted --hops-before 3",
	"restore file --order selftests --serve-from /tmp/x",
	"list --verbose --methods",
	"merge a b c --json x",
	"replay file --exact --lab no",
	"report dir --out x",
	"inspect --diff a b",
	"bisect-run -- --driver kvm",
	"doctor",
	"lab shell --kernel 7.3",
	"complete run --on",
};

/* The runner's exit, without what the sanitizer does at one. */
static void leave(int status, void *arg)
{
	(void)arg;
	fflush(NULL);
	_exit(status);
}

/* Parses @words, in a process of its own: argp ends it. */
static void parse(char **words, int count)
{
	struct options o;

	on_exit(leave, NULL);
	argp_err_exit_status = 2;
	stderr = printable_stream(stderr);
	options_init(&o);
	cmd_line_parse(&o, NULL, count, words); /* what is no command is left to main() */
	exit(0);
}

static void command_line(unsigned number, int output)
{
	const char *from = command_lines[number % ARRAY_SIZE(command_lines)];
	char *text = xstrdup(from), *words[40] = {"midflight"}, *rest = text, *word, said[8192];
	int count = 1, status;
	ssize_t n;
	pid_t pid;

	while ((word = strsep(&rest, " ")) && count < 38)
		words[count++] = xstrdup(word);
	for (unsigned changes = 1 + (unsigned)below(3); changes; changes--) {
		char *changed = words[below(8) ? 1 + below((unsigned)count - 1) : 1];

		changed[mutate((uint8_t *)changed, strlen(changed), 1, &state)] = '\0';
	}
	if (ftruncate(output, 0))
		exit(2);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0)
			_exit(98);
		lseek(output, 0, SEEK_SET);
		parse(words, count);
	}
	if (waitpid(pid, &status, 0) != pid)
		exit(2);
	n = pread(output, said, sizeof(said) - 1, 0);
	said[n < 0 ? 0 : n] = '\0';
	if (!WIFEXITED(status) || WEXITSTATUS(status) == SANITIZER)
		wrong("command line", number, from, said);
	if (WEXITSTATUS(status) && !*said)
		wrong("command line", number, "refused without a reason", from);
	for (ssize_t i = 0; i < n; i++)
		if ((unsigned char)said[i] < 0x20 && said[i] != '\n' && said[i] != '\t')
			wrong("command line", number, "a control character reaches the terminal",
			      from);
	for (int i = 1; i < count; i++)
		free(words[i]);
	free(text);
}

/* ---- files ---------------------------------------------------------------------------------- */

/* The number of those that are taken. */
static unsigned order_files(void)
{
	static const char steps[] =
		"# of mine\nCPUID REGS XSAVE XCRS SREGS MSRS LAPIC VCPU_EVENTS\n"
		"MP_STATE NESTED_STATE DEBUGREGS IRQCHIP PIT2 CLOCK\n";
	char *path = xasprintf("%s/order", dir);
	unsigned good = 0;

	for (unsigned i = 0; i < FILES; i++) {
		char bytes[sizeof(steps)];
		size_t len = mutate(memcpy(bytes, steps, sizeof(steps)), sizeof(steps) - 1,
				    (unsigned)below(4), &state);
		struct err e = {0};
		struct order order;

		if (write_path(path, bytes, len, &e))
			exit(2);
		if (!order_load(&order, path, &e))
			good++;
		else if (!*e.text)
			wrong("order file", i, "refused without a reason", bytes);
	}
	unlink(path);
	free(path);
	return good;
}

/* The number of those that are taken; what is printed of them is read as the same. */
static unsigned programs(void)
{
	static const char steps[] =
		"apicv\nl1 field EXCEPTION_BITMAP 0x40\nl1 control CPU_HLT_EXITING yes\n"
		"l1 inject exception 6 # why\nl1 enter\nl2 wrmsr 0x174 0x1\n"
		"l2 freeze nmi paused\nl2 int 0x51\nl2 write 3 77\n";
	unsigned good = 0;

	for (unsigned i = 0; i < FILES; i++) {
		char bytes[sizeof(steps) + 1] = {0};
		const size_t len = mutate(memcpy(bytes, steps, sizeof(steps)), sizeof(steps) - 1,
					  (unsigned)below(4), &state);
		struct program_lists p, again;
		struct buf text = {0};
		struct err e = {0};

		bytes[len] = '\0';
		if (!program_read(&p, bytes, &e)) {
			good++;
			program_print(&p, &text);
			if (program_read(&again, buf_text(&text), &e) ||
			    memcmp(&p, &again, sizeof(p)) != 0)
				wrong("program", i, "printed as another one", bytes);
		} else if (!*e.text) {
			wrong("program", i, "refused without a reason", bytes);
		}
		buf_free(&text);
	}
	return good;
}

static json_t *base_results(void)
{
	json_t *top = results_top("6.12", "file", 3), *failed;

	results_add(top, results_result("running", ".control", "file", "PASS", NULL));
	results_add(top, results_result("running", ".file", "file", "PASS", NULL));
	results_add(top, results_result("halted", ".control", "file", "PASS", NULL));
	results_add(top, results_result("halted", ".file", "file", "FAIL", RESULTS_KNOWN_ID));
	results_add(top, results_result("other", ".control", "file", "PASS", NULL));
	failed = results_result("other", ".file", "file", "HANG", NULL);
	json_append(json_object_get(failed, "hops"), results_hop(1, "other.file"));
	results_add(top, failed);
	return top;
}

/* Gives a member of @top, or of one of its results, a value of another kind or place. */
static void change_member(json_t *top)
{
	static const char *const values[] = {"0",
					     "1",
					     "2",
					     "-1",
					     "4294967296",
					     "1.5",
					     "true",
					     "false",
					     "null",
					     "\"\"",
					     "\"PASS\"",
					     "\"SKIP\"",
					     "\"FAIL\"",
					     "\"ERROR\"",
					     "\"HANG\"",
					     "\"0x0\"",
					     "[]",
					     "{}",
					     "[1]",
					     "\"running.file\"",
					     "\"" RESULTS_KNOWN_ID "\"",
					     "\"cr-read-shadow-lost\""};
	json_t *list = json_object_get(top, "results"), *value;
	json_t *object = below(4) ? json_array_get(list, below(json_array_size(list) | 1)) : top;
	size_t n = json_is_object(object) && json_object_size(object)
			   ? below(json_object_size(object))
			   : 0;
	void *at = json_object_iter(object);

	while (at && n--)
		at = json_object_iter_next(object, at);
	if (!at)
		return;
	value = json_loads(values[below(ARRAY_SIZE(values))], JSON_DECODE_ANY, NULL);
	json_object_iter_set_new(object, at, value);
}

/* The number of those that are taken. */
static unsigned result_files(void)
{
	char *path = xasprintf("%s/result.json", dir);
	json_t *base = base_results();
	unsigned good = 0;
	struct err e;

	if (report_json_check(base, &e))
		wrong("result.json", 0, "the good one is refused", e.text);
	for (unsigned i = 0; i < FILES; i++) {
		json_t *top = json_deep_copy(base), *read;
		char *text;
		size_t len;

		for (unsigned changes = (i & 1) * (1 + (unsigned)below(3)); changes; changes--)
			change_member(top);
		text = json_dumps(top, JSON_INDENT(1));
		len = strlen(text);
		if (!(i & 1))
			len = mutate((uint8_t *)text, len, 1 + (unsigned)below(3), &state);
		e.text[0] = '\0';
		if (write_path(path, text, len, &e))
			exit(2);
		read = report_json_load(path, &e);
		if (read) {
			good++;
			/* It takes more to make a pass of a failure. */
			for (size_t n = 0; n < json_array_size(json_object_get(base, "results"));
			     n++)
				if ((report_json_word(json_array_get(
					     json_object_get(read, "results"), n)) == WORD_PASS) !=
				    (report_json_word(json_array_get(
					     json_object_get(base, "results"), n)) == WORD_PASS))
					wrong("result.json", i, "false PASS", text);
			if (json_member_integer(read, "exit_status") != 1)
				wrong("result.json", i, "false status", text);
		} else if (!*e.text) {
			wrong("result.json", i, "refused without a reason", text);
		}
		json_decref(read);
		json_decref(top);
		free(text);
	}
	unlink(path);
	json_decref(base);
	free(path);
	return good;
}

int main(int argc, char **argv)
{
	const int output = memfd_create("output", MFD_CLOEXEC);
	unsigned logs, others, orders, drawn, results;

	state = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	if (output < 0 || !mkdtemp(dir))
		return 2;
	for (unsigned i = 0; i < COMMAND_LINES; i++) /* first: there is little to fork yet */
		command_line(i, output);
	logs = damaged_logs();
	others = other_logs();
	orders = order_files();
	drawn = programs();
	results = result_files();
	rmdir(dir);
	printf("%d logs (%u and %u pass), %d command lines, %d order files (%u taken), %d "
	       "programs (%u taken), %d result.json (%u taken)\n",
	       LOGS, logs, others, COMMAND_LINES, FILES, orders, FILES, drawn, FILES, results);
	return 0;
}
