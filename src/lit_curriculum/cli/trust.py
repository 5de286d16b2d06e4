"""What a configuration may name: classes of the libraries and of this suite; others, once trusted.

A configuration names classes, and making an object runs its code: ``class_path: os.system`` would be a
command. So before anything that a configuration names is imported, its package is looked at, and before
anything is made, it must be a class, of a kind that a run is put together from.

One trusts others by ``--trust MODULE``, by a line in the file that `user_file` names, or by importing them in
a script of one's own that calls `cli.main.main`. ``--trust pickle`` lets a checkpoint be read that is a
pickle, which may run any code.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.reading import read_text

LIBRARIES = ("torch", "lightning", "pytorch_lightning", "torchmetrics", "transformers", "lit_curriculum")
"""Packages whose classes any configuration may name."""

PICKLE = "pickle"
"""What ``--trust`` names to have pickles read."""

# They fetch, compile, load or start code, and a type that wants some callable would take them.
_NEVER = (
    "torch.classes",
    "torch.distributed.launcher",
    "torch.distributed.run",
    "torch.hub",
    "torch.jit",
    "torch.load",
    "torch.multiprocessing",
    "torch.ops",
    "torch.package",
    "torch.serialization",
    "torch.utils.cpp_extension",
    "lightning.pytorch.cli.LightningCLI",
)
_PICKLE_VARIABLE = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
_allowed_before: set[str] = set()


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Take ``--trust MODULE`` and ``--trust=MODULE`` out of command-line words.

    Returns:
        The other words, and the names.

    Raises:
        UsageError: for a name that is no dotted module name.
    """
    others: list[str] = []
    names: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--trust":
            names.append(next(rest, ""))
        elif word.startswith("--trust="):
            names.append(word.removeprefix("--trust="))
        else:
            others.append(word)
    check_names(names)
    return others, names


def check_names(names: Iterable[str], key: str = "--trust") -> None:
    """Check names of modules.

    Raises:
        UsageError: for what is none.
    """
    for name in names:
        if not all(part.isidentifier() for part in name.split(".")):
            raise bad_value(key, name, f"the name of a module, e.g. my_models, or {PICKLE}")


def user_file() -> Path:
    """Return the file whose lines are trusted names: ``$XDG_CONFIG_HOME/lit_curriculum/trusted``."""
    folder = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return Path(folder) / "lit_curriculum" / "trusted"


def all_names(given: Iterable[str]) -> list[str]:
    """Return what is trusted: the given names, the user's file, and what the user's script has imported.

    Raises:
        UsageError: if the file cannot be read or has a line that is no module's name.
    """
    path = user_file()
    lines = read_text(path, "trusted").splitlines() if path.is_file() else []
    from_file = [line for line in (line.split("#")[0].strip() for line in lines) if line]
    check_names(from_file, str(path))
    return list(dict.fromkeys([*given, *from_file, *_imported_by_script()]))


def enforce(names: Iterable[str]) -> None:
    """Let configurations import from `LIBRARIES` and these modules alone, from now on in this process.

    Modules that lie in the working directory are found there.
    """
    from jsonargparse import set_parsing_settings

    own = {name for name in names if name != PICKLE and name not in LIBRARIES}
    set_parsing_settings(
        import_path_denylist=["*", *_NEVER, *sorted(_allowed_before - own)],
        import_path_allowlist=[*LIBRARIES, *sorted(own)],
        # A value of any type stays what it is: no class is made where none was asked for.
        instantiate_subclass_spec_in_any=False,
        # Lightning lets configurations be fetched from the net.
        config_read_mode_fsspec_enabled=False,
    )
    _allowed_before.clear()
    _allowed_before.update(own)
    here = os.getcwd()
    for top in {name.partition(".")[0] for name in own} - sys.modules.keys():
        if here not in sys.path and find_spec(top) is None and _lies_in(here, top):
            sys.path.append(here)  # last, so that nothing in it stands in for a library


def check_classes(settings: Any, names: Sequence[str], key: str = "") -> None:
    """Check every class that parsed settings name; nothing has been made of them yet.

    Args:
        settings: nested namespaces, dicts and lists.
        names: what is trusted beside `LIBRARIES`.
        key: where the settings stand.

    Raises:
        UsageError: for a function, or a library's class that no part of a run is made from.
    """
    inner = vars(settings) if hasattr(settings, "__dict__") and not callable(settings) else settings
    if isinstance(inner, dict):
        path = inner.get("class_path")
        if isinstance(path, str):
            _check_class(path, names, key)
        for name, value in inner.items():
            below = key if name == "init_args" else f"{key}.{name}" if key else str(name)
            check_classes(value, names, below)
    elif isinstance(inner, list | tuple):
        for value in inner:
            check_classes(value, names, key)


