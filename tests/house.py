#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The rules of the house: how files lie in folders and what may know what.

tests/house.py CHECK [DIR]   one check of the tree at DIR (this one); what is wrong, a line each
tests/house.py test          each check must find what it is for in a tree made for it

layers    includes: a folder of host/ knows only folders that stand above it in host/LAYERS, which has the
          lowest first; lib < boot < hv < hv/scenarios; l2guest knows lib; host what OUTSIDE names
circles   no objects that need each other, by nm over build/; but for UPCALLS
sizes     functions, .c files and folders that are too large
layout    docs/layout.md has one line for each folder with sources, and none for another
"""
import os
import re
import subprocess
import sys
import tempfile

FUNCTION_LINES, FILE_LINES, FOLDER_FILES = 80, 600, 45

# What host/ may include of the rest: tables, and what both sides of a wire agree on.
OUTSIDE = r"(lib|hv|l2guest|lab)/[\w-]+\.def|l2guest/(layout|program)\.h|boot/cmdline\.h|lib/(sum|hyperv|text_io)\.h"

# The rest, lowest first: a folder and what it may include.
BELOW = {
    "lib": ("lib",),
    "boot": ("lib", "boot"),
    "l2guest": ("lib", "l2guest"),
    "l2guest/halves": ("lib", "l2guest"),
    "hv": ("lib", "boot", "l2guest", "hv"),
    "hv/scenarios": ("lib", "boot", "l2guest", "hv"),
    "hv/programs": ("lib", "boot", "l2guest", "hv", "hv/programs"),
}

# Assembly that enters C by name: who calls, and what.
UPCALLS = {("boot/entry.o", "boot_main"), ("lib/trap_entry.o", "trap_handle")}

# The programs, as folders of build/ and single objects.
PROGRAMS = {
    "runner": ("host",),
    "L1": ("lib", "boot", "hv", "l2guest/compute.o"),
    "L2": ("lib/idt.o", "lib/trap_entry.o", "lib/string.o", "l2guest"),
}


def files(root, folder, *endings):
    """Paths below @root of the files in @folder and deeper."""
    for at, folders, names in os.walk(os.path.join(root, folder)):
        folders.sort()
        for name in sorted(names):
            if name.endswith(endings):
                yield os.path.relpath(os.path.join(at, name), root)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as f:
        return f.read()


def includes(root, folder):
    """(file, what it includes of this tree) of all files in @folder."""
    for path in files(root, folder, ".c", ".h", ".S", ".def"):
        for what in re.findall(r'^\s*#\s*include\s+"([^"]+)"', read(root, path), re.M):
            yield path, what


def host_layers(root):
    """Folder of host/ -> number of its layer, the lowest first."""
    lines = [line.split("#")[0].split() for line in read(root, "host/LAYERS").splitlines()]
    return {name: i for i, line in enumerate(line for line in lines if line) for name in line}


def layers(root):
    layer = host_layers(root)
    for path, what in includes(root, "host"):
        folder, other = path.split("/")[1], what.split("/")[1]
        if path == "host/main.c":
            continue
        if folder not in layer:
            yield f"{path}: its folder is not in host/LAYERS"
        elif not what.startswith("host/"):
            if not re.fullmatch(OUTSIDE, what):
                yield f"{path}: host/ may not know {what}"
        elif other != folder and layer.get(other, len(layer)) >= layer[folder]:
            yield f"{path}: host/{folder} may not know {what}"
    for top in ("lib", "boot", "hv", "l2guest"):
        for path, what in includes(root, top):
            folder = os.path.dirname(path)
            if os.path.dirname(what) not in (*BELOW.get(folder, ()), folder):
                yield f"{path}: {folder} may not know {what}"


def objects(root, parts):
    """Paths, below build/, of the objects of a program that have a source."""
    build = os.path.join(root, "build")
    for part in parts:
        found = [part] if part.endswith(".o") else files(build, part, ".o")
        for path in found:
            source = os.path.join(root, path[:-2])
            # What was moved or removed since has left its object behind.
            if os.path.exists(source + ".c") or os.path.exists(source + ".S"):
                if os.path.exists(os.path.join(build, path)):
                    yield path


def needs(root, paths):
    """Object -> {other object: what it needs of it}."""
    home, wanted = {}, {path: [] for path in paths}
    for path in paths:
        out = subprocess.run(["nm", "-P", os.path.join(root, "build", path)], check=True,
                             capture_output=True, text=True).stdout
        for line in out.splitlines():
            name, kind = line.split()[:2]
            if kind in "Uwv":
                wanted[path].append(name)
            elif kind.isupper():
                home[name] = path
    return {path: {home[n]: n for n in names
                   if home.get(n, path) != path and (path, n) not in UPCALLS}
            for path, names in wanted.items()}


def reached(graph, start):
    """All that can be come to from @start, in one step or more."""
    seen, todo = set(), list(graph[start])
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo += graph[node]
    return seen


def circles(root):
    for program, parts in PROGRAMS.items():
        paths = sorted(set(objects(root, parts)))
        if not paths:
            yield f"{program}: build/ has no objects of it: make"
        graph = needs(root, paths)
        reach = {path: reached(graph, path) for path in paths}
        told = set()
        for path in paths:
            circle = [other for other in paths if other in reach[path] and path in reach[other]]
            if circle and path not in told:
                told.update(circle)
                yield f"{program}: these need each other: {' '.join(circle)}"
                for one in circle:
                    for other, name in graph[one].items():
                        if other in circle:
                            yield f"    {one} needs {name} of {other}"


def functions(text):
    """(name, first line, number of lines), from the head to the closing brace."""
    lines = text.split("\n")
    start = None
    for i, line in enumerate(lines):
        if line == "{":
            start = i
            while start and lines[start - 1] and lines[start - 1][-1] not in ";}/":
                start -= 1
        elif line.startswith("}") and start is not None:
            head = " ".join(lines[start:i])
            yield re.search(r"(\w+)\(", head).group(1), start + 1, i + 1 - start
            start = None


def without_tables(text):
    """Lines of @text that are in no table: an initialiser that begins and ends at a line's start."""
    count, table = 0, False
    for line in text.split("\n"):
        table = table or (bool(line) and not line[0].isspace() and line.endswith("= {"))
        count += not table
        if line == "};":
            table = False
    return count - 1


