// SPDX-License-Identifier: BSD-2-Clause
// Each line of `midflight doctor`, from machines that are made up.
#include "tests/unit/unit.h"

#include "host/commands/cmd.h"
#include "tests/unit/tree.h"

#include <errno.h>

#define PIN    0x48d
#define CPU2   0x48b
#define UPPER  32
#define APICV  (1ull << (UPPER + 9) | 1ull << (UPPER + 8))
#define EPT    (1ull << (UPPER + 1))
#define POSTED (1ull << (UPPER + 7))

static struct machine m;
static char *said;
static int status;

/* All that one can wish for. */
static int setup(void **state)
{
	(void)state;
	tree_begin();
	tree_file("/proc/cpuinfo",
		  "vendor_id\t: GenuineIntel\nmodel name\t: A CPU\nflags\t: fpu vmx ept\n");
	tree_file("/sys/module/kvm_intel/initstate", "live\n");
	tree_file("/sys/module/kvm_intel/parameters/nested", "Y\n");
	tree_file("/sys/module/kvm_intel/parameters/enable_apicv", "Y\n");
	tree_file("/sys/module/kvm_intel/parameters/ept", "Y\n");
	tree_file("/proc/sys/vm/unprivileged_userfaultfd", "0\n");
	tree_file("/proc/sys/kernel/dmesg_restrict", "1\n");
	m = (struct machine){
		.root = tree_root,
		.probe = {.api_version = 12,
			  .nested_state = 8320,
			  .cpuid = true,
			  .vmx = true,
			  .evmcs = true,
			  .evmcs_revisions = 0x101},
		.msr = {{"IA32_VMX_PROCBASED_CTLS2", CPU2, EPT | APICV},
			{"IA32_VMX_TRUE_PINBASED_CTLS", PIN, POSTED}},
		.msrs = 2,
		.uffd_user = true,
		.qemu_name = "my-qemu",
		.qemu = xstrdup("QEMU emulator version 10.0.3 (Debian)"),
	};
	buf_printf(&m.lab, "kernel: 6.12\nbuilt: 6.12 7.3\ncache: /c\nroom: 5 MB of 9 MB\n"
			   "missing:\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_free(&m);
	free(said);
	said = NULL;
	tree_end();
	return 0;
}

static void ask(void)
{
	size_t size;
	FILE *out;

	free(said);
	out = open_memstream(&said, &size);
	status = doctor(&m, out);
	fclose(out);
}

/* The line about @what has @word and @found, and @mend below it (NULL: nothing). */
static void assert_line(const char *word, const char *what, const char *found, const char *mend)
{
	char *start, *line, *next;

	ask();
	start = xasprintf("%-5s  %-28s  %s", word, what, found);
	line = strstr(said, start);
	if (!line)
		fail_msg("no '%s' in:\n%s", start, said);
	else
		next = strchr(line, '\n') + 1;
	free(start);
	if (!line)
		return;
	start = xasprintf("%-37s-> %s\n", "", mend ? mend : "");
	if (mend && strncmp(next, start, strlen(start)))
		fail_msg("no '%s' behind that line in:\n%s", start, said);
	if (!mend && *next == ' ')
		fail_msg("no command was expected there:\n%s", said);
	free(start);
}

static void remove_file(const char *path)
{
	char *full = xasprintf("%s%s", tree_root, path);

	assert_int_equal(unlink(full), 0);
	free(full);
}

static void all_well(void **state)
{
	(void)state;
	assert_line("ok", "CPU", "VMX, A CPU\n", NULL);
	assert_line("ok", "module kvm_intel", "loaded\n", NULL);
	assert_line("ok", "/dev/kvm", "opens\n", NULL);
	assert_line("ok", "kvm_intel.nested", "Y\n", NULL);
	assert_line("ok", "VMX for guests", "", NULL);
	assert_line("ok", "nested state can be saved", "KVM_CAP_NESTED_STATE: 8320", NULL);
	assert_line("ok", "EPT", "offered to L1\n", NULL);
	assert_line("ok", "kvm_intel.enable_apicv", "Y\n", NULL);
	assert_line("ok", "virtual-interrupt delivery", "offered to L1\n", NULL);
	assert_line("ok", "posted interrupts", "offered to L1\n", NULL);
	assert_line("ok", "enlightened VMCS", "offered to L1\n", NULL);
	assert_line("ok", "userfaultfd", "works\n", NULL);
	assert_line("ok", "QEMU", "10.0.3 (Debian)\n", NULL);
	assert_line("ok", "L0's log (/dev/kmsg)", "readable\n", NULL);
	assert_line("ok", "lab", "built for Linux 6.12 7.3, in /c\n", NULL);
	assert_null(strstr(said, "->"));
	assert_contains(said, "\n`midflight run` uses this machine's KVM.\n");
	assert_int_equal(status, 0);
	m.probe.evmcs_revisions = 0;
	assert_line("no", "enlightened VMCS", "KVM_GET_SUPPORTED_HV_CPUID has no revision 1", NULL);
	m.probe.evmcs = false;
	assert_line("no", "enlightened VMCS", "no KVM_CAP_HYPERV_ENLIGHTENED_VMCS",
		    "boot Linux 4.20 or newer, from 6.9 on with CONFIG_KVM_HYPERV=y");
}

static void cpu(void **state)
{
	static const struct {
		const char *info, *found, *mend;
	} cases[] = {
		{"processor : 0\nFeatures : fp asimd\n", "no x86 CPU", NULL},
		{"flags : fpu svm\nmodel name : B\n", "SVM, not VMX, B", NULL},
		{"flags : fpu vmxx\nvendor_id : AuthenticAMD\n", "no VMX: it is not Intel's", NULL},
		{"flags : fpu hypervisor\nvendor_id : GenuineIntel\n",
		 "no VMX: this is a VM, and its host passes none on",
		 "on its host: modprobe kvm_intel nested=1, and QEMU with -cpu host"},
		{"flags : fpu\nvendor_id : GenuineIntel\n",
		 "no VMX: it has none, or the firmware turned it off",
		 "enable VMX (VT-x) in the firmware's setup"},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		tree_file("/proc/cpuinfo", cases[i].info);
		assert_line("no", "CPU", cases[i].found, cases[i].mend);
	}
	tree_end();
	tree_begin();
	assert_line("no", "CPU", "no x86 CPU\n", NULL);
	/* Without VMX there is nothing to load. */
	assert_line("no", "module kvm_intel", "not loaded\n", NULL);
}

static void module_missing(void **state)
{
	(void)state;
	tree_end();
	tree_begin();
	tree_file("/proc/cpuinfo", "flags : vmx\n");
	m.probe = (struct kvm_probe){.open_errno = ENOENT};
	m.msrs = 0;
	assert_line("no", "module kvm_intel", "not loaded\n", "modprobe kvm_intel nested=1");
	assert_line("no", "/dev/kvm", "No such file or directory\n", NULL);
	assert_line("no", "kvm_intel.nested", "kvm_intel is not loaded\n", NULL);
	assert_line("maybe", "VMX for guests", "cannot be asked for without /dev/kvm\n", NULL);
	assert_line("maybe", "EPT, APICv", "cannot be asked for without /dev/kvm\n", NULL);
	assert_int_equal(status, 4);
}

static void device(void **state)
{
	(void)state;
	m.probe = (struct kvm_probe){.open_errno = EACCES};
	assert_line("no", "/dev/kvm", "may not be opened by this user\n",
		    "usermod -aG kvm \"$USER\", then log in again");
	m.probe.open_errno = ENOENT; /* but the module is loaded */
	assert_line("no", "/dev/kvm", "No such file or directory\n",
		    "in a container: start it with --device /dev/kvm");
	m.probe = (struct kvm_probe){.api_version = 11};
	assert_line("no", "/dev/kvm", "/dev/kvm does not speak KVM's API version 12\n", NULL);
}

static void nested(void **state)
{
	static const char reload[] = "modprobe -r kvm_intel; modprobe kvm_intel nested=1";

	(void)state;
	tree_file("/sys/module/kvm_intel/parameters/nested", "N\n");
	m.probe.vmx = false;
	assert_line("no", "kvm_intel.nested", "N\n", reload);
	assert_line("no", "VMX for guests", "KVM_GET_SUPPORTED_CPUID lacks it\n", NULL);
	tree_file("/sys/module/kvm_intel/parameters/nested", "1\n");
	assert_line("ok", "kvm_intel.nested", "Y\n", NULL);
	assert_line("no", "VMX for guests", "KVM_GET_SUPPORTED_CPUID lacks it\n", reload);
	assert_null(strstr(said, "nested state can"));
	m.msrs = 0;
	assert_line("no", "EPT, APICv", "no VMX for guests, so none of it\n", NULL);
	m.probe.svm = true;
	assert_line("no", "VMX for guests", "KVM offers SVM, not VMX\n", reload);
	m.probe.vmx = true;
	m.probe.nested_state = 0;
	assert_line("no", "nested state can be saved", "KVM_CAP_NESTED_STATE: 0 bytes\n",
		    "boot Linux 4.20 or newer");
	assert_int_equal(status, 4);
}

static void features(void **state)
{
	static const char none[] = "not offered to L1: scenarios that need it are skipped\n";
	static const char apicv[] = "modprobe -r kvm_intel; modprobe kvm_intel nested=1 "
				    "enable_apicv=1";

	(void)state;
	m.msr[0].value = EPT | APICV >> 1; /* one of both is not enough */
	m.msr[1].value = POSTED >> UPPER;  /* what must be set is not what may be set */
	assert_line("no", "virtual-interrupt delivery", none, NULL);
	assert_line("no", "posted interrupts", none, NULL);
	tree_file("/sys/module/kvm_intel/parameters/enable_apicv", "N\n");
	assert_line("no", "kvm_intel.enable_apicv", "N\n", apicv);
	assert_line("no", "virtual-interrupt delivery", none, apicv);
	assert_line("no", "posted interrupts", none, apicv);
	m.msr[0].value = APICV;
	assert_line("no", "EPT", none, NULL);
	tree_file("/sys/module/kvm_intel/parameters/ept", "0\n");
	assert_line("no", "EPT", none, "modprobe -r kvm_intel; modprobe kvm_intel nested=1 ept=1");
	tree_file("/sys/module/kvm_intel/parameters/nested", "N\n");
	remove_file("/sys/module/kvm_intel/initstate"); /* built in */
	assert_line("no", "EPT", none, "boot with kvm_intel.nested=1 kvm_intel.ept=1");
	assert_line("no", "kvm_intel.nested", "N\n", "boot with kvm_intel.nested=1");
	tree_file("/sys/module/kvm_intel/initstate", "live\n");
	m.msrs = 1; /* the other MSR is not there at all */
	assert_line("no", "posted interrupts", none, apicv);
	tree_end();
	tree_begin();
	assert_line("no", "kvm_intel.enable_apicv", "no such parameter\n", NULL);
}

static void userfaultfd(void **state)
{
	(void)state;
	m.uffd = EPERM;
	assert_line("no", "userfaultfd",
		    "for faults in user mode only: no `pages`, no post-copy, no freeze at a page\n",
		    "sysctl -w vm.unprivileged_userfaultfd=1");
	m.uffd_user = false;
	tree_file("/proc/sys/vm/unprivileged_userfaultfd", "1\n");
	assert_line("no", "userfaultfd",
		    "not permitted: no `pages`, no post-copy, no freeze at a page\n",
		    "in a container: a seccomp profile that allows userfaultfd");
	m.uffd = ENOSYS;
	assert_line("no", "userfaultfd",
		    "not in this kernel: no `pages`, no post-copy, no freeze at a page\n",
		    "boot a kernel with CONFIG_USERFAULTFD=y");
	m.uffd = EMFILE;
	assert_line("no", "userfaultfd", "Too many open files\n", NULL);
}

static void log_of_l0(void **state)
{
	static const char missed[] = "cannot be read: a WARNING of KVM would be missed\n";

	(void)state;
	m.kmsg = EPERM;
	assert_line("maybe", "L0's log (/dev/kmsg)", missed, "sysctl -w kernel.dmesg_restrict=0");
	tree_file("/proc/sys/kernel/dmesg_restrict", "0\n");
	assert_line("maybe", "L0's log (/dev/kmsg)", missed, "run as root");
	m.kmsg = ENOENT;
	assert_line("maybe", "L0's log (/dev/kmsg)", missed, "run as root");
}

static void qemu(void **state)
{
	(void)state;
	free(m.qemu);
	m.qemu = xstrdup("QEMU emulator version 7.2.22 (Debian)");
	assert_line("maybe", "QEMU", "7.2.22 (Debian): old, methods that it lacks are skipped\n",
		    NULL);
	free(m.qemu);
	m.qemu = xstrdup("something else\033[31m");
	assert_line("maybe", "QEMU", "something else?[31m: old, methods", NULL);
	free(m.qemu);
	m.qemu = NULL;
	assert_line("no", "QEMU", "my-qemu does not start\n", "apt-get install qemu-system-x86");
	assert_contains(said, "`midflight run --driver kvm` uses this machine's KVM; without that "
			      "option it needs QEMU.\n");
	assert_int_equal(status, 0);
}

/* The lab of a machine without VMX is what counts. */
static void lab(void **state)
{
	(void)state;
	m.probe.vmx = false;
	assert_line("ok", "lab", "built for Linux 6.12 7.3, in /c\n", NULL);
	assert_contains(said, "\n`midflight run` uses the lab,");
	assert_int_equal(status, 4);
	m.lab_status = 4;
	m.lab.len = 0;
	buf_printf(&m.lab, "kernel: 6.12\nbuilt:\ncache: /c\nroom: 50 MB of 9 MB\nmissing:\n");
	assert_line("maybe", "lab", "not built for Linux 6.12; room in /c: 50 MB of 9 MB\n",
		    "make lab, or the first run does it");
	assert_contains(said, "\n`midflight run` builds the lab,");
	assert_int_equal(status, 4);
	m.lab_status = 2;
	assert_line("no", "lab", "not built for Linux 6.12; room in /c: 50 MB",
		    "MIDFLIGHT_CACHE=DIRECTORY moves it to where there is room");
	assert_contains(said, "\n`midflight run` can work neither");
	assert_int_equal(status, 2);
	m.lab.len = 0;
	buf_printf(&m.lab, "kernel: 6.12\nbuilt:\ncache: /c\nroom: 50 MB of 9 MB\nmissing: xz g++");
	assert_line("no", "lab",
		    "not built for Linux 6.12; missing: xz g++; room in /c: 50 MB of 9 MB\n",
		    "make lab");
	m.lab.len = 0;
	assert_line("no", "lab", "`lab.sh status` failed: it says why\n", NULL);
	m.lab_status = -1;
	assert_line("no", "lab", "its script is not here\n",
		    "MIDFLIGHT_LAB_DIR=DIRECTORY-OF-lab.sh names its place");
	assert_int_equal(status, 2);
}

/* A machine that is there, with a lab and a QEMU that are not. */
static void asked(void **state)
{
	static const char lab_sh[] = "echo \"kernel: $1\"; exit 4";
	char *dir;

	(void)state;
	machine_free(&m);
	tree_program("/l a b/lab.sh", lab_sh);
	dir = xasprintf("%s/l a b", tree_root);
	setenv("MIDFLIGHT_LAB_DIR", dir, 1);
	machine_ask(&m, "/nonexistent/qemu");
	assert_null(m.qemu);
	assert_int_equal(m.lab_status, 4);
	assert_string_equal(m.lab.p, "kernel: status\n");
	assert_string_equal(m.root, "");
	ask();
	assert_contains(said, "/nonexistent/qemu does not start");
	machine_free(&m);
	setenv("MIDFLIGHT_LAB_DIR", "/nonexistent", 1);
	machine_ask(&m, "/nonexistent/qemu");
	assert_int_equal(m.lab_status, -1);
	unsetenv("MIDFLIGHT_LAB_DIR");
	free(dir);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(all_well),	T(cpu),	      T(module_missing), T(device), T(nested), T(features),
		T(userfaultfd), T(log_of_l0), T(qemu),		 T(lab),    T(asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