def check_pickles(weights_only: bool | None, names: Sequence[str]) -> None:
    """Refuse to read checkpoints as pickles, which may run any code.

    Args:
        weights_only: the option beside ``ckpt_path``; None for the safe default.
        names: what is trusted.

    Raises:
        UsageError: unless ``pickle`` is trusted, naming the option or the environment variable.
    """
    if PICKLE in names:
        return
    how = f"(a pickle may run any code; to read one that you made: --trust {PICKLE})"
    if weights_only is False:
        raise bad_value("weights_only", weights_only, f"true, or null {how}")
    if os.environ.get(_PICKLE_VARIABLE, "0").lower() in ("1", "y", "yes", "true"):
        raise bad_value(_PICKLE_VARIABLE, os.environ[_PICKLE_VARIABLE], f"unset {how}")


def refusal(key: str, path: str) -> str:
    """Return the line about a class path from a package that nobody trusts."""
    if path.startswith(tuple(f"{name}." for name in LIBRARIES)):
        return f"{key}: got {path!r}, which can load or start code; allowed: classes that a run is made of"
    libraries = ", ".join(name for name in LIBRARIES if name not in ("pytorch_lightning", "lit_curriculum"))
    top = path.partition(".")[0]
    return f"{key}: got {path!r}; allowed: classes of {libraries}, this suite's; for your own: --trust {top}"


def _check_class(path: str, names: Sequence[str], key: str) -> None:
    from jsonargparse._util import import_object

    if any(path == name or path.startswith(f"{name}.") for name in names):
        return
    try:
        found = import_object(path)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"{key}: got {path!r}, which cannot be imported ({error})") from error
    if not inspect.isclass(found):
        raise UsageError(f"{key}: got {path!r}, which is no class; allowed: a class")
    if not found.__module__.startswith("lit_curriculum.") and not issubclass(found, tuple(_kinds())):
        kinds = ", ".join(kind.__name__ for kind in _kinds())
        raise UsageError(f"{key}: got {path!r}; allowed: a class that is one of {kinds}")


def _kinds() -> Iterator[type]:
    """What a run is put together from."""
    from lightning.fabric.plugins import CheckpointIO, ClusterEnvironment
    from lightning.fabric.plugins import Precision as FabricPrecision
    from lightning.pytorch import Callback, LightningDataModule
    from lightning.pytorch.accelerators import Accelerator
    from lightning.pytorch.loggers import Logger
    from lightning.pytorch.plugins import LayerSync
    from lightning.pytorch.profilers import Profiler
    from lightning.pytorch.strategies import Strategy
    from torch.nn import Module
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

    yield from (Module, LightningDataModule, Optimizer, LRScheduler, Callback, Logger, Profiler)
    yield from (Accelerator, Strategy, ClusterEnvironment, CheckpointIO, FabricPrecision, LayerSync)


def _imported_by_script() -> list[str]:
    """Return the top-level modules that the user's script has brought: its own files, and what it names."""
    script = vars(sys.modules["__main__"]) if "__main__" in sys.modules else {}
    # A sweep asks once a run; only new modules or new names of the script change the answer.
    return list(_brought(len(sys.modules), len(script)))


@functools.lru_cache(maxsize=1)
def _brought(*stamp: int) -> list[str]:
    script = list(vars(sys.modules["__main__"]).values()) if "__main__" in sys.modules else []
    named = {str(getattr(v, "__module__", None) or getattr(v, "__name__", "")) for v in script}
    tops = {name.partition(".")[0] for name in named}
    places = [sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib", "platstdlib")]
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and not file.startswith(tuple(places)) and "site-packages" not in file:
            tops.add(name.partition(".")[0])
    own = {top for top in tops if top not in sys.stdlib_module_names and top not in LIBRARIES}
    return sorted(top for top in own if top.isidentifier() and top in sys.modules and top != "jsonargparse")


def _lies_in(folder: str, module: str) -> bool:
    return os.path.isfile(os.path.join(folder, f"{module}.py")) or os.path.isdir(os.path.join(folder, module))
