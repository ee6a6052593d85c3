"""plan_json.py PROGRAM: a printed plan is complete.

PROGRAM (tests/plan_json.c) prints cases: a plan, what it is to be executed with, and the state the library reached.
plan_interpreter.py executes the plan; both must agree to 1e-12 of the largest element. The totals that the plan states
must be those of its rows.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

INTERPRETER = pathlib.Path(__file__).with_name("plan_interpreter.py")


def interpret(case, folder):
    files = []
    for name, content in (("plan", case["plan"]), ("input", {"model": case["model"], "normals": case["normals"]})):
        files.append(pathlib.Path(folder, name + ".json"))
        files[-1].write_text(json.dumps(content))
    return list(map(float, subprocess.check_output([sys.executable, INTERPRETER, *files], text=True).split()))


def faults(case, folder):
    plan, rows, expected = case["plan"], case["plan"]["rows"], case["state"]
    found = interpret(case, folder)
    difference = max(abs(a - b) for a, b in zip(found, expected))
    if len(found) != len(expected) or not difference <= 1e-12 * max(map(abs, expected)):
        yield f"states differ by {difference}"
    evaluations = [row for row in rows if row["op"] == "eval"]
    draws = {o["ordinal"] for row in rows for o in row["in"] if isinstance(o, dict)} - {-1}
    for name, count in (("evaluations", len(evaluations)), ("draws", len(draws)),
                        ("branch_evaluations", sum(len(row["branches"]) for row in evaluations))):
        if plan[name] != count:
            yield f"{name} is {plan[name]}, the rows have {count}"


def main():
    if INTERPRETER.read_text().count("\n") >= 80:
        return "plan_interpreter.py has 80 lines or more"
    cases = [json.loads(line) for line in subprocess.check_output(sys.argv[1], text=True).splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        wrong = [f"{case['name']}: {fault}" for case in cases for fault in faults(case, folder)]
    print("\n".join(wrong) or f"{len(cases)} plans agree with the library")
    return bool(wrong or not cases)


sys.exit(main())
