"""abi.py STATIC_LIBRARY SHARED_LIBRARY [--write]: what the binary library gives, takes and keeps.

gives: the exported symbols are those of exports.txt, no more and no fewer (--write records them);
takes: every undefined symbol is in allowed_undefined.txt (nothing that prints, exits or reads the environment);
keeps: no writable data, so no state outside the objects that a caller made.
"""
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
# Made by the linker and the compiler's start files, in every shared library.
START_FILES = {"completed.0", "completed.1", "__dso_handle", "__TMC_END__", "_edata", "_end", "__bss_start"}


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def names(text):
    """Of the lines of nm, without symbol versions."""
    return {line.split()[-1].split("@")[0] for line in text.splitlines() if len(line.split()) > 1}


def listed(file):
    lines = (HERE / file).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def exports(shared):
    found = names(output("nm", "-D", "--defined-only", shared))
    expected = listed("exports.txt")
    yield from (f"exported but not in exports.txt: {name}" for name in sorted(found - set(expected)))
    yield from (f"in exports.txt but not exported: {name}" for name in sorted(set(expected) - found))
    if expected != sorted(expected):
        yield "exports.txt is not sorted"


def undefined(static, shared):
    allowed = set(listed("allowed_undefined.txt"))
    inside = names(output("nm", "--defined-only", static))
    taken = names(output("nm", "-D", "--undefined-only", shared)) | names(output("nm", "--undefined-only", static))
    yield from (f"undefined symbol that is not allowed: {name}" for name in sorted(taken - inside - allowed))


def writable(file):
    """Sections of data that stay writable after loading: .data and .bss, their thread-local kin, and commons; constant
    data with addresses in it (.data.rel.ro) is read-only by then."""
    for line in output("objdump", "-t", file).splitlines():
        fields = re.match(r"[0-9a-f]+ .{7} (\S+)\t([0-9a-f]+) +(?:\.hidden )?(\S+)$", line)
        if not fields:
            continue
        section, size, name = fields.groups()
        data = re.match(r"(\.data|\.bss|\.tdata|\.tbss)(\.|$)|\*COM\*", section) and ".rel.ro" not in section
        if data and int(size, 16) and name not in START_FILES:
            yield f"{pathlib.Path(file).name}: writable data: {name} in {section}"


def main():
    static, shared = sys.argv[1:3]
    if "--write" in sys.argv:
        (HERE / "exports.txt").write_text(
            "\n".join(sorted(names(output("nm", "-D", "--defined-only", shared)))) + "\n")
    faults = [*exports(shared), *undefined(static, shared), *writable(static), *writable(shared)]
    print("\n".join(faults) or f"{len(listed('exports.txt'))} exports, no writable data")
    return bool(faults)


sys.exit(main())