def sizes(root):
    for top in ("host", "hv", "boot", "lib", "l2guest"):
        for path in files(root, top, ".c"):
            text = read(root, path)
            if without_tables(text) > FILE_LINES:
                yield f"{path}: {without_tables(text)} lines, more than {FILE_LINES}"
            for name, line, count in functions(text):
                if count > FUNCTION_LINES:
                    yield f"{path}:{line}: {name} has {count} lines, more than {FUNCTION_LINES}"
    for top in ("host", "hv", "boot", "lib", "l2guest", "tests/unit"):
        for at, folders, names in os.walk(os.path.join(root, top)):
            if len(names) > FOLDER_FILES:
                yield (f"{os.path.relpath(at, root)}: {len(names)} files, more than "
                       f"{FOLDER_FILES}")


def layout(root):
    there = set()
    for top in ("host", "hv", "boot", "lib", "l2guest"):
        there.update(os.path.dirname(path) + "/"
                     for path in files(root, top, ".c", ".h", ".S", ".def"))
    told = re.findall(r"^\| `((?:host|hv|boot|lib|l2guest)/(?:\w+/)*)` \|",
                      read(root, "docs/layout.md"), re.M)
    for folder in sorted(there - set(told)):
        yield f"docs/layout.md: no line for {folder}"
    for folder in sorted(set(told) - there):
        yield f"docs/layout.md: there is no {folder}"
    for folder in sorted({folder for folder in told if told.count(folder) > 1}):
        yield f"docs/layout.md: {folder} stands there twice"


CHECKS = {"layers": layers, "circles": circles, "sizes": sizes, "layout": layout}


# ---- what each must find ---------------------------------------------------------------------

