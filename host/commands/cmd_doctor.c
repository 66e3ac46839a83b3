// SPDX-License-Identifier: BSD-2-Clause
// `midflight doctor`: can this machine run it, and what mends what is missing.
#include "host/commands/cmd.h"
#include "host/l0/environment.h"
#include "host/l0/l0_log.h"
#include "host/cli/paths.h"
#include "host/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

#define STATUS_OWN  0
#define STATUS_LAB  4
#define STATUS_NONE 2

#define LAB_BUILT   0 /* exit status of `lab.sh status` */
#define LAB_TO_MAKE 4

/* Bits that KVM allows L1 to set: the upper half of a capability MSR. */
#define MSR_PINBASED	  0x48d /* IA32_VMX_TRUE_PINBASED_CTLS */
#define MSR_PROCBASED2	  0x48b /* IA32_VMX_PROCBASED_CTLS2 */
#define PIN_POSTED_INTR	  (1ull << (32 + 7))
#define CPU2_EPT	  (1ull << (32 + 1))
#define CPU2_VIRT_INTR	  (1ull << (32 + 9))
#define CPU2_APIC_REG	  (1ull << (32 + 8))
#define QEMU_MAJOR_NEEDED 10 /* has all the methods of methods.def */

#define EVMCS_REVISION 1 /* hv/evmcs.def */

enum state { NO, MAYBE, OK };

static const char unasked[] = "cannot be asked for without /dev/kvm";

/* ---- asking ------------------------------------------------------------------------------- */

static void ask_uffd(struct machine *m)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	m->uffd_user = fd >= 0;
	if (fd >= 0)
		close(fd);
	fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	m->uffd = fd < 0 ? errno : EINVAL;
	if (fd >= 0)
		close(fd);
	if (!pages_unavailable()) /* by /dev/userfaultfd, then */
		m->uffd = 0;
}

static void ask_lab(struct machine *m)
{
	struct err e = {0};
	auto_free char *script = lab_script(executable_dir(), &e);
	auto_buf struct buf command = {0};
	char part[512];
	FILE *f;
	size_t n;
	int status;

	m->lab_status = -1;
	if (!script)
		return;
	buf_shell_quote(&command, script);
	buf_printf(&command, " status 2>/dev/null");
	f = popen(command.p, "re");
	while (f && (n = fread(part, 1, sizeof(part), f)))
		buf_append(&m->lab, part, n);
	if (f) {
		status = pclose(f);
		m->lab_status = WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_NONE;
	}
}

void machine_ask(struct machine *m, const char *qemu)
{
	struct l0_past past;

	memset(m, 0, sizeof(*m));
	m->root = "";
	kvm_probe(&m->probe);
	m->msrs = kvm_vmx_msrs(m->msr);
	ask_uffd(m);
	m->kmsg = l0_log_begin(&past) ? errno : 0;
	m->qemu_name = qemu;
	m->qemu = environment_qemu(qemu);
	ask_lab(m);
}

void machine_free(struct machine *m)
{
	free(m->qemu);
	buf_free(&m->lab);
}

/* ---- telling ------------------------------------------------------------------------------ */

/* @mend: what helps, or NULL. */
static void say(FILE *out, enum state state, const char *what, const char *found, const char *mend)
{
	static const char *const words[] = {[NO] = "no", [MAYBE] = "maybe", [OK] = "ok"};

	fprintf(out, "%-5s  %-28s  ", words[state], what);
	print_lines(out, "", found);
	if (mend)
		fprintf(out, "%-5s  %-28s  -> %s\n", "", "", mend);
}

/* Whether module @name is there, loaded or built in. */
static bool module(const struct machine *m, const char *name)
{
	auto_free char *path = xasprintf("%s/sys/module/%s", m->root, name);

	return !access(path, F_OK);
}

/* A parameter of kvm_intel: 'Y', 'N', or 0 if there is none. */
static char parameter(const struct machine *m, const char *name)
{
	auto_free char *path = xasprintf("/sys/module/kvm_intel/parameters/%s", name);
	auto_free char *line = environment_line(m->root, path);

	return !line ? 0 : *line == 'Y' || *line == '1' ? 'Y' : 'N';
}

