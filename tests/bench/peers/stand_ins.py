"""Imports the samplers of diffusers and k-diffusion out of their sources, without the packages around them.

What computes a step is theirs, unchanged. Packages that are missing are replaced by stand-ins, and so is the part of
diffusers that looks at its surroundings (log, versions, warnings of old names)."""
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import logging
import operator
import pathlib
import sys
import types


HAS_SCIPY = importlib.util.find_spec("scipy") is not None


class Anything:
    """Whatever a missing package would have offered: a base class, a type, or a decorator that changes nothing."""

    def __new__(cls, *arguments, **_options):
        return arguments[0] if arguments and callable(arguments[0]) else super().__new__(cls)


def offer(name):
    if name.startswith("__"):
        raise AttributeError(name)
    if name.startswith("is_"):  # questions about what is installed
        return lambda *_: False
    return Anything


class Missing(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds a stand-in for every module of the packages that are not installed."""

    def __init__(self, packages, **known):
        self.packages = {name for name in packages if importlib.util.find_spec(name) is None}
        self.known = known

    def find_spec(self, name, _path=None, _target=None):
        if name.split(".")[0] in self.packages:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, _spec):
        return None

    def exec_module(self, module):
        module.__dict__.update(self.known, __getattr__=offer)


def package(name, folder, **known):
    """A package whose modules stand in folder, without what its own __init__ would do."""
    module = types.ModuleType(name)
    module.__path__ = [str(folder)]
    module.__dict__.update(known)
    sys.modules[name] = module
    return module


def version_test(version):
    """The test that diffusers decides by between old and new ways of torch, on the first two numbers."""
    tests = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq}

    def numbers(text):
        return [int(part) for part in text.split(".")[:2]]

    return lambda test, other: tests[test](numbers(version), numbers(other))


def diffusers(source, torch):
    """A function that gives a module of the schedulers by the end of its name."""
    root = pathlib.Path(source) / "src" / "diffusers"
    sys.meta_path.append(Missing(["huggingface_hub", "typing_extensions"]))
    for backend in ("xpu", "mps"):  # which an older torch has not
        if not hasattr(torch, backend):
            setattr(torch, backend, package("torch." + backend, root, __getattr__=offer))
    package("diffusers", root, __version__="0")
    package("diffusers.schedulers", root / "schedulers")
    utils = package("diffusers.utils", root / "utils", __getattr__=offer, deprecate=lambda *_, **__: None,
                    is_scipy_available=lambda: HAS_SCIPY, logging=types.SimpleNamespace(get_logger=logging.getLogger))
    package("diffusers.utils.import_utils", root, __getattr__=offer, is_torch_available=lambda: True,
            is_torch_version=version_test(torch.__version__))
    utils.BaseOutput = importlib.import_module("diffusers.utils.outputs").BaseOutput
    return lambda name: importlib.import_module("diffusers.schedulers.scheduling_" + name)


def k_diffusion(source):
    """The module of the samplers. A progress bar costs nothing."""
    sys.meta_path.append(Missing(["torchdiffeq", "torchsde", "torchvision", "safetensors", "PIL", "scipy", "tqdm"],
                                 trange=lambda n, **_: range(n)))
    package("k_diffusion", pathlib.Path(source) / "k_diffusion")
    return importlib.import_module("k_diffusion.sampling")
