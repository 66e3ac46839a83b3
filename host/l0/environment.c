// SPDX-License-Identifier: BSD-2-Clause
// What the machine under test is: what a failure's report says of it, and what `doctor` looks at.
#include "host/l0/environment.h"
#include "host/base/cleanup.h"
#include "host/base/json.h"
#include "host/l0/kvm_probe.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include <midflight_version.h>

#define FILE_MAX   (1 << 20)
#define VERSION_NS (30000 * NS_PER_MS) /* QEMU's start on an emulated CPU, and then some */
#define COLUMNS	   98

extern char **environ;

static const char *const modules[] = {"kvm", "kvm_intel"};

/* ---- files -------------------------------------------------------------------------------- */

/* Up to FILE_MAX bytes of file @root@path. False: it cannot be read. */
static bool read_start(const char *root, const char *path, struct buf *b)
{
	auto_free char *full = xasprintf("%s%s", root, path);
	auto_close int fd = open(full, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char part[4096];
	ssize_t n = -1;

	while (fd >= 0 && b->len < FILE_MAX && (n = read(fd, part, sizeof(part))) > 0)
		buf_append(b, part, (size_t)n);
	return n >= 0;
}

/* The first line at @text. */
static char *line_at(const char *text)
{
	return xasprintf("%.*s", (int)strcspn(text, "\n"), text);
}

char *environment_line(const char *root, const char *path)
{
	auto_buf struct buf b = {0};

	return read_start(root, path, &b) ? line_at(buf_text(&b)) : NULL;
}

/* The line behind @key and @separator in @text, or NULL. */
static char *value_of(const char *text, const char *key, char separator)
{
	const size_t len = strlen(key);

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *p = line + len;

		if (strncmp(line, key, len))
			continue;
		p += strspn(p, " \t");
		if (*p == separator)
			return line_at(p + 1 + strspn(p + 1, " \t"));
	}
	return NULL;
}

char *environment_cpuinfo(const char *root, const char *key)
{
	auto_buf struct buf b = {0};

	return read_start(root, "/proc/cpuinfo", &b) ? value_of(buf_text(&b), key, ':') : NULL;
}

/* PRETTY_NAME of os-release(5), or NULL. Quotes go; no name has a quote or backslash in it. */
static char *distribution(const char *root)
{
	static const char *const files[] = {"/etc/os-release", "/usr/lib/os-release"};
	char *value = NULL;

	for (unsigned i = 0; i < ARRAY_SIZE(files) && !value; i++) {
		auto_buf struct buf b = {0};

		if (read_start(root, files[i], &b))
			value = value_of(buf_text(&b), "PRETTY_NAME", '=');
	}
	if (value && strchr("\"'", *value) && *value) {
		char *end = strchr(value + 1, *value);

		if (end)
			*end = '\0';
		memmove(value, value + 1, strlen(value));
	}
	return value;
}

/* The build ID in ELF note section @b in hex, "" if it has none; the caller frees it. */
static char *build_id(const struct buf *b)
{
	struct buf hex = {0};
	size_t at = 0;

	while (b->len - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		size_t name, description;

		memcpy(&note, b->p + at, sizeof(note));
		at += sizeof(note);
		name = ((size_t)note.n_namesz + 3) & ~(size_t)3;
		description = ((size_t)note.n_descsz + 3) & ~(size_t)3;
		if (name > b->len - at || description > b->len - at - name)
			break;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
		    !memcmp(b->p + at, "GNU", 4)) {
			for (size_t i = 0; i < note.n_descsz; i++)
				buf_printf(&hex, "%02x", (unsigned char)b->p[at + name + i]);
			break;
		}
		at += name + description;
	}
	return hex.p ? hex.p : xstrdup("");
}

/* Takes @value, which may be NULL. */
static void set_text(json_t *env, const char *key, char *value)
{
	json_set(env, key, json_text(value ? value : ""));
	free(value);
}

static json_t *module_ids(const char *root)
{
	json_t *ids = json_got(json_object());

	for (unsigned i = 0; i < ARRAY_SIZE(modules); i++) {
		auto_free char *path =
			xasprintf("/sys/module/%s/notes/.note.gnu.build-id", modules[i]);
		auto_buf struct buf b = {0};

		read_start(root, path, &b);
		set_text(ids, modules[i], build_id(&b));
	}
	return ids;
}

static json_t *parameters(const char *root)
{
	json_t *all = json_got(json_object());

	for (unsigned i = 0; i < ARRAY_SIZE(modules); i++) {
		auto_free char *path = xasprintf("/sys/module/%s/parameters", modules[i]);
		auto_free char *dir = xasprintf("%s%s", root, path);
		struct dirent **entry;
		int n = scandir(dir, &entry, NULL, alphasort);

		for (int k = 0; k < n; k++) {
			auto_free char *file = xasprintf("%s/%s", path, entry[k]->d_name);
			auto_free char *key = xasprintf("%s.%s", modules[i], entry[k]->d_name);
			auto_free char *value =
				*entry[k]->d_name == '.' ? NULL : environment_line(root, file);

			if (value)
				json_set(all, key, json_text(value));
			free(entry[k]);
		}
		if (n >= 0)
			free(entry);
	}
	return all;
}

