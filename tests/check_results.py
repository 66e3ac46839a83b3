#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks what a run leaves: check_results.py RESULT.json [JUNIT.xml]. Quiet if all is well."""
import json
import pathlib
import sys
import xml.etree.ElementTree as ET

import jsonschema

docs = pathlib.Path(__file__).resolve().parent.parent / "docs"
schema = json.loads((docs / "result.schema.json").read_text())
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
path = pathlib.Path(sys.argv[1])
top = json.loads(path.read_text())
wrong = [f"{e.json_path}: {e.message}" for e in validator.iter_errors(top)]

for r in top["results"]:
    for key in ("dir", "replay", "failure"):
        if r[key] and not (path.parent / r[key]).exists():
            wrong.append(f"{r['name']}: {key} {r[key]} is not there")
    if r["dir"] and r["word"] not in ("PASS", "SKIP") and not (r["replay"] and r["failure"]):
        wrong.append(f"{r['name']}: {r['word']} without replay.json or failure.txt")

if len(sys.argv) > 2:
    suite = ET.parse(sys.argv[2]).getroot().find("testsuite")
    cases = suite.findall("testcase")
    counts = {k: sum(c.find(k) is not None for c in cases) for k in ("failure", "error", "skipped")}
    for key, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        if int(suite.get(attribute)) != counts[key]:
            wrong.append(f"JUnit: {attribute} is {suite.get(attribute)}, not {counts[key]}")
    extra = ["interrupted"] if top["interrupted"] else []
    if [c.get("name") for c in cases] != [r["name"] for r in top["results"]] + extra:
        wrong.append("JUnit: other results than result.json")
    summary = top["summary"]
    known = summary["known"]
    want = {
        "failure": summary["failed"] + (known if top["strict"] else 0),
        "error": summary["errors"] + len(extra),
        "skipped": summary["skipped"] + (0 if top["strict"] else known),
    }
    if counts != want:
        wrong.append(f"JUnit: {counts}, but result.json says {want}")

print("\n".join(wrong), end="\n" if wrong else "")
sys.exit(bool(wrong))
