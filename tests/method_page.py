"""method_page.py: the generated part of docs/methods.md.

It puts together what stands elsewhere, so that nothing on the page can drift: the registries with the cost of plans and
the orders that methods state (the program method_table), the formulas at the top of the files of src, and the reasons
for options in docs/disagreements.md.
"""
import json
import re

WHERE = {"sampler": "src/sampler", "schedule": "src/schedule", "grid": "src/schedule", "prediction": "src/model",
         "time": "src/model", "grid edit": "src/schedule", "guidance": "src/guidance", "weight": "src/train"}
TITLES = {
    "sampler": ("Samplers", "The rule that goes from one node to the next."),
    "schedule": ("Schedules", "The noise process: alpha and sigma over time."),
    "grid": ("Grids", "The nodes of a run, from noise to data."),
    "grid edit": ("Grid edits", "Written behind a grid, `grid|edit|...`: each makes a new grid of the one before."),
    "prediction": ("Predictions", "What the network predicts, and how it wants its input."),
    "time": ("Times", "What time the network receives: the words of the option `time` of every prediction."),
    "guidance": ("Guidances", "Stages of a chain, written `first|second|...`; `none` is the empty chain."),
    "weight": ("Loss weights", "Of a training loss, by level: `dm_loss_weight`."),
}
HEADER = r"\b(\w+\.h)\b"


def escape(text):
    """Plain words as Markdown; a bar would end a cell."""
    return re.sub(r"([*|]|<(?=[a-z/!])|(?<![a-z0-9])_|_(?![a-z0-9]))", r"\\\1", text, flags=re.IGNORECASE)


def code(text):
    return "`" + text.replace("|", "\\|") + "`"


# --------------------------------------------------------------------------------------------------- what is read

def read_reasons(source, kinds):
    """{(sampler, first option of the row): reasons} from the table of docs/disagreements.md, and what does not exist of
    what it names."""
    reasons, faults = {}, []
    options = {method["name"]: {option["name"] for option in method["options"]} for method in kinds["sampler"]}
    for line in (source / "docs/disagreements.md").read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)][1:-1]
        if len(cells) != 3 or cells[0] == "methods" or cells[0].startswith("---"):
            continue
        given = [re.split("[=:]", word)[0] for word in re.findall(r"`([^`]+)`", cells[1])]
        named = re.findall(r"`([^`]+)`", cells[0]) or [name for name in options if options[name] & set(given)]
        for name in named:
            faults += [f"docs/disagreements.md: there is no {name} with the option {option}"
                       for option in given if option not in options.get(name, ())]
            reasons.setdefault((name, given[0] if given else ""), []).append(cells[2])
    return reasons, faults


def file_of(source, kind, name):
    """The file of src that makes a method."""
    made = re.compile(r"\b(?!DMI_(?:REAL|INTEGER|CHOICE|LIST))[A-Z]\w*\(\s*\"" + re.escape(name) + r"\"")
    found = [path for path in sorted((source / WHERE[kind]).glob("*.c"))
             if path.name.startswith("grid_") == kind.startswith("grid") and made.search(path.read_text())]
    return found[0] if len(found) == 1 else None


def paragraphs(comment):
    """The paragraphs of a comment: (is a formula, lines). A formula is indented, or has columns."""
    lines = [re.sub(r"^ \* ?", "", line).rstrip() for line in comment.splitlines()] or [""]
    lines[0] = lines[0].strip()
    blocks = [(False, [])]
    for line in lines:
        formula = bool(re.search(r"^  |\S    +\S", line))
        if not line:
            blocks.append((False, []))
        elif blocks[-1][1] and blocks[-1][0] == formula:
            blocks[-1][1].append(line)
        else:
            blocks.append((formula, [line]))
    return [block for block in blocks if block[1]]


def opening(path):
    """The comment at the top of a source file."""
    found = re.match(r"/\*(.*?)\*/", path.read_text(), re.DOTALL)
    return paragraphs(found.group(1)) if found else []


def formulas_of(header):
    """The comment at the top of a header and those further down that hold an equation; nothing where none does."""
    first, *others = re.findall(r"^/\*(.*?)\*/", header.read_text(), re.DOTALL | re.MULTILINE)
    equations = [comment for comment in others if re.search(r"' = |\^2|= \w+\(", comment)]
    blocks = [block for comment in [first, *equations] for block in paragraphs(comment)]
    return blocks if equations or any(formula for formula, _ in blocks) else []


