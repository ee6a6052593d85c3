"""The digits program as a user meets it: options, files, terminal, interruption.

usage: test_digits_cli.py PROGRAM FOLDER_OF_WEIGHTS
"""

import array
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

from digits_pictures import GREY, GREY_ALPHA, PALETTE, RGB, RGB_ALPHA, bad_pictures, pgm, png

PROGRAM = WEIGHTS = None
IMAGE = 28 * 28 * 4
FAST = ["--count", "3", "--steps", "2", "--png", "none"]
TASK = ["--task", "denoise", "--count", "1", "--steps", "1"]


def floats(raw):
    values = array.array("f", raw)
    if sys.byteorder == "big":
        values.byteswap()
    return values


class Digits(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def digits(self, *words, program=None):
        return subprocess.run([program or PROGRAM, *words], cwd=self.folder, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=300)

    def refused(self, code, expected, *words):
        """The program stops with this code, says why in one line, and leaves no file."""
        before = sorted(os.listdir(self.folder))
        result = self.digits(*words)
        self.assertEqual(result.returncode, code, (words, result.stderr))
        self.assertEqual(result.stdout, "", words)
        self.assertTrue(result.stderr.startswith("digits: "), result.stderr)
        self.assertIn(expected, result.stderr, words)
        self.assertEqual(sorted(os.listdir(self.folder)), before, words)

    def raw(self, *words):
        """The bytes of the samples that the words ask for."""
        result = self.digits("--png", "none", "--raw", "samples.raw", *words)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""), words)
        with open(os.path.join(self.folder, "samples.raw"), "rb") as file:
            return file.read()

    def size(self, name):
        """Width and height of a PNG file."""
        with open(os.path.join(self.folder, name), "rb") as file:
            head = file.read(24)
        self.assertEqual(head[:8], b"\x89PNG\r\n\x1a\n")
        return struct.unpack(">II", head[16:])

    # ------------------------------------------------------------------------------------------------ what it prints

    def test_help_shows_every_option_and_default(self):
        result = self.digits("--help")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        for word in ("sampler schedule grid steps guidance task input measured noise codes codebook labels count seed "
                     "first-sample dtype model predict threads weights png raw trajectory plan list options quiet "
                     "help").split():
            self.assertRegex(result.stdout, rf"(?m)^  --{word} +\S.* \S")
        for default in "dpmpp_2m", "linear", "trailing", "(15)", "(50)", "(none)", "(all)", "(f32)", "(digits.png)":
            self.assertIn(default, result.stdout)
        self.assertEqual(self.digits("-h").stdout, result.stdout)

    def test_list_shows_a_line_for_every_method(self):
        text = self.digits("--list").stdout
        self.assertLess(text.count("\n"), 250)
        for name in ("samplers ddpm ddim euler euler_ancestral heun dpmpp_2m unipc dpm_adaptive schedules linear "
                     "scaled_linear squared_cosine vp ve edm flow grids leading linspace trailing karras exponential "
                     "log_snr times levels guidances cfg rescale clip threshold predictions epsilon x0 v score times "
                     "index quarter_log_sigma 1000t").split():
            self.assertRegex(text, rf"(?m)^ *{name}\b")
        for block in text.split("\n\n")[1:]:  # names, then what they do, one below the other
            lines = block.strip("\n").splitlines()[1:]
            column = max(len(line.split()[0]) for line in lines) + 4
            for line in lines:
                self.assertRegex(line, rf"^  (?=\S)[^ ]+ +(?<=^.{{{column}}})\S.* \[.+\]$")

    def test_options_of_a_method(self):
        text = self.digits("--options", "ddim").stdout
        self.assertRegex(text, r"\Asampler ddim: .*\[Song 2021")
        self.assertRegex(text, r"(?m)^ +known as .*diffusers: DDIMScheduler")
        self.assertRegex(text, r"(?m)^ +eta .*\(0: 0 to 1\)$")
        self.assertRegex(self.digits("--options=unipc").stdout, r"(?m)^ +variant .*\(bh2: bh1, bh2")
        self.assertRegex(self.digits("--options=times").stdout, r"(?m)^ +at .*\(numbers from .* to .*, separated by /\)$")
        self.assertRegex(self.digits("--options=edm").stdout, r"(?s)^schedule edm: .*\n\nprediction edm: .*\n\nweight edm: ")
        self.refused(2, "\"dimm\" is the name of no method", "--options", "dimm")

    def test_plan_is_printed_and_nothing_drawn(self):
        result = self.digits("--plan", "--steps", "3", "--sampler", "heun")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("sampler=heun schedule=linear grid=trailing:steps=3 model=v", result.stdout)
        self.assertEqual(result.stdout.count("eval\t"), 5)
        self.assertEqual(os.listdir(self.folder), [])

    def test_silent_without_a_terminal(self):
        result = self.digits("--count", "12", "--steps", "1")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertEqual(os.listdir(self.folder), ["digits.png"])
        self.assertEqual(self.size("digits.png"), (10 * 58 + 2, 2 * 58 + 2))

    # ---------------------------------------------------------------------------------------------- what it computes

    def test_default_is_dpmpp_2m_15_steps_of_50_digits(self):
        whole = self.raw()
        self.assertEqual(len(whole), 50 * IMAGE)
        self.assertEqual(whole, self.raw("--sampler=dpmpp_2m", "--steps=15", "--schedule=linear", "--dtype=f32",
                                         "--grid=trailing:final=zero", "--guidance=none", "--labels=all", "--count=50",
                                         "--seed=0", "--model=v"))
        # the part of a job, and any number of threads, give the bits of the whole
        self.assertEqual(self.raw("--first-sample", "20", "--count", "10"), whole[20 * IMAGE:30 * IMAGE])
        self.assertEqual(self.raw("--first-sample", "33", "--count", "5"), whole[33 * IMAGE:38 * IMAGE])
        self.assertEqual(self.raw("--threads", "1", "--count", "10"), whole[:10 * IMAGE])
        self.assertEqual(self.raw("--threads", "3", "--count", "10"), whole[:10 * IMAGE])
        self.assertNotEqual(self.raw("--seed", "1", "--count", "10"), whole[:10 * IMAGE])

    def test_stochastic_and_adaptive_parts_give_the_bits_of_the_whole(self):
        for sampler in "ddpm", "euler_ancestral", "dpm_adaptive", "euler:s_churn=5":
            words = ["--sampler", sampler, "--steps", "8", "--guidance", "cfg:scale=2"]
            whole = self.raw("--count", "6", *words)
            self.assertEqual(self.raw("--count", "2", "--first-sample", "3", *words), whole[3 * IMAGE:5 * IMAGE])

    def test_labels_cycle_by_the_sample_index(self):
        for labels in "7,2,5", "none":
            whole = self.raw("--labels", labels, "--count", "6", "--steps", "3")
            self.assertEqual(self.raw("--labels", labels, "--count", "2", "--first-sample", "4", "--steps", "3"),
                             whole[4 * IMAGE:])
        one = self.raw("--labels", "4", "--count", "5", "--steps", "3")
        self.assertEqual(one[4 * IMAGE:], self.raw("--count", "5", "--steps", "3")[4 * IMAGE:])

    def test_raw_is_not_clipped(self):
        values = floats(self.raw("--count", "20", "--guidance", "cfg:scale=6"))
        self.assertTrue(1 < max(map(abs, values)) < 10)

    def test_flow_defaults(self):
        words = ["--model", "flow", "--count", "4", "--steps", "6"]
        self.assertEqual(self.raw(*words), self.raw("--sampler=euler", "--schedule=flow", "--grid=flow", *words))
        self.assertNotEqual(self.raw(*words), self.raw("--sampler", "dpmpp_2m", *words))

    def test_steps_stand_in_the_grid_or_in_the_option(self):
        self.assertEqual(self.raw("--grid", "trailing:steps=4", "--count", "2"),
                         self.raw("--steps", "4", "--count", "2"))
        self.assertEqual(self.raw("--grid", "times:at=999/749/499/249", "--count", "2"),
                         self.raw("--steps", "4", "--count", "2"))
        self.refused(2, "steps", "--grid", "trailing:steps=4", "--steps", "4")
        self.refused(2, "steps", "--grid", "times:at=999/499", "--steps", "4")

    def test_legal_edges(self):
        self.assertEqual(len(self.raw("--count", "1", "--steps", "1")), IMAGE)
        self.assertEqual(len(self.raw("--count", "1", "--steps", "1000")), IMAGE)
        self.raw("--count", "1", "--steps", "1", "--seed", str(2**64 - 1), "--first-sample", str(2**63 - 2))

    def test_options_that_the_program_adds_to_a_spec(self):
        def plan(*words):
            return self.digits("--plan", "--steps", "2", *words).stdout.splitlines()[0]
        self.assertIn(" grid=karras:steps=2,rho=5|from:strength=0.5 ", plan("--grid", "karras:rho=5|from:strength=0.5"))
        self.assertIn(" grid=karras:steps=2 ", plan("--grid", "karras:"))
        self.assertIn("|classifier:target=10|clip:range=2|classifier:scale=2,target=10|reconstruct:target=3",
                      plan("--guidance", "classifier:|clip:range=2|classifier:scale=2|reconstruct:target=3"))
        self.assertRegex(plan("--guidance", "clip:|pgdm:", "--task", "denoise"), r" guidance=clip:?\|pgdm:noise=0.05$")

    def test_a_low_pass_for_frequencies(self):
        words = ["--count", "2", "--steps", "4", "--guidance"]
        guided = self.raw(*words, "cfg:scale=2")
        self.assertEqual(self.raw(*words, "fdg:low=2,high=2"), guided)
        low, high = self.raw(*words, "fdg:low=2"), self.raw(*words, "fdg:high=2")
        for a, b in (low, guided), (high, guided), (low, high):  # far more than roundings
            differences = [abs(x - y) for x, y in zip(floats(a), floats(b))]
            self.assertGreater(sum(differences) / len(differences), 1e-3)

    def test_what_a_classifier_steers_to(self):
        words = ["--count", "2", "--steps", "4", "--guidance"]
        both = self.raw("--labels", "0,4", *words, "classifier:scale=3")
        self.assertEqual(self.raw(*words, "classifier:scale=3,target=4", "--labels", "none")[IMAGE:], both[IMAGE:])
        self.assertEqual(self.raw(*words, "classifier:scale=3,target=0")[:IMAGE], both[:IMAGE])
        self.assertEqual(self.raw("--labels", "0,4", *words, "classifier:scale=3,target=10"), both)
        self.assertNotEqual(self.raw(*words, "classifier:scale=3,target=4"), self.raw(*words, "classifier:scale=3"))
        self.assertNotEqual(self.raw(*words, "reconstruct:target=4"), self.raw(*words, "reconstruct"))

    def test_trajectory(self):
        cases = [
            (["--steps", "7", "--count", "3"], 7, 3),
            (["--steps", "1", "--count", "12"], 1, 10),
            (["--steps", "130", "--count", "1"], 100, 1),
            (["--steps", "4", "--count", "2", "--dtype", "f64"], 4, 2),
        ]
        for words, columns, rows in cases:
            result = self.digits("--png", "none", "--trajectory", "t.png", *words)
            self.assertEqual((result.returncode, result.stderr), (0, ""), words)
            self.assertEqual(self.size("t.png"), (columns * 58 + 2, rows * 58 + 2), words)
        self.assertEqual(self.digits("--png", "none", "--trajectory", "t.png", "--count", "2", "--sampler",
                                     "dpm_adaptive").returncode, 0)

    def test_trajectory_does_not_change_the_samples(self):
        self.assertEqual(self.raw("--count", "4", "--trajectory", "t.png"), self.raw("--count", "4"))

    # ------------------------------------------------------------------------------------- something to be undone

    def write(self, name, content):
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(content)

    def seen(self, *words, column=0):
        """The greys of a picture of the first row of the sheet."""
        result = self.digits("--png", "s.png", *words)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""), words)
        width, height = self.size("s.png")
        with open(os.path.join(self.folder, "s.png"), "rb") as file:
            rows = zlib.decompress(file.read()[8 + 25 + 8:-12 - 4])
        return [rows[(width + 1) * (2 + 2 * r) + 1 + 2 + 58 * column + 2 * c] for r in range(28) for c in range(28)]

    def test_sheet_of_a_task(self):
        for words, width, height in [(["--count", "3"], 3, 3), (["--count", "10"], 3, 10), (["--count", "13"], 6, 7),
                                     (["--count", "41"], 12, 11)]:
            self.assertEqual(self.digits("--task", "inpaint", "--steps", "1", "--png", "s.png", *words).returncode, 0)
            self.assertEqual(self.size("s.png"), (width * 58 + 2, height * 58 + 2), words)
        self.write("a.pgm", pgm(5, [0] * 784))
        words = ["--input", "a.pgm", "--measured", *TASK]
        self.assertEqual(self.seen(*words, column=0), [0] * 784)
        self.assertEqual(self.size("s.png"), (2 * 58 + 2, 58 + 2))

    def test_measurements_in_the_sheet(self):
        values = [255 * (i % 28 // 4 % 2) for i in range(784)]  # stripes of the width that the means are taken over
        self.write("a.pgm", pgm(5, values))
        words = ["--input", "a.pgm", "--noise", "0", "--count", "1", "--steps", "1"]
        self.assertEqual(self.seen("--task", "denoise", *words, column=1), values)
        self.assertEqual(self.seen("--task", "super-resolve", *words, column=1), values)
        hole = [128 if 8 <= i // 28 < 20 and 8 <= i % 28 < 20 else values[i] for i in range(784)]
        self.assertEqual(self.seen("--task", "inpaint", *words, column=1), hole)
        blurred = self.seen("--task", "deblur", *words, column=1)
        self.assertEqual(blurred[:28], blurred[28:56])
        self.assertTrue(0 == blurred[0] < blurred[3] < 128 < blurred[4] < 255, blurred[:28])

    def test_noise_of_a_measurement(self):
        self.write("a.pgm", pgm(2, [50] * 784, most=100))
        grey = self.seen("--input", "a.pgm", "--noise", "0.1", *TASK, column=1)
        mean = sum(grey) / 784
        deviation = (sum((g - mean)**2 for g in grey) / 784)**0.5
        self.assertTrue(abs(mean - 127.5) < 2 and abs(deviation - 12.75) < 1, (mean, deviation))

    def test_parts_of_a_task_give_the_bits_of_the_whole(self):
        words = ["--task", "super-resolve", "--steps", "4"]
        whole = self.raw("--count", "6", *words)
        self.assertEqual(self.raw("--count", "2", "--first-sample", "3", *words), whole[3 * IMAGE:5 * IMAGE])
        self.write("a.pgm", pgm(5, [128] * 784))
        words += ["--input", "a.pgm"]
        whole = self.raw("--count", "4", *words)
        self.assertEqual(self.raw("--count", "2", "--first-sample", "2", *words), whole[2 * IMAGE:])
        self.assertEqual(self.raw("--count", "4", "--labels", "none", *words), whole)

    def test_noise_is_handed_to_the_guidance(self):
        words = ["--task", "denoise", "--noise", "0.3", "--plan", "--steps", "2", "--guidance"]
        for spec, text in [("pgdm", "pgdm:noise=0.3"), ("pgdm:data=0.5", "data=0.5"), ("dps", "guidance=dps"),
                           ("clip|ddnm", "ddnm:noise=0.3"), ("ddnm:noise=0.2", "ddnm:noise=0.2")]:
            plan = self.digits(*words, spec).stdout
            self.assertIn(text, plan)
            self.assertEqual("noise=0.3" in plan, spec not in ("dps", "ddnm:noise=0.2"), plan)

    def test_every_method_runs_on_every_task(self):
        for task in "inpaint", "deblur", "super-resolve", "denoise":
            for guidance in "ddnm", "diffpir", "pgdm", "dps", "mmps", "ilvr", "classifier:scale=1|pgdm:data=0.5":
                self.raw("--task", task, "--guidance", guidance, "--count", "1", "--steps", "2")
        for mode in "blend", "replace", "clean":
            self.raw("--task", "inpaint", "--guidance", "inpaint:mode=" + mode, "--count", "1", "--steps", "2")
        self.raw("--task", "inpaint", "--model", "flow", "--count", "1", "--steps", "2")
        self.raw("--task", "inpaint", "--schedule", "flow", "--grid", "flow", "--count", "1", "--steps", "2")
        self.raw("--guidance", "reconstruct", "--count", "1", "--steps", "2")

    def test_codes_are_decoded_to_the_same_bits(self):
        self.write("a.pgm", pgm(5, [255 * (100 < i < 300) for i in range(784)]))
        cases = [[], ["--codebook", "size=16,pursuit=3"], ["--labels", "none", "--first-sample", "7", "--seed", "9"],
                 ["--model", "flow"], ["--schedule", "edm", "--grid", "karras", "--predict", "x0"],
                 ["--grid", "trailing:steps=12"], ["--input", "a.pgm"], ["--steps", "1"]]
        for case in cases:
            if not {"--steps", "--grid"} & set(case):
                case = [*case, "--steps", "10"]
            count = [] if "--input" in case else ["--count", "3"]
            made = self.raw("--task", "encode", "--codes", "c", *case, *count)
            self.assertEqual(len(made), IMAGE * (3 if count else 1))
            self.assertEqual(self.raw("--task", "decode", "--codes", "c", "--threads", "1"), made, case)
        with open(os.path.join(self.folder, "c"), "rb") as file:
            self.write("d", file.read().replace(b"\n", b"\r\n"))
        self.assertEqual(self.raw("--task", "decode", "--codes", "d"), made)

    def test_codes_are_near_the_original_and_count_their_bits(self):
        self.write("a.pgm", pgm(5, [0] * 784))
        for size, steps, bits in (16, 21, 80), (256, 101, 800):
            words = ["--task", "encode", "--input", "a.pgm", "--steps", str(steps), "--codebook", f"size={size}"]
            grey = self.seen(*words, column=1)
            with open(os.path.join(self.folder, "digits.codes")) as file:
                lines = file.read().splitlines()
            self.assertEqual(lines[-1], f"# {bits} bits for a digit, {bits / 784:.4g} for a pixel")
            self.assertEqual(len(lines[-2].split()), steps - 1)
            self.assertTrue(all(0 <= int(number) < size for number in lines[-2].split()))
        self.assertLess(sum(grey) / 784, 4)

    def test_bad_codes(self):
        words = ["--task", "decode", "--codes", "c", "--png", "none"]
        self.refused(1, "--codes: c: cannot open: No such file", *words)
        self.raw("--task", "encode", "--codes", "c", "--count", "2", "--steps", "4")
        with open(os.path.join(self.folder, "c")) as file:
            good = file.read()
        numbers = good.index("\n\n") + 2
        os.mkdir(os.path.join(self.folder, "folder"))
        self.refused(1, "--codes: folder: cannot ", *words[:3], "folder", *words[4:])
        cases = [
            ("no file of codes", ""), ("no file of codes", "GIF89a"), ("zero byte", good[:-1] + "\0"),
            ("damaged: its options", good[:30]), ("damaged: its options", good[:40] + "\n" * 2),
            ("did you mean --model", good.replace("--model", "--modle")),
            ("--count: \"0\"", good.replace("--count 2", "--count 0")),
            ("must be 3 samples times 3 indices", good.replace("--count 2", "--count 3")),
            ("must be 2 samples times 4 indices", good.replace("--steps 4", "--steps 5")),
            ("it must be 0 to 15", good.replace("size=256", "size=16")[:numbers - 1] + "3 3 3 3 3 99\n"),
            ("where a number should", good[:numbers] + "3 -3"), ("where a number should", good[:numbers] + "3 3x"),
            ("where a number should", good[:numbers] + "9999999999\n"),
            ("where a number should", good[:numbers] + "3\r3\n"), ("schedule", good.replace("linear", "linera")),
            ("is no digit", good.replace("--labels all", "--labels 10")),
        ]
        for expected, text in cases:
            self.write("c", text.encode())
            self.refused(1, expected, *words)

    def test_every_kind_of_picture(self):
        chance = random.Random(1)
        greys = [[chance.randrange(256) if (r + c) % 3 else 77 for c in range(28)] for r in range(28)]
        flat = sum(greys, [])
        files = [pgm(5, flat), pgm(2, flat), pgm(5, [257 * g for g in flat], most=65535)]
        for level in 0, 1, 9:  # stored blocks and such with codes of their own
            files.append(png(greys, 8, GREY, level=level))
        files.append(png(greys, 8, GREY, strategy=zlib.Z_FIXED))
        files.append(png(greys, 8, GREY, strategy=zlib.Z_HUFFMAN_ONLY))
        files.append(png([[257 * g for g in row] for row in greys], 16, GREY))
        files.append(png([[v for g in row for v in (g, 255)] for row in greys], 8, GREY_ALPHA))
        files.append(png([[v for g in row for v in (g, g, g)] for row in greys], 8, RGB))
        files.append(png([[v for g in row for v in (255, 255, 255, g)] for row in greys], 8, RGB_ALPHA))
        files.append(png(greys, 8, PALETTE, palette=bytes(i // 3 for i in range(768))))
        for content in files:
            self.write("a", content)
            got = self.seen("--input", "a", *TASK)
            self.assertLessEqual(max(abs(a - b) for a, b in zip(got, flat)), 1, content[:60])
        for depth in 1, 2, 4:
            few = [[g >> (8 - depth) for g in row] for row in greys]
            self.write("a", png(few, depth, GREY))
            want = [v * 255 // (2**depth - 1) for v in sum(few, [])]
            self.assertEqual(self.seen("--input", "a", *TASK), want)
            self.write("a", png(few, depth, PALETTE, palette=bytes(5 * (i // 3) for i in range(3 * 2**depth))))
            self.assertEqual(self.seen("--input", "a", *TASK), [5 * v for v in sum(few, [])])

    def test_bad_pictures(self):
        for expected, content in bad_pictures():
            if content is not None:
                self.write("a", content)
            self.refused(1, expected, "--input", "a", *TASK)
            self.refused(1, "--input: a: ", "--input", "a", *TASK)
        self.write("a", bytes(2**20 + 1))
        self.refused(1, "larger than 1048576 bytes", "--input", "a", *TASK)

    def test_damaged_streams_are_refused_or_read(self):
        """Streams whose CRC-32 is right, but with a wrong byte: most have a wrong Adler-32."""
        chance = random.Random(2)
        raw = b"".join(bytes([0]) + bytes(chance.choice(b"aab") for _ in range(28)) for _ in range(28))
        for level in 0, 9:
            packed = zlib.compress(raw, level)
            for _ in range(60):
                bad = bytearray(packed)
                bad[chance.randrange(len(bad) - 4)] ^= 1 << chance.randrange(8)
                self.write("a", png([[0] * 28] * 28, 8, GREY, packed=bytes(bad)))
                result = self.digits("--input", "a", "--png", "none", *TASK)
                self.assertIn(result.returncode, (0, 1), bad.hex())
                if result.returncode:
                    self.assertIn("--input: a: damaged or unusual PNG file: ", result.stderr)

    # --------------------------------------------------------------------------------------------------- bad input

    def test_bad_command_lines(self):
        cases = [
            ("did you mean --sampler", "--smapler", "ddim"),
            ("did you mean --first-sample", "--first_sample=3"),
            ("unknown option \"--frobnicate\"", "--frobnicate"),
            ("unexpected argument", "ddim"),
            ("needs a value", "--steps"),
            ("needs a value", "--sampler="),
            ("takes no value", "--quiet=1"),
            ("given twice", "--steps", "3", "--steps", "4"),
            ("none of f32, f64", "--dtype", "f16"),
            ("none of v, flow", "--model", "epsilon"),
            ("none of epsilon, v, x0", "--predict", "score"),
            ("--predict", "--model", "flow", "--predict", "v"),
            ("same name", "--raw", "a", "--png", "a"),
            ("did you mean", "--sampler", "dimm"),
            ("\"ddim\"", "--sampler", "ddim:etta=1"),
            ("eta", "--sampler", "ddim:eta=2"),
            ("eta", "--sampler", "ddim:eta=0.5x"),
            ("ddim", "--sampler", "ddim:eta=0,5"),
            ("eta", "--sampler", "ddim:eta=nan"),
            ("eta", "--sampler", "ddim:eta=0,eta=1"),
            ("schedule", "--schedule", "linera"),
            ("beta", "--schedule", "linear:beta_end=2"),
            ("grid", "--grid", "trialing"),
            ("guidance", "--guidance", "cgf:scale=2"),
            ("1000", "--steps", "1001"),
            ("alpha", "--predict", "epsilon", "--schedule", "flow", "--grid", "flow"),
        ]
        for number in "0", "-1", "1.5", "3x", "", " 3", "99999999999999999999999":
            cases.append(("--steps", "--steps=" + number))
            cases.append(("--count", "--count=" + number))
        for number in "-0.1", "101", "nan", "inf", "", "0.1x", "0,1", " 0.1", "0x1", "1e400":
            cases.append(("--noise", "--task=denoise", "--noise=" + number))
        cases += [
            ("none of draw, inpaint, deblur, super-resolve, denoise, encode, decode", "--task", "sharpen"),
            ("--noise does not belong to --task draw, but to: inpaint, deblur, super-res", "--noise", "0.1"),
            ("--input does not belong to --task draw", "--input", "a.pgm"),
            ("--measured does not belong to --task draw", "--measured"),
            ("--measured needs an --input", "--task", "denoise", "--measured"),
            ("--codes does not belong to --task draw, but to: encode, decode", "--codes", "a"),
            ("--codebook does not belong to --task decode, but to: encode", "--task=decode", "--codebook", "size=2"),
            ("--guidance does not belong to --task encode", "--task", "encode", "--guidance", "cfg:scale=2"),
            ("--seed does not belong to --task decode", "--task", "decode", "--seed", "1"),
            ("--count: 3 digits to encode, but --input gives 1", "--task=encode", "--count=3", "--input=a"),
            ("same name", "--task", "encode", "--png", "a", "--codes", "a"),
            ("size", "--task", "encode", "--codebook", "size=1"),
            ("did you mean", "--task", "encode", "--codebook", "sise=4"),
            ("\"12\" in \"12\" is no digit", "--task", "encode", "--labels", "12"),
            ("does not look at the measurement", "--task", "denoise", "--guidance", "cfg:scale=2"),
            ("does not look at the measurement", "--task", "denoise", "--guidance", "none"),
            ("needs a mask", "--task", "denoise", "--guidance", "inpaint"),
            ("\"fdg:low=2\" does not look at the meas", "--task", "inpaint", "--guidance", "fdg:low=2"),
            ("does not look at the measurement", "--task", "super-resolve", "--guidance", "fdg:low=2,split=blur"),
            ("does not look at the measurement", "--task", "denoise", "--guidance", "none", "--plan"),
            ("is no digit", "--labels", "10", "--plan"),
            ("\"size=4,seed=3\" names what --seed is for", "--task", "encode", "--codebook", "size=4,seed=3"),
        ]
        for spec in "ddnm", "diffpir", "pgdm", "dps", "mmps", "ilvr", "inpaint", "cfg:scale=2|pgdm":
            cases.append(("needs a measurement, which --task draw does not make", "--guidance", spec))
        for spec, what in [("perturbed:scale=2", "perturbation 1"), ("autoguidance:scale=2", "model 1"),
                           ("multi:weights=1/1", "condition 2"), ("perp_neg:scale=2", "condition 2")]:
            for more in [], ["--plan"], ["--model", "flow"]:
                cases.append(("guidance: it needs " + what, "--guidance", spec, *more))
        cases += [
            ("needs masks of its own", "--guidance", "multi:weights=1,masks=1"),
            ("which are none", "--guidance", "classifier", "--labels", "none"),
            ("which are none", "--guidance", "classifier:target=3|reconstruct", "--labels", "none"),
            ("which are none", "--guidance", "pgdm|classifier", "--task", "denoise", "--input", "a.pgm"),
            ("target=11 in \"classifier:target=11\" must be 0 to 9", "--guidance", "classifier:target=11"),
            ("target = -1 is outside", "--guidance", "classifier:target=-1"),
        ]
        for number in "-1", "1.5", "", "x", str(2**64):
            cases.append(("--seed", "--seed=" + number))
            cases.append(("--first-sample", "--first-sample=" + number))
        for labels in "10", "-1", "3,", ",3", "3,,4", "3;4", "x", "99999999999999999999", "all,3":
            cases.append(("--labels", "--labels=" + labels))
        for expected, *words in cases:
            self.refused(2, expected, *words)

    def test_overflow_of_sample_indices(self):
        self.refused(2, "sample", "--first-sample", str(2**63 - 1), "--count", "2", *FAST[2:])

    def test_unwritable_outputs_are_found_before_the_work(self):
        os.mkdir(os.path.join(self.folder, "folder"))
        for option in "--png", "--raw", "--trajectory":
            for path in "no/such/folder/file", "folder":
                self.refused(1, f"{option}: {path}: cannot write", "--count", "50000", "--steps", "1000", option, path)

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_full_device(self):
        self.refused(1, "--raw: /dev/full: cannot write", *FAST, "--raw", "/dev/full")
        self.refused(1, "--codes: /dev/full: cannot write", "--task", "encode", *FAST, "--codes", "/dev/full")
        with open("/dev/full", "w") as full:
            result = subprocess.run([PROGRAM, "--list"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot write", result.stderr)

    def test_bad_weights(self):
        for network, words in ("unet.bin", []), ("unet_flow.bin", ["--model", "flow"]):
            with open(os.path.join(WEIGHTS, network), "rb") as file:
                good = file.read()
            other = os.path.join(WEIGHTS, "unet_flow.bin" if network == "unet.bin" else "unet.bin")
            with open(other, "rb") as file:
                wrong = file.read()
            damaged = bytearray(good)
            damaged[len(good) // 2] ^= 1
            words = ["--weights", "w", *words, *FAST]
            path = os.path.join(self.folder, "w", network)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            self.refused(1, f"--weights: w/{network}: ", *words)
            for content in b"", good[:40], good[:-4], bytes(damaged), wrong, b"GIF89a" * 99:
                with open(path, "wb") as file:
                    file.write(content)
                self.refused(1, network, *words)
            with open(path, "wb") as file:
                file.write(good)
            self.assertEqual(self.digits(*words).returncode, 0)

    # ------------------------------------------------------------------------------------------------- on a terminal

    def terminal(self, *words):
        """Starts the program with a terminal for its output; what it has printed comes from read()."""
        import pty
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        process = subprocess.Popen([PROGRAM, *words], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=slave,
                                   stderr=slave)
        os.close(slave)

        def read():
            try:
                return os.read(master, 65536).decode()
            except OSError:  # the other side is closed
                return ""
        return process, read

    def shown(self, *words):
        process, read = self.terminal(*words)
        text = ""
        for part in iter(read, ""):
            text += part
        self.assertEqual(process.wait(), 0, text)
        return text

    @unittest.skipIf(os.name == "nt", "no terminals to open")
    def test_terminal_shows_progress_and_digits(self):
        text = self.shown("--count", "20", "--steps", "100", "--threads", "1")
        self.assertRegex(text, r"\r\[#+\.+\] +\d+ %, \d+ s left")
        rows = text.replace("\r\n", "\n").rsplit("\r", 1)[-1].splitlines()
        self.assertEqual(rows[-1], "20 digits in digits.png")
        self.assertEqual(len(rows), 4 * 7 + 3 + 2)  # four rows of five digits, 7 lines each
        self.assertTrue(all(len(row) < 80 for row in rows))
        self.assertGreater(text.count("@"), 20)
        self.assertEqual(self.shown("--quiet", *FAST), "")

    @unittest.skipIf(os.name == "nt", "signals")
    def test_interruption_says_so_and_leaves_nothing(self):
        with open(os.path.join(self.folder, "a.raw"), "w") as file:
            file.write("old")
        process, read = self.terminal("--count", "4000", "--steps", "1000", "--raw", "a.raw")
        text = ""
        while "left" not in text:
            text += read()
        process.send_signal(signal.SIGINT)
        for part in iter(read, ""):
            text += part
        self.assertEqual(process.wait(), 130)
        self.assertIn("interrupted; nothing was written", text)
        self.assertEqual(os.listdir(self.folder), ["a.raw"])
        self.assertEqual(os.path.getsize(os.path.join(self.folder, "a.raw")), 3)


if __name__ == "__main__":
    WEIGHTS = os.path.abspath(sys.argv.pop())
    PROGRAM = os.path.abspath(sys.argv.pop())
    unittest.main()
