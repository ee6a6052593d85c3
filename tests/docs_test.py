"""docs_test.py: what README.md and docs/*.md show is true.

Every C block is a complete program: it is compiled with all warnings as errors, linked with the static library and run.
Every Python block is run with the shared library's path as its argument. The words after the language of a block say
what else is to be done with it:

    c file=NAME         a header for the programs of the same page
    c file=src/...      a new file of the library: compiled, and linked to the programs after it
    diff file=...       a change of a file of the tree, found by its lines without + (... at the end of a line is the
                        rest of it); a file of src is compiled and linked in place of the library's own, a file of the
                        tests is compiled with its test, which is run
    text output         what the program before it prints
    text from=FILE      lines that stand in that file
    no-test: REASON     left alone; at most five blocks may be

A line of a shell block is a command that .ci/run executes, or a call of the digits program, which is then asked for
its plan, or of digits_table, which is run where it names samplers (its numbers may differ in the last digit: the
network's rounding is the compiler's). Lines of a CMake block stand in the test of the installed package. Links lead to
files.

Two pages have a generated part between their markers. That of docs/methods.md is what method_page.py makes; --write puts
it there. That of docs/digits.md is what digits_table prints in minutes: only its rows are looked at here, one for every
sampler; --write-digits renews it.

Before the check looks at the tree it looks at pages with a planted fault, each of which it has to find.
"""
import argparse
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

from method_page import MethodPage, known_names

STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Werror"]
MAX_LINES, MAX_UNTESTED = 250, 5
MARKERS = {"docs/methods.md": ("<!-- from here on written by docs_test.py --write -->\n\n", "\n<!-- to here -->\n"),
           "docs/digits.md": ("<!-- from here on written by docs_test.py --write-digits -->\n\n", "\n<!-- to here -->\n")}
WRITTEN = "docs/certificates.md"  # all of it, by tests/certificates.c
TABLE_PROGRAM = "./build/tests/digits_table"
# The test that a file of the tests belongs to.
TEST_OF = {"tests/property_table.h": "tests/test_properties.c"}


class Fault(Exception):
    pass


class Block:
    def __init__(self, page, line, info, text):
        self.place, self.text = f"{page}:{line}", text
        self.language, _, self.words = info.partition(" ")
        found = re.search(r"\bfile=(\S+)", self.words)
        self.file = found.group(1) if found else None
        self.untested = self.words.startswith("no-test:")


def blocks_of(page, text):
    block, start, info = None, 0, ""
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        fence = line.startswith("```")
        if block is None and fence:
            block, start, info = [], number, line[3:].strip()
        elif fence:
            yield Block(page, start, info, "".join(block))
            block = None
        elif block is not None:
            block.append(line)
    if block is not None:
        raise Fault(f"{page}:{start}: the block does not end")


