"""peers.py MODULE [OPTION...]: a step of demist beside those of diffusers and k-diffusion, as bench --peers starts it.

A round is a run of STEPS steps of the other program and one of demist (MODULE, a library of the benchmark's own), in
one process and one thread, the first one changing. Counted is the time in the other program's step, and in
dm_run_next; not counted are the start, the network's answers, which both sides get written anew before every step,
and the work that diffusers leaves to the caller (scale_model_input). Each side makes a run that is not timed before
the one that is. Printed for the benchmark: "= NAME SIZE LEAST MEDIAN LEAST MEDIAN RATIO GOAL", times in us of a step,
first the other program's; RATIO is the median of the ratios of the rounds.
"""
import argparse
import ctypes
import gc
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent / "peers"))
import stand_ins

STEPS = 20
TABLE = {"beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear", "num_train_timesteps": 1000,
         "timestep_spacing": "trailing"}

# Name, demist's sampler, module and class of diffusers, what it is made with, whether it draws noise.
DIFFUSERS = [
    ("euler", "euler", "euler_discrete", "EulerDiscreteScheduler", {}, False),
    ("ddim", "ddim", "ddim", "DDIMScheduler", {"clip_sample": False}, False),
    ("dpmpp_2m", "dpmpp_2m", "dpmsolver_multistep", "DPMSolverMultistepScheduler", {"solver_order": 2}, False),
    ("unipc_3", "unipc:order=3", "unipc_multistep", "UniPCMultistepScheduler", {"solver_order": 3}, False),
    ("lms_4", "lms:order=4", "lms_discrete", "LMSDiscreteScheduler", {}, False),
    ("heun", "heun", "heun_discrete", "HeunDiscreteScheduler", {}, False),
    ("ddpm", "ddpm", "ddpm", "DDPMScheduler", {"clip_sample": False}, True),
    ("dpmpp_2m_sde", "dpmpp_2m_sde", "dpmsolver_multistep", "DPMSolverMultistepScheduler",
     {"solver_order": 2, "algorithm_type": "sde-dpmsolver++"}, True),
]
# Name, demist's sampler, whether it draws noise: plain normals, as demist does, not those of a Brownian tree.
K_DIFFUSION = [("euler", "euler", False), ("dpmpp_2m", "dpmpp_2m", False), ("lms", "lms:order=4", False),
               ("heun", "heun", False), ("euler_ancestral", "euler_ancestral", True),
               ("dpmpp_2m_sde", "dpmpp_2m_sde", True)]

# At least so many times as fast as diffusers, by size: deterministic steps, stochastic steps.
GOAL = {1 << 14: (30, 10), 1 << 20: (7, 10)}
ISA = ("best", "plain", "sse2", "avx2", "avx512")


class Skipped(Exception):
    pass


def keep_memory():
    """Freed memory stays with the process: whether it goes back to the system, to be cleared again page by page at the
    next step, depends on the blocks before it, and costs more than a step. Spares the peers, who allocate in steps."""
    trim_threshold, mmap_threshold = -1, -3  # numbers of glibc's mallopt
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(trim_threshold, 1 << 30)
        libc.mallopt(mmap_threshold, 1 << 30)


class Network:
    """The answers, for both sides the same numbers."""

    def __init__(self, torch, n):
        self.start = torch.randn(1, n)
        self.values = 0.01 * torch.randn(1, n)
        self.answer = self.values.clone()

    def __call__(self):
        return self.answer.copy_(self.values)


class Clock:
    """The thread's own time in ns: what a busy machine does meanwhile does not count."""

    def __init__(self):
        self.now = time.thread_time_ns
        self.cost = min(-(self.now() - self.now()) for _ in range(1000))


class Diffusers:
    def __init__(self, folder, torch, clock):
        self.module, self.clock = stand_ins.diffusers(folder, torch), clock

    def methods(self):
        return [(name, sampler, noise, (module, cls, {**TABLE, **options}))
                for name, sampler, module, cls, options, noise in DIFFUSERS]

    def run(self, method, network):
        """ns and number of the steps."""
        module, cls, options = method
        now, spent = self.clock.now, 0
        scheduler = getattr(self.module(module), cls)(**options)
        scheduler.set_timesteps(STEPS)
        x = network.start * scheduler.init_noise_sigma
        for t in scheduler.timesteps:
            scheduler.scale_model_input(x, t)
            answer = network()
            begin = now()
            x = scheduler.step(answer, t, x, return_dict=False)[0]
            spent += now() - begin - self.clock.cost
        return spent, len(scheduler.timesteps)