# ------------------------------------------------------------------------------------------------ what is written

def option_text(option):
    value = f"={option['value']}" if "value" in option else ""
    return f"`{option['name']}{value}` ({option['range']}): {escape(option['help'])}"


def common_options(methods):
    """Options that every method of a kind has, and more than half of them in this very form: they are told once."""
    return [option for option in methods[0]["options"]
            if all(any(o["name"] == option["name"] for o in method["options"]) for method in methods)
            and 2 * sum(option in method["options"] for method in methods) > len(methods)]


def known_names(method):
    """Every system with its names: the name as code, the note behind it."""
    systems = []
    for part in filter(None, method["known_as"].split("; ")):
        system, names = part.split(": ", 1)
        found = re.findall(r"([^,(]+?)(?: \(([^)]*)\))?(?:, |$)", names)
        words = [f"`{name.strip()}`" + (f" ({escape(note)})" if note else "") for name, note in found]
        systems.append(f"{system}: {', '.join(words)}")
    return systems


def linear(at):
    """Counts at 8, 16 and 24 steps as a formula of N."""
    slope = (at[1] - at[0]) / 8
    rest = at[0] - 8 * slope
    if slope != int(slope) or at[2] - at[1] != at[1] - at[0]:
        return f"{at[0]} in 8 steps"
    slope, rest = int(slope), int(rest)
    if not slope:
        return str(rest)
    return ("N" if slope == 1 else f"{slope} N") + (f" {'+' if rest > 0 else '-'} {abs(rest)}" if rest else "")


def cost(method, what):
    plans = method["plans"]
    if any("refused" in plan for plan in plans):
        return "-"
    if plans[0]["adaptive"]:
        return f"{plans[0]['evals']} a trial" if what == "evals" else "adaptive"
    return linear([plan[what] for plan in plans[:3]])


def facts(method):
    """Lines on what a sampler costs and keeps."""
    plans = method["plans"]
    refused = [plan["refused"] for plan in plans if "refused" in plan]
    if refused:
        return [f"**Cost**: of the plain form over vp none is known: {escape(refused[0])}"]
    first, last = plans[0], plans[3]
    if first["adaptive"]:
        line = f"{first['evals']} a trial at most; the number of trials follows from the tolerance"
    else:
        line = f"{cost(method, 'evals')} for N steps to sigma = 0"
        line += f", {last['evals'] - first['evals']} more where the run ends above it" \
            if last["evals"] != first["evals"] else ""
        line += ", each with and without condition" if first["branches"] > first["evals"] else ""
        line += f"; fresh noise: {cost(method, 'draws')}" if first["draws"] else "; no fresh noise"
    history = [f"{first['past']} earlier prediction{'s' * (first['past'] > 1)}"] if first["past"] else []
    history += [f"{first['kept']} kept value{'s' * (first['kept'] > 1)}"] if first["kept"] else []
    return [f"**Evaluations**: {line}",
            f"**History**: {' and '.join(history) or 'none'}; arrays of the state's size: {first['slots']}"]


def order(method):
    """The order that the library states of a run, and of the forms that the property tests measure."""
    first = method["plans"][0]
    weak = "weak, " if first.get("draws", 0) > 0 else ""
    line = f"**Order** of a whole run: {weak}{method['order']}" if method["order"] else "**Order**: none is claimed"
    others = [f"{form['order']} `{form['form']}`" for form in method["orders"] if form["form"] != method["name"]]
    return [line + ("; of other settings: " + ", ".join(others) if others else "")]


def anchor(text):
    return re.sub(r"[^a-z0-9_ -]", "", text.lower()).replace(" ", "-")