/* How kvm_intel gets parameter @name, and nested=1, set. The caller frees it. */
static char *reload(const struct machine *m, const char *name)
{
	auto_free char *state = environment_line(m->root, "/sys/module/kvm_intel/initstate");

	if (state) /* a module, not built in */
		return xasprintf("modprobe -r kvm_intel; modprobe kvm_intel nested=1%s%s%s",
				 name ? " " : "", name ? name : "", name ? "=1" : "");
	return xasprintf("boot with kvm_intel.nested=1%s%s%s", name ? " kvm_intel." : "",
			 name ? name : "", name ? "=1" : "");
}

/* Whether the CPU has VMX. */
static bool say_cpu(const struct machine *m, FILE *out)
{
	auto_free char *flags = environment_cpuinfo(m->root, "flags");
	auto_free char *name = environment_cpuinfo(m->root, "model name");
	auto_free char *vendor = environment_cpuinfo(m->root, "vendor_id");
	auto_free char *text = NULL;
	const char *mend = NULL, *found;
	bool vmx = false;

	if (!flags) {
		found = "no x86 CPU";
	} else if (word_in(flags, ' ', "vmx")) {
		vmx = true;
		found = "VMX";
	} else if (word_in(flags, ' ', "svm")) {
		found = "SVM, not VMX";
	} else if (!vendor || strcmp(vendor, "GenuineIntel")) {
		found = "no VMX: it is not Intel's";
	} else if (word_in(flags, ' ', "hypervisor")) {
		found = "no VMX: this is a VM, and its host passes none on";
		mend = "on its host: modprobe kvm_intel nested=1, and QEMU with -cpu host";
	} else {
		found = "no VMX: it has none, or the firmware turned it off";
		mend = "enable VMX (VT-x) in the firmware's setup";
	}
	text = xasprintf("%s%s%s", found, name ? ", " : "", name ? name : "");
	say(out, vmx ? OK : NO, "CPU", text, mend);
	return vmx;
}

static void say_device(const struct machine *m, FILE *out)
{
	const char *what = "/dev/kvm", *missing = kvm_probe_missing(&m->probe);
	const int error = m->probe.open_errno;

	if (!error && m->probe.api_version == KVM_API_VERSION)
		say(out, OK, what, "opens", NULL);
	else if (error == EACCES || error == EPERM)
		say(out, NO, what, "may not be opened by this user",
		    "usermod -aG kvm \"$USER\", then log in again");
	else if (error && module(m, "kvm_intel"))
		say(out, NO, what, strerror(error),
		    "in a container: start it with --device /dev/kvm");
	else
		say(out, NO, what, error ? strerror(error) : missing, NULL);
}

static void say_nested(const struct machine *m, bool vmx, FILE *out)
{
	const char nested = parameter(m, "nested");
	const char *missing = kvm_probe_missing(&m->probe);
	auto_free char *mend = reload(m, NULL), *text = NULL;

	if (!nested)
		say(out, NO, "kvm_intel.nested", "kvm_intel is not loaded", NULL);
	else
		say(out, nested == 'Y' ? OK : NO, "kvm_intel.nested", nested == 'Y' ? "Y" : "N",
		    nested == 'Y' ? NULL : mend);
	if (!m->probe.cpuid)
		say(out, MAYBE, "VMX for guests", unasked, NULL);
	else
		say(out, m->probe.vmx ? OK : NO, "VMX for guests",
		    m->probe.vmx   ? "KVM_GET_SUPPORTED_CPUID has it"
		    : m->probe.svm ? "KVM offers SVM, not VMX"
				   : "KVM_GET_SUPPORTED_CPUID lacks it",
		    m->probe.vmx || !vmx || nested == 'N' ? NULL : mend);
	if (!m->probe.vmx)
		return;
	text = xasprintf("KVM_CAP_NESTED_STATE: %d bytes", m->probe.nested_state);
	say(out, missing ? NO : OK, "nested state can be saved", text,
	    missing ? "boot Linux 4.20 or newer" : NULL);
}

/* Whether L1 may set all @bits of the controls that MSR @index is about. */
static bool offered(const struct machine *m, uint32_t index, uint64_t bits)
{
	for (unsigned i = 0; i < m->msrs; i++)
		if (m->msr[i].index == index)
			return (m->msr[i].value & bits) == bits;
	return false;
}

