#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes log directories for the tests of `midflight report`: fixture.py KIND DIR KERNEL.

KIND: scenarios (many of them, one method), methods (two scenarios, many methods), hostile (every
string is markup, paths lead elsewhere, files are damaged). The runs are made up, their format is
that of host/report/result_json.c and host/vmm/timeline.c.
"""
import json
import os
import random
import sys

HOSTILE = '"\'><script>document.title="owned"</script><img src=x onerror=alert(1)>&lt;\u202e]]>--><!--'
METHODS = ("file pipe mapped-ram mapped-ram-multifd mapped-ram-direct cpr-reboot cpr-transfer savevm "
           "precopy precopy-limited precopy-multifd precopy-auto-converge precopy-xbzrle postcopy "
           "postcopy-preempt background pause reset killed cancelled disk-full corrupted "
           "ping-pong").split()
IOCTLS = ("KVM_CREATE_VM, KVM_CREATE_VCPU, ...|KVM_SET_CPUID2|KVM_SET_IRQCHIP|KVM_SET_PIT2|"
          "KVM_SET_CLOCK|KVM_SET_MSRS (VMX_CAPABILITIES)|KVM_SET_LAPIC|KVM_SET_SREGS2|"
          "KVM_SET_NESTED_STATE|KVM_SET_XSAVE|KVM_SET_XCRS|KVM_SET_VCPU_EVENTS|KVM_SET_MP_STATE|"
          "KVM_SET_REGS|KVM_SET_MSRS|KVM_SET_DEBUGREGS").split("|")
PAGES = ["virtual-APIC page", "posted-interrupt descriptor", "MSR bitmap", "EPT table", "EPT table",
         "L2 page tables", "L2 image", "L1 memory"]
KNOWN = {
    "halted-posted-interrupt-lost": "a halted L2 never hears a posted interrupt after a restore",
    "halted-posted-interrupt-unheard":
        "L0 warns that the virtual-APIC page of a halted L2 is not mapped"}
# In which KVM does not take the state over into a new VM.
STAYS = ("pause", "reset", "killed", "cancelled", "disk-full")
ASKER = "nested_get_vmcs12_pages"


def write(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(value if isinstance(value, str) else json.dumps(value, indent=1) + "\n")


def event(start, end, kind, text):
    return {"from_us": round(start, 3), "to_us": round(end, 3), "kind": kind, "text": text}


def timeline(rnd, name, hop, failed):
    """One hop: stop, save, restore by ioctls, KVM_RUN 1 that waits for its pages."""
    t = 0.0
    runner, vcpu, pages, guest, interrupts = [], [], [], [], []

    def phase(text, us):
        nonlocal t
        runner.append(event(t, t + us, "phase", text))
        t += us

    phase("stop", rnd.uniform(200, 500))
    interrupts.append(event(t, t, "interrupt", "in the snapshot: pir 0x71"))
    phase("snapshot", rnd.uniform(3000, 8000))
    phase("quit", rnd.uniform(15000, 25000))
    begin = t
    for ioctl in IOCTLS:
        us = rnd.uniform(20, 400) * (12 if "CREATE" in ioctl else 1)
        vcpu.append(event(t, t + us, "ioctl", ioctl))
        t += us + rnd.uniform(5, 20)
    runner.append(event(begin, t, "phase", "restore"))
    phase("cont", 40)
    run = t
    for page in PAGES:
        us = rnd.uniform(3000, 12000)
        pages.append(event(t, t + us, "page", f"{page}, in KVM_RUN 1, by {ASKER}"))
        t += us + rnd.uniform(50, 200)
    if failed:
        t += 2e6
        interrupts.append(event(t, t + 300, "interrupt", "NMI to a silent VM"))
        guest.append(event(t + 9000, t + 9000, "guest", "fail check=lost wake-up vector=0x71"))
        t += 10000
    else:
        t += rnd.uniform(1e4, 2e5)
    vcpu.append(event(run, t, "run", "KVM_RUN 1 (serial port)"))
    guest.append(event(t, t, "guest", f"hop failed={int(failed)} digest=0x19596dd6015796cc"))
    runner.append(event(run, t, "phase", "run"))
    lanes = [("runner", runner), ("vCPU 0", vcpu), ("pages", pages), ("L1/L2", guest),
             ("interrupts", interrupts)]
    return {"schema": "midflight-timeline", "version": 1, "result": name, "hop": hop,
            "driver": "kvm", "dropped": 0,
            "lanes": [{"name": n, "events": e} for n, e in lanes if e]}


def page_report(kernel):
    fetches = [{"order": i + 1, "phase": "KVM_RUN 1", "page": page,
                "kind": "vmcs12" if i < 3 else "other", "gpa": hex(0x13c000 + i * 0x1000),
                "thread": "vcpu", "tid": 7, "write": i < 3, "via": ASKER, "too_early": False,
                "lost": False, "asked_us": i, "waited_us": 8000 + i}
               for i, page in enumerate(PAGES)]
    return {"kernel": kernel, "fetches": fetches, "phases": [], "total": {}, "findings": [],
            "answer": f"this KVM ({kernel}) fetches the vmcs12 pages in: KVM_RUN 1 "
                      "(virtual-APIC page, posted-interrupt descriptor, MSR bitmap)"}


def result(scenario, method, name, word, known, hops):
    bad = word not in ("PASS", "SKIP")
    error = word == "ERROR"
    control = name.endswith(".control")
    reason = "IA32_VMX_PROCBASED_CTLS2 bit 14 is 0" if word == "SKIP" else None
    return {
        "name": name, "scenario": scenario, "title": f"L2 is caught in {scenario}",
        "method": method, "control": control, "word": word, "known": known,
        "known_text": KNOWN.get(known), "reason": reason,
        "notes": reason or f"{max(hops, 1)} hops", "diagnostics": "", "findings": [],
        "fails": [{"hop": 1, "error" if error else "check": "lost wake-up",
                   "evidence": "expected=1 found=0 vector=0x71"},
                  {"hop": 1, "error" if error else "check": "L2 CR0",
                   "evidence": 'expected="80010013" found=""'}]
        if bad else [], "oracles": [{"oracle": "new VM", "field": "NESTED_STATE.flags",
                                     "text": "0x1 became 0x0"}] if bad and not known and not error else [],
        "fail_events": 2 if bad and not error else 0, "error_events": 2 if error else 0,
        "failed_hops": int(bad and not error),
        "guest": "x", "hops_done": max(hops, 1), "snapshots": hops, "l2_active": hops, "missed": 0,
        "nudged": 0, "lost": 0, "ms": 1000.5, "vmm_stderr": "",
        "refused": None, "oracles_run": hops, "trace": "0x1",
        "repro": f"midflight run --scenario {scenario} --loops 1 --seed 1 --method {method}",
        "dir": name, "replay": f"{name}/replay.json" if bad else None,
        "failure": f"{name}/failure.txt" if bad else None,
        "hops": [{"hop": h + 1, "missed": 0, "l2_active": True, "kvm_guest_mode": True,
                  "nested_flags": 1, "mp_state": 0, "vmxon_pa": "0x0", "vmcs12_pa": "0x0",
                  "bytes": 901234, "stop_ms": 0.31, "save_ms": 4.2, "restore_ms": 12.3,
                  "cont_ms": 0.1, "method": method, "downtime_ms": None, "total_ms": None,
                  "move_bytes": None, "rounds": None, "page_requests": None, "vmcs12_pages": [],
                  "timeline": f"{name}/timeline-{h + 1}.json", "pages": f"{name}/pages-{h + 1}.json"}
                 for h in range(hops)]}


def top(kernel, results, method):
    counts = {"passed": 0, "failed": 0, "errors": 0, "known": 0, "skipped": 0}
    for r in results:
        word = r["word"]
        counts["passed" if word == "PASS" else "skipped" if word == "SKIP" else
               "known" if r["known"] else "errors" if word == "ERROR" else "failed"] += 1
    return {
        "schema": "midflight-result", "version": 2, "midflight": "fixture", "kernel": kernel,
        "started": "2026-11-23T13:05:12Z", "driver": "kvm", "accel": "kvm", "machine": "pc",
        "irqchip": None, "cpu": None, "without": None, "scenario": "all", "method": method,
        "order": "qemu", "pages": "remote", "freeze": "now", "hops": 1, "seed": 1, "break": None,
        "strict": False, "shard": None, "planned": len(results), "results": results,
        "summary": counts, "interrupted": False,
        "exit_status": 1 if counts["failed"] else 2 if counts["errors"] else 0,
        "environment": {
            "kernel": kernel, "kernel_version": "#1 SMP PREEMPT_DYNAMIC", "cpu": "Emulated CPU",
            "distribution": "Debian GNU/Linux 13 (trixie)", "microcode": "0x28",
            "vmx": {"IA32_VMX_BASIC": "0xda040000000004"},
            "kvm_parameters": {"kvm_intel.nested": "Y"}, "modules": {"kvm": "", "kvm_intel": ""},
            "qemu": "QEMU emulator version 10.0.13", "midflight": "fixture"}}


def write_run(rnd, path, run):
    for r in run["results"]:
        bad = r["fails"] != []
        if bad:
            write(f"{path}/{r['name']}/failure.txt", f"{r['name']}: {r['word']}\n  hop 1 of 1\n")
        for hop in r["hops"]:
            number = hop["hop"]
            write(f"{path}/{hop['timeline']}", timeline(rnd, r["name"], number, bad))
            write(f"{path}/{hop['pages']}", page_report(run["kernel"]))
    write(f"{path}/result.json", run)


def many_scenarios(rnd):
    words = "regs msr timer halted inject nmi smi ept vapic pir rvi shadow mtf init".split()
    results = []
    for i in range(283):
        scenario = f"{words[i % len(words)]}_{words[i // len(words) % len(words)]}_{i}"
        word, known = "PASS", None
        if rnd.random() < 0.08:
            word, known = "FAIL", "halted-posted-interrupt-unheard"  # before 6.11
        elif i in (40, 41, 200):
            word = ("FAIL", "ERROR", "HANG")[i % 3]
        skip = rnd.random() < 0.05
        results.append(result(scenario, "file", f"{scenario}.control", "SKIP" if skip else "PASS",
                              None, 0))
        results.append(result(scenario, "file", scenario, "SKIP" if skip else word,
                              None if skip else known, 0 if skip else 1))
    return results


def many_methods(rnd, kernel):
    results = []
    for scenario in ("running", "halted"):
        results.append(result(scenario, "file", f"{scenario}.control", "PASS", None, 0))
        for method in METHODS:
            known = None
            if scenario == "halted" and method not in STAYS:
                known = "halted-posted-interrupt-" + ("unheard" if kernel.startswith("6.1.") else "lost")
            word = "FAIL" if known or rnd.random() < 0.05 else "PASS"
            results.append(result(scenario, method, f"{scenario}.{method}", word, known, 7))
    return results


def hostile(rnd, path, kernel):
    results = [result(name[0], "file", name, word, None, 0 if "." in name else 2)
               for name, word in (("a.control", "PASS"), ("a", "FAIL"), ("b.control", "PASS"),
                                  ("b", "CRASH"))]
    for r in results:
        r.update(title=HOSTILE, notes=HOSTILE, diagnostics=HOSTILE, vmm_stderr=HOSTILE * 20,
                 repro=HOSTILE, guest=HOSTILE)
        if r["fails"]:
            r.update(findings=[HOSTILE])
        for fail in r["fails"]:
            fail.update(check=HOSTILE, evidence=f'expected="{HOSTILE}" found={HOSTILE}')
        for oracle in r["oracles"]:
            oracle.update(oracle=HOSTILE, field=HOSTILE, text=HOSTILE)
    a = results[1]
    good = timeline(rnd, a["name"], 1, True)
    for lane in good["lanes"]:
        lane["name"] = HOSTILE
        for e in lane["events"]:
            e["text"] += HOSTILE
    pages = page_report(HOSTILE)
    pages["findings"] = [{"text": HOSTILE}]
    for fetch in pages["fetches"]:
        fetch.update(page=HOSTILE, phase=HOSTILE, gpa=HOSTILE, via=HOSTILE, thread=HOSTILE,
                     lost=True)
    write(f"{path}/a/timeline-1.json", good)
    write(f"{path}/a/pages-1.json", pages)
    write(f"{path}/b/timeline-1.json", json.dumps(good)[:2000])
    write(f"{path}/b/timeline-2.json", good)
    write(f"{path}/b/pages-1.json", {"fetches": [{"order": "one"}], "findings": [], "answer": "x"})
    with open(f"{path}/a/failure.txt", "wb") as f:
        f.write(b"\xff\xfe\x00</pre><script>document.title='owned'</script>" + HOSTILE.encode())
    os.symlink("/etc/passwd", f"{path}/b/failure.txt")
    os.symlink("timeline-1.json", f"{path}/a/timeline-2.json")
    os.symlink("pages-1.json", f"{path}/a/pages-2.json")
    run = top(kernel, results, None)
    run["environment"].update(cpu=HOSTILE, qemu=HOSTILE, vmx={HOSTILE: "0x1"})
    run.update(freeze=HOSTILE, order=HOSTILE, midflight=HOSTILE)
    write(f"{path}/result.json", run)


def main():
    kind, path, kernel = sys.argv[1:4]
    rnd = random.Random(kernel)
    if kind == "hostile":
        hostile(rnd, path, kernel)
    elif kind == "methods":
        write_run(rnd, path, top(kernel, many_methods(rnd, kernel), "all"))
    else:
        write_run(rnd, path, top(kernel, many_scenarios(rnd), None))


main()