class MethodPage:
    def __init__(self, source, table):
        self.source, self.kinds, self.out = source, json.loads(table), []
        self.reasons, self.faults = read_reasons(source, self.kinds)
        self.faults += [f"method_page.py: no title for the {kind}" for kind in set(self.kinds) - set(TITLES)]
        self.shared = {}

    def groups(self, kind):
        """Methods of one file belong together: [(path, methods)] in the order of the registry."""
        groups = {}
        for method in self.kinds[kind]:
            path = file_of(self.source, kind, method["name"])
            if path is None:
                self.faults.append(f"{WHERE[kind]}: not exactly one file makes the {kind} {method['name']}")
            else:
                groups.setdefault(path, []).append(method)
        return list(groups.items())

    @staticmethod
    def heading(kind, methods):
        """Other kinds have names that samplers have too."""
        if len(methods) > 5:
            return f"All {kind}s"
        return ", ".join(method["name"] for method in methods) + (f" ({kind})" if kind != "sampler" else "")

    def is_shared(self, folder, name):
        path = folder / name
        if path.exists() and formulas_of(path):
            self.shared.setdefault(name, path)
        return name in self.shared

    def prose(self, lines, folder):
        """A paragraph; a header that it names is linked to its place among the shared formulas."""
        words = re.split(HEADER, " ".join(" ".join(lines).split()))
        words[::2] = map(escape, words[::2])
        words[1::2] = [f"[{word}](#{anchor(word)})" if self.is_shared(folder, word) else word for word in words[1::2]]
        return "".join(words)

    def formula(self, blocks, folder):
        for is_formula, lines in blocks:
            if is_formula:
                for name in re.findall(HEADER, " ".join(lines)):
                    self.is_shared(folder, name)
            self.out += ["```text", *lines, "```", ""] if is_formula else [self.prose(lines, folder), ""]

    def overview(self, kind, methods, sections):
        sampler, known = kind == "sampler", any(method["known_as"] for method in methods)
        place = {method["name"]: anchor(self.heading(kind, group)) for _, group in sections for method in group}
        head = ["name", "what it is"] + (["order up to", "evaluations"] if sampler else []) + ["source"]
        head += ["known elsewhere as"] if known else []
        self.out += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        for method in methods:
            name = method["name"]
            cells = [f"[`{name}`](#{place[name]})" if name in place else code(name), escape(method["help"])]
            if sampler:
                most = max([method["order"]] + [form["order"] for form in method["orders"]])
                cells += [str(most) if most else "-", cost(method, "evals")]
            cells += [escape(method["source"])]
            cells += ["<br>".join(known_names(method)) or "-"] if known else []
            self.out.append("| " + " | ".join(cells) + " |")
        self.out.append("")

    def sampler_lines(self, method):
        lines = facts(method) + order(method)
        return lines + [f"**Elsewhere otherwise**: {reason}" for reason in self.reasons.get((method["name"], ""), [])]

    def option(self, kind, method, option):
        """An option, with the reason for its default where implementations disagree."""
        reasons = self.reasons.get((method["name"], option["name"]), []) if kind == "sampler" else []
        return option_text(option) + "".join(f". *Where others differ*: {reason.rstrip('.')}" for reason in reasons)

    def section(self, kind, path, methods, common):
        self.out += [f"### {self.heading(kind, methods)}", ""]
        self.formula(opening(path), path.parent)
        for method in methods:
            own = [option for option in method["options"] if option not in common]
            if len(methods) > 5 and not own:
                continue
            lines = [f"**Source**: {escape(method['source'])}"]
            lines += self.sampler_lines(method) if kind == "sampler" else []
            names = known_names(method)
            lines += [f"**Known elsewhere as**: {'; '.join(names)}"] if names else []
            lines += ["**Options**:"] if own else ["**Options**: none of its own" if common else "**Options**: none"]
            self.out += [f"`{method['name']}`: {escape(method['help'])}", ""] if len(methods) > 1 else []
            self.out += [f"- {line}" for line in lines]
            self.out += [f"  - {self.option(kind, method, option)}" for option in own] + [""]

    def kind(self, kind):
        methods, (title, what) = self.kinds[kind], TITLES[kind]
        common = common_options(methods)
        sections = [(path, group) for path, group in self.groups(kind) if len(opening(path)) > 1
                    or any(option not in common for method in group for option in method["options"])]
        self.out += [f"## {title}", "", what, ""]
        self.overview(kind, methods, sections)
        if common:
            self.out += ["Options of all of them, unless said otherwise:", ""]
            self.out += [f"- {option_text(option)}" for option in common] + [""]
        for path, group in sections:
            self.section(kind, path, group, common)

    def shared_formulas(self):
        self.out += ["## Shared formulas", "", "What several methods refer to by the name of its header.", ""]
        done = set()
        while set(self.shared) - done:
            name = min(set(self.shared) - done)
            done.add(name)
            self.out += [f"### {name}", ""]
            self.formula(formulas_of(self.shared[name]), self.shared[name].parent)

    def text(self):
        for kind in TITLES:
            if kind in self.kinds:
                self.kind(kind)
        self.shared_formulas()
        return "\n".join(self.out).rstrip() + "\n"
