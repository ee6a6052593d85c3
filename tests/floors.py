"""floors.py ROOT: the order of the library's folders, and the length of its files.

An #include in src may only name a file of the same floor or of one below it; public headers stand below all. No file
of src, include or examples is longer than 500 lines. Before it looks at ROOT the check looks at trees with a planted
fault, each of which it has to find.
"""
import pathlib
import re
import sys
import tempfile

FLOORS = ["base", "noise", "train", "array", "schedule", "model", "operator", "guidance", "sampler", "plan", "run", "ask", "likelihood", "chain"]
MAX_LINES = 500
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def wrong_includes(src, file, text):
    floor = file.relative_to(src).parts[0]
    if floor not in FLOORS:
        yield f"{file}: folder {floor} is no floor"
        return
    for bracket, name in INCLUDE.findall(text):
        first = name.split("/")[0]
        if bracket == "<" or first in ("demist", "demist.h"):
            continue
        if first not in FLOORS or "/" not in name or not (src / name).is_file():
            yield f'{file}: "{name}" is not a file of src, written as floor/file.h'
        elif FLOORS.index(first) > FLOORS.index(floor):
            yield f'{file}: "{name}" points up from {floor} to {first}'


def faults(root):
    src = root / "src"
    for folder in ("src", "include", "examples"):
        for file in sorted((root / folder).rglob("*.[ch]")):
            text = file.read_text()
            if text.count("\n") > MAX_LINES:
                yield f"{file}: {text.count(chr(10))} lines, at most {MAX_LINES} are allowed"
            if folder == "src":
                yield from wrong_includes(src, file, text)


def finds_planted_faults():
    good = {"src/base/a.h": "#include <math.h>\n", "src/plan/b.h": '#include "base/a.h"\n#include "demist/run.h"\n'}
    planted = {
        "points up": {"src/base/c.c": '#include "plan/b.h"\n'},
        "not a file of src": {"src/plan/c.c": '#include "b.h"\n'},
        "501 lines": {"include/d.h": "\n" * 501},
        "is no floor": {"src/attic/e.c": "\n"},
    }
    for message, files in [(None, {})] + list(planted.items()):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {**good, **files}.items():
                path = pathlib.Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            found = list(faults(pathlib.Path(folder)))
        if len(found) != len(files) or any(message not in line for line in found):
            return f"the check itself is broken: expected {message!r}, found {found}"
    return None


def main():
    broken = finds_planted_faults()
    found = [broken] if broken else list(faults(pathlib.Path(sys.argv[1])))
    print("\n".join(found) or "all includes point down, no file is too long")
    return bool(found)


sys.exit(main())