/* ---- QEMU --------------------------------------------------------------------------------- */

/* Reads @fd to its end, to a whole line, or to the deadline. */
static void read_line(int fd, struct buf *b)
{
	const int64_t deadline = now_ns() + VERSION_NS;
	char part[512];

	while (b->len < FILE_MAX && !strchr(buf_text(b), '\n')) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		const int ms = poll_ms(deadline);
		ssize_t n;

		if (!ms || poll(&p, 1, ms) <= 0)
			return;
		n = read(fd, part, sizeof(part));
		if (n <= 0)
			return;
		buf_append(b, part, (size_t)n);
	}
}

char *environment_qemu(const char *qemu)
{
	char *const args[] = {(char *)(uintptr_t)qemu, (char *)(uintptr_t) "--version", NULL};
	posix_spawn_file_actions_t actions;
	auto_buf struct buf said = {0};
	int fds[2];
	pid_t child;
	bool started;

	if (pipe2(fds, O_CLOEXEC))
		return NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	started = !posix_spawnp(&child, qemu, &actions, NULL, args, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	if (started) {
		read_line(fds[0], &said);
		kill(child, SIGKILL);
		TEMP_FAILURE_RETRY(waitpid(child, NULL, 0));
	}
	close(fds[0]);
	return *buf_text(&said) && *said.p != '\n' ? line_at(said.p) : NULL;
}

/* ---- all of it ---------------------------------------------------------------------------- */

static json_t *vmx_msrs(void)
{
	json_t *all = json_got(json_object());
	struct kvm_vmx_msr msr[KVM_VMX_MSRS];
	const unsigned n = kvm_vmx_msrs(msr);

	for (unsigned i = 0; i < n; i++)
		json_set(all, msr[i].name, json_hex(msr[i].value));
	return all;
}

json_t *environment_json_at(const char *root, const char *qemu)
{
	json_t *env = json_got(json_object());
	auto_free char *version = qemu ? environment_qemu(qemu) : NULL;
	struct utsname uts;

	if (uname(&uts))
		memset(&uts, 0, sizeof(uts));
	json_set(env, "kernel", json_text(uts.release));
	json_set(env, "kernel_version", json_text(uts.version));
	set_text(env, "distribution", distribution(root));
	set_text(env, "cpu", environment_cpuinfo(root, "model name"));
	set_text(env, "microcode", environment_cpuinfo(root, "microcode"));
	json_set(env, "vmx", vmx_msrs());
	json_set(env, "kvm_parameters", parameters(root));
	json_set(env, "modules", module_ids(root));
	json_set(env, "qemu", json_text(version));
	json_set(env, "midflight", json_text(MIDFLIGHT_VERSION));
	return env;
}

json_t *environment_json(const char *qemu)
{
	return environment_json_at("", qemu);
}

/* ---- in words ----------------------------------------------------------------------------- */

/* "title: key=value key=value ...", in lines that fit; nothing if no member has a value. */
static void members(const json_t *env, const char *key, const char *title, const char *separator,
		    struct buf *text)
{
	json_t *object = json_object_get(env, key), *value;
	size_t column = 0;
	const char *name;

	json_object_foreach(object, name, value) {
		const char *s = json_string_value(value);
		auto_free char *word = NULL;

		if (!s || !*s)
			continue;
		word = xasprintf(" %s%s%s", name, separator, s);
		if (!column || column + strlen(word) > COLUMNS) {
			buf_printf(text, "%s%s", column ? "\n " : title, column ? "" : ":");
			column = column ? 1 : strlen(title) + 1;
		}
		buf_append(text, word, strlen(word));
		column += strlen(word);
	}
	if (column)
		buf_printf(text, "\n");
}

static void line(const char *title, const char *value, const char *more, struct buf *text)
{
	if (*value)
		buf_printf(text, "%s: %s%s%s\n", title, value, *more ? ", " : "", more);
}

void environment_text(const json_t *env, struct buf *text)
{
	auto_free char *microcode = xasprintf("microcode %s", json_text_of(env, "microcode"));

	line("kernel", json_text_of(env, "kernel"), json_text_of(env, "kernel_version"), text);
	line("distribution", json_text_of(env, "distribution"), "", text);
	line("CPU", json_text_of(env, "cpu"), *json_text_of(env, "microcode") ? microcode : "",
	     text);
	line("QEMU", json_text_of(env, "qemu"), "", text);
	line("midflight", json_text_of(env, "midflight"), "", text);
	members(env, "modules", "build IDs", " ", text);
	members(env, "kvm_parameters", "parameters", "=", text);
	members(env, "vmx", "KVM offers to L1", "=", text);
}
