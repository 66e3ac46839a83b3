/* SPDX-License-Identifier: BSD-2-Clause */
/* QEMU's command line. */
#ifndef HOST_QEMU_QEMU_ARGS_H
#define HOST_QEMU_QEMU_ARGS_H

#include "host/vmm/driver.h"

/*
 * Arguments of QEMU, NULL at the end; to be started in qemu_args_dir(). The serial port and QMP
 * are the connected sockets @serial_fd and @qmp_fd; with -1 for both it is the command line for a
 * human at a terminal. @extra: further words, NULL at the end; NULL: none.
 */
char **qemu_args(const struct vm_config *config, int serial_fd, int qmp_fd,
		 const char *const *extra);
void qemu_args_free(char **args);

/* Directory of the image. The caller frees it. */
char *qemu_args_dir(const struct vm_config *config);

/* A shell script that starts the same VM by hand. */
void qemu_args_script(const struct vm_config *config, struct buf *script);

#endif
