/* SPDX-License-Identifier: BSD-2-Clause */
/* What the machine under test is: kernel, CPU, KVM's modules and parameters, QEMU. */
#ifndef HOST_L0_ENVIRONMENT_H
#define HOST_L0_ENVIRONMENT_H

#include "host/base/util.h"

#include <jansson.h>

/*
 * All that is known of this machine, as an object:
 *   kernel kernel_version     of uname
 *   distribution cpu microcode
 *   vmx                       object: VMX capability MSRs that KVM offers, "0x..." by SDM name
 *   kvm_parameters            object: parameters of kvm and kvm_intel, by "module.parameter"
 *   modules                   object: build IDs of kvm and kvm_intel in hex
 *   qemu                      first line of `QEMU --version`, or null
 *   midflight                 our own version
 * What cannot be found out is "". @qemu is a path or a name in $PATH; NULL: none. Never NULL.
 */
json_t *environment_json(const char *qemu);

/* The same of the files below @root ("" is this machine), for tests. */
json_t *environment_json_at(const char *root, const char *qemu);

/*
 * Appends @env as lines to paste into a bug report. What @env lacks is left out, so that it may
 * come from a file.
 */
void environment_text(const json_t *env, struct buf *text);

/* First line of `@qemu --version`, which the caller frees; NULL: it does not start or says nothing.
 */
char *environment_qemu(const char *qemu);

/* First line of file @root@path without its end, which the caller frees; NULL: it cannot be read.
 */
char *environment_line(const char *root, const char *path);

/* The value of @key in `key : value` lines of /proc/cpuinfo, which the caller frees; NULL: none. */
char *environment_cpuinfo(const char *root, const char *key);

#endif