def execute(place, command, cwd):
    done = subprocess.run([str(word) for word in command], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=600)
    if done.returncode:
        raise Fault(f"{place}: {pathlib.Path(str(command[0])).name} failed ({done.returncode}):\n"
                    f"{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def agree(a, b):
    """Whether two texts are equal, but for 2 in the last digit of numbers with a decimal point."""
    a, b = (re.split(r"(\d+\.\d+)", text) for text in (a, b))
    return len(a) == len(b) and a[::2] == b[::2] and all(
        len(x) == len(y) and abs(float(x) - float(y)) < 2.5 * 10.0 ** -len(x.split(".")[1])
        for x, y in zip(a[1::2], b[1::2]))


def split_generated(name, text):
    """What stands before the generated part of a page, that part, and what stands after it."""
    start, end = MARKERS[name]
    if text.count(start) != 1 or text.split(start)[1].count(end) != 1:
        raise Fault(f"{name}: its two markers are missing")
    before, rest = text.split(start)
    return (before, *rest.split(end))


class Page:
    """The blocks of one page in their order, in a folder of their own."""

    def __init__(self, given, name, text, folder):
        self.given, self.name, self.text, self.folder = given, name, text, folder
        self.objects, self.printed, self.measured, self.count = [], None, None, 0

    def compile(self, place, source, include, more=()):
        self.count += 1
        out = self.folder / f"object{self.count}.o"
        folders = [f"-I{path}" for path in include]
        execute(place, [self.given.cc, *STRICT, "-ffp-contract=off", "-O1", *folders, *more, "-c", source, "-o", out],
                self.folder)
        return out

    def link_and_run(self, place, main, libraries=()):
        program = self.folder / f"program{self.count}"
        execute(place, [self.given.cc, main, *self.objects, self.given.archive, *libraries, "-lm", "-o", program],
                self.folder)
        return execute(place, [program], self.folder)

    def source_file(self, place, file, text):
        """A file of src, new or changed: its object goes before the library, whose own is then not taken."""
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        root = self.given.source
        self.objects.append(self.compile(place, path, [root / "include", root / "src"]))

    def test_file(self, place, file, text):
        """A file of the tests with lines added; the test is compiled in a copy of its folder."""
        root, tests = self.given.source, self.folder / "tests"
        tests.mkdir(exist_ok=True)
        for source in (root / "tests").glob("*.[ch]"):
            if not (tests / source.name).exists():
                (tests / source.name).write_text(source.read_text())
        (self.folder / file).write_text(text)
        include = [tests, root / "include", root / "src", self.given.cmocka_include]
        main = self.compile(place, self.folder / TEST_OF.get(file, file), include,
                            [f'-DTEST_DATA_DIR="{root}/tests/data"'])
        self.link_and_run(place, main, [self.given.cmocka_library])

    def on_c(self, block):
        if block.file and block.file.startswith("src/"):
            self.source_file(block.place, block.file, block.text)
        elif block.file:
            (self.folder / block.file).write_text(block.text)
        elif "#include" not in block.text or "int main(" not in block.text:
            raise Fault(f"{block.place}: not a complete program")
        else:
            source = self.folder / f"block{self.count}.c"
            source.write_text(block.text)
            main = self.compile(block.place, source, [self.folder, self.given.source / "include"])
            self.printed = self.link_and_run(block.place, main)

    def on_diff(self, block):
        def fits(line, wanted):
            line, wanted = " ".join(line.split()), " ".join(wanted.split())
            return line.startswith(wanted[:-3]) if wanted.endswith("...") else line == wanted

        change = [(line[:1], line[1:]) for line in block.text.splitlines()]
        old, new = ([line for sign, line in change if sign != other] for other in "+-")
        lines = (self.given.source / block.file).read_text().splitlines()
        found = [i for i in range(len(lines) - len(old) + 1) if all(map(fits, lines[i:i + len(old)], old))]
        if len(found) != 1 or not old:
            raise Fault(f"{block.place}: the lines to change stand {len(found)} times in {block.file}")
        rest = [lines[found[0] + i].strip()[len(line) - 3:] for i, line in enumerate(old) if line.endswith("...")]
        new = [line[:-3] + rest.pop(0) if line.endswith("...") else line for line in new]
        lines[found[0]:found[0] + len(old)] = new
        use = self.source_file if block.file.startswith("src/") else self.test_file
        use(block.place, block.file, "\n".join(lines) + "\n")

    def on_text(self, block):
        measured = self.measured is not None and agree(block.text, self.measured)
        if block.words == "output" and block.text != self.printed and not measured:
            raise Fault(f"{block.place}: the program prints\n{self.printed}")
        source = re.match(r"from=(\S+)", block.words)
        for line in block.text.splitlines() if source else []:
            if line not in (self.given.source / source.group(1)).read_text():
                raise Fault(f"{block.place}: {source.group(1)} does not say: {line}")

    def on_python(self, block):
        source = self.folder / f"block{self.count}.py"
        source.write_text(block.text)
        self.printed = execute(block.place, [sys.executable, source, self.given.shared], self.folder)

    def on_sh(self, block):
        known = (self.given.source / ".ci/run").read_text()
        for line in block.text.splitlines():
            command = line.partition(" # ")[0].strip()
            print(f"  {block.place}: {command}")
            if command.startswith(TABLE_PROGRAM):
                words = shlex.split(command)[1:]
                if not words or words[-1].startswith("--"):
                    continue
                self.printed = self.measured = execute(block.place, [self.given.digits_table, *words], self.folder)
            elif command.startswith("./build/digits "):
                words = shlex.split(command)[1:]
                execute(block.place, [self.given.digits, *words, *["--plan"][:"--plan" not in words]], self.folder)
            elif not re.search(f"='{re.escape(command)}'$", known, re.MULTILINE):
                raise Fault(f"{block.place}: .ci/run does not run: {command}")

    def on_cmake(self, block):
        known = [line.strip() for line in (self.given.source / "tests/install/CMakeLists.txt").read_text().splitlines()]
        for line in block.text.replace("my_program", "consumer").splitlines():
            if line.strip() and line.strip() not in known:
                raise Fault(f"{block.place}: tests/install does not try: {line}")

    def check_links(self):
        plain = re.sub(r"^```.*?^```", "", self.text, flags=re.MULTILINE | re.DOTALL)
        for link in re.findall(r"\]\(([^)#\s]+)", plain):
            if "://" not in link and not (self.given.source / self.name).parent.joinpath(link).exists():
                raise Fault(f"{self.name}: the link to {link} leads nowhere")

    def check(self):
        own = self.text
        if str(self.name) in MARKERS:
            before, _, after = split_generated(str(self.name), self.text)
            own = before + after
        if str(self.name) != WRITTEN and own.count("\n") > MAX_LINES:
            raise Fault(f"{self.name}: {own.count(chr(10))} lines, at most {MAX_LINES} are allowed")
        self.check_links()
        blocks = list(blocks_of(self.name, self.text))
        for block in blocks:
            if not block.untested:
                getattr(self, f"on_{block.language}", lambda block: None)(block)
        return blocks


def check_page(given, name, text):
    with tempfile.TemporaryDirectory() as folder:
        return Page(given, name, text, pathlib.Path(folder)).check()


def check_generated(given, name, new, write):
    """The generated part of a page against what it should be, or written."""
    page = given.source / name
    before, old, after = split_generated(name, page.read_text())
    start, end = MARKERS[name]
    if write:
        page.write_text(before + start + new + end + after)
    elif new != old:
        raise Fault(f"{name} is not what its sources say: run tests/docs_test.py again with --write")


def check_methods(given):
    page = MethodPage(given.source, execute("method_table", [given.method_table], given.source))
    text = page.text()
    if page.faults:
        raise Fault("\n".join(page.faults))
    check_generated(given, "docs/methods.md", text, given.write)
    return page.kinds


def missing_rows(table, samplers):
    rows = re.findall(r"^\| `(\w+)`", table, re.MULTILINE)
    wrong = [f"{name} ({rows.count(name)})" for name in sorted({*rows, *samplers})
             if rows.count(name) != (name in samplers)]
    return wrong and [f"docs/digits.md: not one row for every sampler, but for {', '.join(wrong)}: run tests/docs_test.py "
                      "again with --write-digits"]


def check_digits(given, kinds):
    name = "docs/digits.md"
    if given.write_digits:
        check_generated(given, name, execute("digits_table", [given.digits_table], given.source), True)
    table = split_generated(name, (given.source / name).read_text())[1]
    faults = missing_rows(table, [method["name"] for method in kinds["sampler"]])
    if faults:
        raise Fault("\n".join(faults))


def finds_planted_faults(given):
    program = "```c\n#include <stdio.h>\nint main(void)\n{\n\t%s\n}\n```\n"
    hello = program % 'return puts("one") < 0;'
    planted = {
        "": hello + "```text output\none\n```\n```diff no-test: a reason\n+ anything\n```\n",
        "unused": program % "int i = 1;\n\treturn 0;",
        "failed (3)": program % "return 3;",
        "the program prints": hello + "```text output\ntwo\n```\n",
        "not a complete program": "```c\nint i;\n```\n",
        "does not end": "```c\nint main(void)\n",
        ".ci/run does not run": "```sh\nmake everything\n```\n",
        "tests/install does not try": "```cmake\nfind_package(everything)\n```\n",
        "does not say": "```text from=LICENSE\nnothing is free\n```\n",
        "leads nowhere": "[text](nowhere.md)\n",
        "stand 0 times": "```diff file=src/sampler/registry.c\n X(nothing)\n+X(something)\n```\n",
        "lines, at most": "\n" * (MAX_LINES + 1),
    }
    held = [known_names({"known_as": "x: a (of b, c), d; y: e"}) == ["x: `a` (of b, c), `d`", "y: `e`"],
            known_names({"known_as": ""}) == [], agree("| 0.120", "| 0.122"),
            not agree("| 0.120", "| 0.123"), not agree("| 12", "| 13"), not agree("| 0.12 |", "| 0.12"),
            not missing_rows("| `a` | 1 |\n", ["a"]), "a (1), b (0)" in missing_rows("| `a` | 1 |\n", ["b"])[0]]
    if not all(held):
        return [f"the check itself is broken: planted tables, {held}"]
    for message, text in planted.items():
        said = ""
        try:
            check_page(given, "docs/planted.md", text)
        except Fault as fault:
            said = str(fault)
        if (message not in said) or (not message and said):
            return [f"the check itself is broken: expected {message!r}, found {said!r}"]
    return []


def faults(given):
    pages = [given.source / "README.md", *sorted((given.source / "docs").glob("*.md"))]
    tested, untested = 0, []
    for path in pages:
        name = path.relative_to(given.source)
        try:
            blocks = check_page(given, name, path.read_text())
            untested += [f"{block.place} ({block.words})" for block in blocks if block.untested]
            tested += sum(not block.untested for block in blocks)
        except Fault as fault:
            yield str(fault)
    try:
        check_digits(given, check_methods(given))
    except Fault as fault:
        yield str(fault)
    print(f"{len(pages)} pages, {tested} blocks; not tested: {', '.join(untested) or 'none'}")
    if len(untested) > MAX_UNTESTED:
        yield f"{len(untested)} blocks are marked no-test, at most {MAX_UNTESTED} are allowed"


def main():
    parser = argparse.ArgumentParser()
    for name in ("source", "cc", "archive", "shared", "digits", "digits-table", "method-table", "cmocka-include",
                 "cmocka-library"):
        parser.add_argument(f"--{name}", required=True, type=str if name == "cc" else pathlib.Path)
    for name in ("write", "write-digits"):
        parser.add_argument(f"--{name}", action="store_true")
    given = parser.parse_args()
    found = finds_planted_faults(given) or list(faults(given))
    print("\n".join(found) or "README and docs hold")
    return bool(found)


sys.exit(main())
