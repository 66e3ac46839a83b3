/* SPDX-License-Identifier: BSD-2-Clause */
/* Results as JUnit XML, as Jenkins and GitLab read it. */
#ifndef HOST_REPORT_JUNIT_H
#define HOST_REPORT_JUNIT_H

#include "host/base/util.h"

#include <jansson.h>

/*
 * Appends @top, the object of result.json, as an XML document: one testsuite, a testcase for each
 * result with class `driver.scenario`. Known bugs are skipped with their text (failures with
 * --strict), and ERROR is an error. What @top lacks is left out: it may come from a file.
 */
void report_junit(const json_t *top, struct buf *xml);

#endif