def tree(root, **changes):
    """A small house in which all is well, but for @changes: path -> text."""
    house = {
        "host/LAYERS": "base\nkvm qemu # neither knows the other\ncli\n",
        "host/main.c": '#include "host/cli/a.h"\n#include "host/kvm/a.h"\n',
        "host/base/a.c": '#include "host/base/a.h"\n#include "hv/a.def"\nint base;\n',
        "host/kvm/a.c": '#include "host/base/a.h"\nextern int base;\nint *kvm = &base;\n',
        "host/qemu/a.c": '#include "l2guest/layout.h"\n',
        "host/cli/a.c": '#include "host/qemu/a.h"\n',
        "lib/a.c": "int lib;\n",
        "boot/a.c": '#include "lib/a.h"\nextern int lib;\nint *boot = &lib;\n',
        "hv/a.c": '#include "boot/a.h"\n#include "l2guest/layout.h"\n',
        "hv/scenarios/a.c": '#include "hv/a.h"\n',
        "l2guest/a.c": '#include "lib/a.h"\n',
    }
    house["docs/layout.md"] = "".join(
        f"| `{folder}/` | x |\n"
        for folder in sorted({os.path.dirname(p) for p in house if p.endswith(".c")}))
    house.update(changes)
    for path, text in house.items():
        path = os.path.join(root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    # The includes of the made-up headers matter, not what is in them.
    for path in list(house):
        if not path.endswith((".c", ".S")) or path == "host/main.c":
            continue
        target = os.path.join(root, "build", os.path.splitext(path)[0] + ".o")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        text = re.sub(r'#include "[^"]*"\n', "", house[path])
        subprocess.run([os.environ.get("CC", "cc"), "-c", "-o", target, "-x",
                        "c" if path.endswith(".c") else "assembler", "-"],
                       input=text, text=True, check=True)


TWO = "int {0}(void);\nint {1}(void);\nint {0}(void)\n{{\n\treturn {1}();\n}}\n"
LONG_FUNCTION = "int f(int a);\nint f(int a)\n{\n" + "\ta++;\n" * 77 + "\treturn a;\n}\n"

# Check, what is wrong with the tree, what must be told; nothing if all is well.
CASES = (
    *((check, {}, None) for check in CHECKS),
    ("layers", {"host/base/b.c": '#include "host/cli/a.h"\n'}, "host/base may not know host/cli/a.h"),
    ("layers", {"host/kvm/b.h": '#include "host/qemu/a.h"\n'}, "host/kvm may not know host/qemu/a.h"),
    ("layers", {"host/new/b.c": '#include "host/base/a.h"\n'}, "not in host/LAYERS"),
    ("layers", {"host/base/b.c": '#include "hv/l2.h"\n'}, "host/ may not know hv/l2.h"),
    ("layers", {"host/cli/b.c": '#include "host/new.h"\n'}, "host/cli may not know host/new.h"),
    ("layers", {"boot/b.c": '#include "hv/a.h"\n'}, "boot may not know hv/a.h"),
    ("layers", {"hv/b.c": '#include "hv/scenarios/a.h"\n'}, "hv may not know hv/scenarios/a.h"),
    ("layers", {"lib/b.S": '#include "boot/a.h"\n'}, "lib may not know boot/a.h"),
    ("layers", {"l2guest/halves/b.c": '#include "hv/a.h"\n'}, "l2guest/halves may not know hv/a.h"),
    ("circles", {"host/base/b.c": TWO.format("x", "y"), "host/cli/b.c": TWO.format("y", "x")},
     "runner: these need each other: host/base/b.o host/cli/b.o"),
    ("circles", {"boot/b.c": TWO.format("x", "y"), "hv/b.c": TWO.format("y", "x")},
     "L1: these need each other: boot/b.o hv/b.o"),
    ("circles", {"boot/entry.S": ".globl e\ne: call boot_main\n",
                 "hv/main.c": TWO.format("boot_main", "e")}, None),
    ("sizes", {"host/base/b.c": LONG_FUNCTION}, "host/base/b.c:2: f has 81 lines"),
    ("sizes", {"host/base/b.c": LONG_FUNCTION.replace("\ta++;\n", "", 1)}, None),
    ("sizes", {"host/base/b.c": "int a;\n" * 601}, "host/base/b.c: 601 lines"),
    ("sizes", {"host/base/b.c": "int a[] = {\n" + "\t1,\n" * 600 + "};\n"}, None),
    ("sizes", {f"tests/unit/{i}.h": "" for i in range(46)}, "tests/unit: 46 files"),
    ("layout", {"host/new/b.c": "int a;\n"}, "no line for host/new/"),
    ("layout", {"docs/layout.md": "| `host/old/` | x |\n"}, "there is no host/old/"),
)


def test():
    """The number of cases in which a check did not tell what it had to."""
    wrong = 0
    for check, changes, want in CASES:
        with tempfile.TemporaryDirectory() as root:
            tree(root, **changes)
            told = "\n".join(CHECKS[check](root))
        if (want or "") not in told or (not want and told):
            wrong += 1
            print(f"{check}: in a tree with {list(changes)[:3]} it should tell of "
                  f"{want or 'nothing'}, it told: {told or 'nothing'}")
    return wrong


def main(words):
    if words == ["test"]:
        return 1 if test() else 0
    if len(words) not in (1, 2) or words[0] not in CHECKS:
        print(__doc__, file=sys.stderr)
        return 2
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    told = list(CHECKS[words[0]](words[1] if len(words) > 1 else here))
    print("\n".join(told), end="\n" if told else "")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
