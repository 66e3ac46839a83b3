/* SPDX-License-Identifier: BSD-2-Clause */
/* soak.json, in the log directory: every flight of a soak. docs/soak.md describes it. */
#ifndef HOST_SOAK_H
#define HOST_SOAK_H

#define SOAK_SCHEMA  "midflight-soak"
#define SOAK_VERSION 1

#endif