class KDiffusion:
    def __init__(self, folder, _torch, clock):
        self.sampling, self.clock = stand_ins.k_diffusion(folder), clock
        self.levels = self.sampling.get_sigmas_karras(STEPS, 0.01, 150)

    def methods(self):
        return [(name, sampler, noise, (name, noise)) for name, sampler, noise in K_DIFFUSION]

    def run(self, method, network):
        """The samplers own their loop: the time inside the model is taken off, and the model predicts the clean sample,
        so that no conversion is counted."""
        name, noise = method
        now, away, calls = self.clock.now, 0, 0

        def model(_x, _sigma):
            nonlocal away, calls
            begin = now()
            answer = network()
            calls += 1
            away += now() - begin
            return answer

        x = network.start * self.levels[0]
        options = {"noise_sampler": self.sampling.default_noise_sampler(x)} if noise else {}
        begin = now()
        getattr(self.sampling, "sample_" + name)(model, x, self.levels, disable=True, **options)
        return now() - begin - away - (calls + 1) * self.clock.cost, calls


class Demist:
    def __init__(self, path, isa):
        self.module, self.isa = ctypes.CDLL(path), isa

    def run(self, sampler, network):
        ns, steps, message = ctypes.c_double(), ctypes.c_int64(), ctypes.create_string_buffer(256)
        status = self.module.peers_run(sampler.encode(), STEPS, ctypes.c_size_t(network.values.numel()), self.isa,
                                       ctypes.c_void_p(network.values.data_ptr()), ctypes.byref(ns),
                                       ctypes.byref(steps), message)
        if status < 0:
            raise RuntimeError(message.value.decode())
        return ns.value, steps.value


def pair(peer, demist, rounds):
    """us of a step for each round, of either side."""
    result = ([], [])
    for i in range(rounds):
        for side in ((0, 1) if i % 2 == 0 else (1, 0)):
            run = demist if side else peer
            run()
            ns, steps = run()
            result[side].append((ns / steps / 1000, steps))
    steps = {steps for side in result for _, steps in side}
    if len(steps) != 1:
        raise RuntimeError(f"the two sides differ in their number of steps: {sorted(steps)}")
    return [[us for us, _ in side] for side in result]


def report(name, n, goal, peer, demist):
    ratio = statistics.median(a / b for a, b in zip(peer, demist))
    print("=", name, n, min(peer), statistics.median(peer), min(demist), statistics.median(demist), ratio, goal,
          flush=True)


def time_peer(options, torch, title, peer, demist):
    for name, sampler, noise, method in peer.methods():
        case = f"peer.{title}.{name}"
        if options.filter not in case:
            continue
        if name.startswith("lms") and not stand_ins.HAS_SCIPY:
            print(f"SKIP {case}: python3-scipy is not installed")
            continue
        for n in options.sizes:
            network = Network(torch, n)
            goal = GOAL.get(n, (0, 0))[noise] if title == "diffusers" else 0
            rounds = options.rounds or max(9, min(31, (1 << 22) // n))
            report(case, n, goal, *pair(lambda: peer.run(method, network), lambda: demist.run(sampler, network), rounds))


PEERS = {"diffusers": (Diffusers, "src/diffusers/schedulers"), "k_diffusion": (KDiffusion, "k_diffusion/sampling.py")}


def time_all(options):
    demist = Demist(options.module, ISA.index(options.isa))
    try:
        import torch
    except ImportError:
        raise Skipped("SKIP peers: python3-torch is not installed")
    if not options.peers:
        raise Skipped("SKIP peers: give the folders of their sources: --peers DIFFUSERS,K_DIFFUSION")
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    torch.manual_seed(1)
    gc.disable()
    keep_memory()
    folders = {name: [f for f in options.peers if (pathlib.Path(f) / inside).exists()]
               for name, (_, inside) in PEERS.items()}
    unknown = set(options.peers) - {f for found in folders.values() for f in found}
    if unknown:
        raise SystemExit(f"peers: neither diffusers nor k-diffusion stands in {', '.join(sorted(unknown))}")
    clock = Clock()
    print(f"peers: torch {torch.__version__}, one thread, {STEPS} steps; ratio: how many times as fast demist is")
    for title, (peer, _) in PEERS.items():
        if folders[title]:
            time_peer(options, torch, title, peer(folders[title][0], torch, clock), demist)
        else:
            print(f"SKIP peer.{title}: the folder of its sources was not given")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("module")
    parser.add_argument("--peers", nargs="?", const=[], default=[], type=lambda text: text.split(","))
    parser.add_argument("--sizes", default=[1 << 14, 1 << 20], type=lambda text: [int(n) for n in text.split(",")])
    parser.add_argument("--filter", default="")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--isa", choices=ISA, default="best")
    parser.add_argument("--json", help="left to the benchmark")
    try:
        time_all(parser.parse_args())
    except Skipped as skipped:
        print(skipped)


main()
