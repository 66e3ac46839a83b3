/* SPDX-License-Identifier: BSD-2-Clause */
/* Can this machine run Midflight, and what mends what is missing. */
#ifndef HOST_COMMANDS_DOCTOR_H
#define HOST_COMMANDS_DOCTOR_H

#include "host/l0/kvm_probe.h"
#include "host/base/util.h"

/* What `midflight doctor` judges. */
struct machine {
	const char *root; /* where /proc and /sys lie: "", or a test's directory */
	struct kvm_probe probe;
	struct kvm_vmx_msr msr[KVM_VMX_MSRS];
	unsigned msrs;
	int uffd;	/* errno of userfaultfd for faults in the kernel, 0: it works */
	bool uffd_user; /* it works for faults in user mode */
	int kmsg;	/* errno of /dev/kmsg, 0: it is readable */
	const char *qemu_name;
	char *qemu;	/* first line of --version; NULL: does not start */
	int lab_status; /* of `lab.sh status`, which says what it means; -1: there is no lab.sh */
	struct buf lab; /* what it printed */
};

/* Asks the kernel, QEMU @qemu and the lab of this machine. */
void machine_ask(struct machine *m, const char *qemu);
void machine_free(struct machine *m);

/* One line per fact on @out, at last what `midflight run` will use. The exit status of `doctor`. */
int doctor(const struct machine *m, FILE *out);

#endif
