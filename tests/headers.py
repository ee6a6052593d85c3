"""headers.py INCLUDE_DIR C_COMPILER: what a host language asks of the public headers.

Each compiles alone, strictly, as C11 and as C++17. And each parses for tools that read declarations but run no
preprocessor: with nothing but its '#' lines and DM_API removed (and the headers below it, treated likewise, in front)
it is plain C.
"""
import pathlib
import re
import shutil
import subprocess
import sys

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
TYPES = "#include <stdint.h>\n#include <stddef.h>\n"
PLAIN_TYPES = "".join(
    f"typedef {ctype} {name};\n"
    for name, ctype in [("size_t", "unsigned long"), ("int32_t", "int"), ("uint32_t", "unsigned int"),
                        ("int64_t", "long long"), ("uint64_t", "unsigned long long")])


def compiles(command, text):
    result = subprocess.run(command + ["-fsyntax-only", "-"], input=text, text=True, capture_output=True)
    return "" if result.returncode == 0 else result.stderr or "failed"


def stripped(header, done):
    """The declarations of a header and of those it includes."""
    if header in done:
        return ""
    done.add(header)
    text = header.read_text()
    below = [(header.parent / name).resolve() for name in re.findall(r'#include "([^"]+)"', text)]
    own = "".join(line for line in text.splitlines(True) if not line.startswith("#"))
    return "".join(stripped(other, done) for other in below) + re.sub(r"\bDM_API\b", "", own)


def parses(text):
    """As a parser of declarations sees it; where pycparser is not installed the compiler has to do."""
    try:
        import pycparser
    except ImportError:
        return ""
    try:
        pycparser.CParser().parse(PLAIN_TYPES + re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL))
    except Exception as error:  # the parser's own class moved between its versions
        return str(error)
    return ""


def main():
    root, c = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    cxx = next(filter(None, map(shutil.which, ["g++", "clang++", "c++"])), None)
    failures = []
    if not cxx:
        print("SKIP C++17: no C++ compiler found (g++, clang++ or c++)")
    for header in sorted(root.rglob("*.h")):
        name = header.relative_to(root).as_posix()
        text = f'#include "{name}"\n#include "{name}"\n'
        plain = stripped(header, set())
        checks = {
            "C11": compiles([c, "-xc", "-std=c11", "-Wstrict-prototypes", f"-I{root}", *WARNINGS], text),
            "C++17": cxx and compiles([cxx, "-xc++", "-std=c++17", f"-I{root}", *WARNINGS], text),
            "without its # lines, as C": compiles([c, "-xc", "-std=c11", *WARNINGS], TYPES + plain),
            "without its # lines, as declarations": parses(plain),
        }
        failures += [f"{name} {what}: {message}" for what, message in checks.items() if message]
    print("\n".join(failures) or "all headers stand alone")
    return bool(failures)


sys.exit(main())
