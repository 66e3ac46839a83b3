/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of a run say that they are; each has its description in docs/. */
#ifndef HOST_REPORT_SCHEMAS_H
#define HOST_REPORT_SCHEMAS_H

#define RESULT_SCHEMA  "midflight-result"
#define RESULT_VERSION 2

#define REPLAY_SCHEMA  "midflight-replay"
#define REPLAY_VERSION 2

#define SOAK_SCHEMA  "midflight-soak"
#define SOAK_VERSION 1

#define SWEEP_SCHEMA  "midflight-sweep"
#define SWEEP_VERSION 1

#define FUZZ_SCHEMA  "midflight-fuzz"
#define FUZZ_VERSION 2

#endif
