/* SPDX-License-Identifier: BSD-2-Clause */
/* sweep.json, in the log directory: every moment of a sweep. docs/sweep.md describes it. */
#ifndef HOST_SWEEP_H
#define HOST_SWEEP_H

#define SWEEP_SCHEMA  "midflight-sweep"
#define SWEEP_VERSION 1

#endif
