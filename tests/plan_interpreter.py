"""plan_interpreter.py PLAN.json INPUT.json: executes a printed plan for one sample and prints its final state.

INPUT: {"model": [[p, q], ...], "normals": {"ORDINAL": [numbers], ...}}: branch b of the model answers p x + q; the unit
normals of a draw are found by its ordinal, "-1" being the start. This program knows nothing of samplers, schedules or
guidance, and nothing of the library: what it needs stands in the plan.
"""
import json
import math
import sys


def quantile(values, ratio):
    values = sorted(values)
    position = ratio * (len(values) - 1)
    low = min(int(position), len(values) - 2) if len(values) > 1 else 0
    high = min(low + 1, len(values) - 1)
    return values[low] + (position - low) * (values[high] - values[low])


def clip(values, limit):
    return [min(max(v, -limit), limit) for v in values]


def apply_map(kind, parameter, values):
    if kind == 1:
        return clip(values, parameter[0])
    q = quantile([abs(v) for v in values], parameter[0])
    s = max(q, parameter[1]) if parameter[2] == 1 else min(max(q, 1), parameter[1])
    return [v / s for v in clip(values, s)]


def weighted_sum(coefficients, arrays):
    total = [0.0] * len(arrays[0])
    for k, (coefficient, array) in enumerate(zip(coefficients, arrays)):
        products = [coefficient * v for v in array]
        total = [a + b for a, b in zip(total, products)] if k else products
    return total


def execute(plan, model, normals):
    slots, final = {}, None

    def read(operand):
        if isinstance(operand, dict):
            return normals[str(operand["ordinal"])]
        return slots[operand]

    for row in plan["rows"]:
        arrays = [read(operand) for operand in row["in"]]
        if row["op"] == "combine":
            if "weighted" in row:
                sys.exit("the weights of this row follow from statistics, which this program does not know")
            results = [weighted_sum(c, arrays) for c in row["coefficient"]]
        elif row["op"] == "eval":
            # second outputs (learned variance) follow those of the branches; a linear model has none
            results = [[p * v + q for v in arrays[0]] for p, q in model[:len(row["branches"])]]
        elif row["op"] == "map":
            results = [apply_map(row["map"], row["parameter"], arrays[0])]
        elif row["op"] == "step":
            results, final = [], arrays[0]
        else:
            sys.exit(f"row {row['op']}: only plans of a fixed grid can be executed to the end")
        slots.update(zip(row["out"], results))
    return final


def main():
    with open(sys.argv[1]) as plan, open(sys.argv[2]) as given:
        given = json.load(given)
        state = execute(json.load(plan), given["model"], given["normals"])
    assert all(map(math.isfinite, state))
    print("\n".join(map(repr, state)))


main()