static void say_feature(FILE *out, const char *what, bool there, const char *mend)
{
	say(out, there ? OK : NO, what,
	    there ? "offered to L1" : "not offered to L1: scenarios that need it are skipped",
	    there ? NULL : mend);
}

/* What KVM's capability MSRs offer, which depends on the CPU and on kvm_intel's parameters. */
static void say_features(const struct machine *m, FILE *out)
{
	const char apicv = parameter(m, "enable_apicv");
	auto_free char *ept_mend = NULL, *apicv_mend = NULL;

	if (!m->msrs) {
		say(out, m->probe.cpuid ? NO : MAYBE, "EPT, APICv",
		    m->probe.cpuid ? "no VMX for guests, so none of it" : unasked, NULL);
		return;
	}
	/* N may also mean that the CPU has none; then it does no harm to ask for it. */
	apicv_mend = apicv == 'N' ? reload(m, "enable_apicv") : NULL;
	ept_mend = parameter(m, "ept") == 'N' ? reload(m, "ept") : NULL;
	say_feature(out, "EPT", offered(m, MSR_PROCBASED2, CPU2_EPT), ept_mend);
	say(out, apicv == 'Y' ? OK : NO, "kvm_intel.enable_apicv",
	    apicv ? (apicv == 'Y' ? "Y" : "N") : "no such parameter", apicv_mend);
	say_feature(out, "virtual-interrupt delivery",
		    offered(m, MSR_PROCBASED2, CPU2_VIRT_INTR | CPU2_APIC_REG), apicv_mend);
	say_feature(out, "posted interrupts", offered(m, MSR_PINBASED, PIN_POSTED_INTR),
		    apicv_mend);
}

/* What an enlightened L1 needs: scenarios *_evmcs and evmcs_*. */
static void say_evmcs(const struct machine *m, FILE *out)
{
	const char *found = "offered to L1", *mend = NULL;
	const unsigned lowest = m->probe.evmcs_revisions & 0xff;

	if (!m->probe.cpuid)
		found = unasked;
	else if (!m->probe.evmcs)
		found = "no KVM_CAP_HYPERV_ENLIGHTENED_VMCS: scenarios that need it are skipped";
	else if (lowest != EVMCS_REVISION)
		found = "KVM_GET_SUPPORTED_HV_CPUID has no revision 1 of it: scenarios that need "
			"it "
			"are skipped";
	if (m->probe.vmx && !m->probe.evmcs)
		mend = "boot Linux 4.20 or newer, from 6.9 on with CONFIG_KVM_HYPERV=y";
	say(out,
	    !m->probe.cpuid				 ? MAYBE
	    : m->probe.evmcs && lowest == EVMCS_REVISION ? OK
							 : NO,
	    "enlightened VMCS", found, mend);
}

static void say_uffd(const struct machine *m, FILE *out)
{
	auto_free char *allowed =
		environment_line(m->root, "/proc/sys/vm/unprivileged_userfaultfd");
	const char *found = "works", *mend = NULL;

	if (m->uffd == ENOSYS) {
		found = "not in this kernel: no `pages`, no post-copy, no freeze at a page";
		mend = "boot a kernel with CONFIG_USERFAULTFD=y";
	} else if (m->uffd == EPERM) {
		found = m->uffd_user
				? "for faults in user mode only: no `pages`, no post-copy, no "
				  "freeze at a page"
				: "not permitted: no `pages`, no post-copy, no freeze at a page";
		mend = allowed && *allowed == '0'
			       ? "sysctl -w vm.unprivileged_userfaultfd=1"
			       : "in a container: a seccomp profile that allows userfaultfd";
	} else if (m->uffd) {
		found = strerror(m->uffd);
	}
	say(out, m->uffd ? NO : OK, "userfaultfd", found, mend);
}

static void say_qemu(const struct machine *m, FILE *out)
{
	static const char before[] = "version ";
	const char *version = m->qemu ? strstr(m->qemu, before) : NULL;
	auto_free char *text = NULL;
	unsigned long major;

	version = version ? version + strlen(before) : m->qemu;
	major = version ? strtoul(version, NULL, 10) : 0;
	if (!m->qemu) {
		text = xasprintf("%s does not start", m->qemu_name);
		say(out, NO, "QEMU", text, "apt-get install qemu-system-x86");
	} else {
		text = xasprintf("%s%s", version,
				 major >= QEMU_MAJOR_NEEDED
					 ? ""
					 : ": old, methods that it lacks are skipped");
		say(out, major >= QEMU_MAJOR_NEEDED ? OK : MAYBE, "QEMU", text, NULL);
	}
}

