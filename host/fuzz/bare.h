/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs under KVM and on the bare emulated CPU, without snapshots; docs/fuzz.md, "Without KVM".
 */
#ifndef HOST_FUZZ_BARE_H
#define HOST_FUZZ_BARE_H

#include "host/cli/options.h"

/*
 * `midflight fuzz --bare`: flies the files of @o, or programs that it draws, under KVM, and then,
 * outside of the lab, on the bare CPU. The exit status.
 */
int cmd_fuzz_bare(struct options *o);

#endif