static void say_kmsg(const struct machine *m, FILE *out)
{
	auto_free char *restricted = environment_line(m->root, "/proc/sys/kernel/dmesg_restrict");
	const bool sysctl = m->kmsg == EPERM && restricted && *restricted == '1';

	say(out, m->kmsg ? MAYBE : OK, "L0's log (/dev/kmsg)",
	    m->kmsg ? "cannot be read: a WARNING of KVM would be missed" : "readable",
	    !m->kmsg ? NULL
	    : sysctl ? "sysctl -w kernel.dmesg_restrict=0"
		     : "run as root");
}

/* What `lab.sh status` says behind @key. The caller frees it. */
static char *lab_says(const struct machine *m, const char *key)
{
	const size_t len = strlen(key);

	for (const char *p = buf_text(&m->lab); *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (!strncmp(p, key, len) && p[len] == ':') {
			p += len + 1 + (p[len + 1] == ' ');
			return xasprintf("%.*s", (int)strcspn(p, "\n"), p);
		}
	return xstrdup("");
}

static void say_lab(const struct machine *m, FILE *out)
{
	auto_free char *kernel = lab_says(m, "kernel"), *built = lab_says(m, "built");
	auto_free char *missing = lab_says(m, "missing"), *room = lab_says(m, "room");
	auto_free char *cache = lab_says(m, "cache"), *text = NULL;

	if (m->lab_status < 0) {
		say(out, NO, "lab", "its script is not here",
		    "MIDFLIGHT_LAB_DIR=DIRECTORY-OF-lab.sh names its place");
	} else if (!*kernel) {
		say(out, NO, "lab", "`lab.sh status` failed: it says why", NULL);
	} else if (m->lab_status == LAB_BUILT) {
		text = xasprintf("built for Linux %s, in %s", built, cache);
		say(out, OK, "lab", text, NULL);
	} else {
		const bool can = m->lab_status == LAB_TO_MAKE;

		text = xasprintf("not built for Linux %s%s%s; room in %s: %s", kernel,
				 *missing ? "; missing: " : "", missing, cache, room);
		say(out, can ? MAYBE : NO, "lab", text,
		    *missing ? "make lab"
		    : can    ? "make lab, or the first run does it"
			     : "MIDFLIGHT_CACHE=DIRECTORY moves it to where there is room");
	}
}

int doctor(const struct machine *m, FILE *out)
{
	const bool own = !kvm_probe_missing(&m->probe);
	const bool vmx = say_cpu(m, out), loaded = module(m, "kvm_intel");

	say(out, loaded ? OK : NO, "module kvm_intel", loaded ? "loaded" : "not loaded",
	    loaded || !vmx ? NULL : "modprobe kvm_intel nested=1");
	say_device(m, out);
	say_nested(m, vmx, out);
	say_features(m, out);
	say_evmcs(m, out);
	say_uffd(m, out);
	say_qemu(m, out);
	say_kmsg(m, out);
	say_lab(m, out);

	fprintf(out, "\n");
	if (own && m->qemu)
		fprintf(out, "`midflight run` uses this machine's KVM.\n");
	else if (own)
		fprintf(out, "`midflight run --driver kvm` uses this machine's KVM; without that "
			     "option it needs QEMU.\n");
	else if (m->lab_status == LAB_BUILT)
		fprintf(out, "`midflight run` uses the lab, an emulated CPU with VMX.\n");
	else if (m->lab_status == LAB_TO_MAKE)
		fprintf(out, "`midflight run` builds the lab, an emulated CPU with VMX, and uses "
			     "it.\n");
	else
		fprintf(out, "`midflight run` can work neither with this machine's KVM nor in the "
			     "lab.\n");
	return own							    ? STATUS_OWN
	       : m->lab_status == LAB_BUILT || m->lab_status == LAB_TO_MAKE ? STATUS_LAB
									    : STATUS_NONE;
}

int cmd_doctor(struct options *o)
{
	auto_by(machine_free) struct machine m = {0};

	machine_ask(&m, o->qemu);
	return doctor(&m, stdout);
}
