"""A command line, or a figure's run, as the `CurriculumCLI` that it asks for, its errors in one line."""

from __future__ import annotations

import argparse
import inspect
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from jsonargparse import ArgumentError
from lightning import Trainer

from lit_curriculum import callbacks as shipped_callbacks
from lit_curriculum.cli import trust
from lit_curriculum.cli.messages import one_line, usage_error_in
from lit_curriculum.cli.quiet import quieten
from lit_curriculum.cli.training import CurriculumCLI
from lit_curriculum.cli.weights import with_config_of_run
from lit_curriculum.cli.words import check_words, lists_as_overlays
from lit_curriculum.cli.workers import on_devices
from lit_curriculum.distillation import Strategy
from lit_curriculum.errors import UsageError
from lit_curriculum.runs.configs import shipped
from lit_curriculum.runs.graph import Run
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.base_data import CurriculumData

_TOP_KEYS = ("model", "data", "trainer", "run_dir", "ckpt_path")


def train(arguments: Sequence[str]) -> int:
    """Run a training subcommand and return its exit code.

    Raises:
        UsageError: for anything that is wrong in the arguments or the configuration.
        RunFailed: if the run cannot go on.
        RunStopped: if it was stopped and can go on.
    """
    with with_config_of_run(arguments) if arguments[0] != "fit" else nullcontext(arguments) as words:
        parse_and_run(words)
    return 0


def parse_and_run(arguments: Sequence[str], run: bool = True) -> CurriculumCLI:
    """Build the CLI for ``[subcommand, options...]`` and, unless told otherwise, run it.

    Raises:
        UsageError: for anything that is wrong in the arguments or the configuration.
    """
    quieten()
    words, given = trust.split(arguments)
    check_words(words)
    trusted = trust.all_names(given)
    trust.enforce(trusted)
    try:
        return CurriculumCLI(lists_as_overlays(words), run, trusted)
    except (ArgumentError, argparse.ArgumentError) as error:
        trainer = [f"trainer.{name}" for name in inspect.signature(Trainer).parameters]
        raise UsageError(one_line(str(error), nameable_classes(), [*_TOP_KEYS, *trainer])) from error
    except ValueError as error:
        cause = usage_error_in(error)
        if cause is None and str(error).startswith(("Does not validate", "Parser key")):
            cause = UsageError(one_line(str(error), nameable_classes(), []))
        raise cause or error from None


def parse_run(run: Run, root: Path, trusted: Sequence[str] = (), devices: int = 1) -> CurriculumCLI:
    """Return a figure's or sweep's run as `lit fit` would see it; nothing is trained or written.

    Args:
        run: settings on shipped configurations.
        root: folder of the runs, its teachers' among them.
        trusted: names that configurations may use.
        devices: that it will train on.

    Raises:
        UsageError: for anything that is wrong in its settings.
    """
    words = ["fit", *(f"--trust={name}" for name in trusted), "--run_dir", str(run.folder(root))]
    words += on_devices(devices)
    with tempfile.TemporaryDirectory() as folder:
        overlay = Path(folder) / "overlay.yaml"
        overlay.write_text(run.overlay(root), encoding="utf-8")
        for path in (*map(shipped, run.configs), overlay):
            words += ["--config", str(path)]
        return parse_and_run(words, run=False)


def nameable_classes() -> list[type]:
    """Return the classes of this suite that a YAML can name."""
    found: list[type] = [getattr(shipped_callbacks, name) for name in shipped_callbacks.__all__]
    pending: list[type] = [CurriculumModule, CurriculumData, Strategy]
    while pending:
        subclasses: list[type] = pending.pop().__subclasses__()
        pending += subclasses
        found += [cls for cls in subclasses if not cls.__name__.startswith("_")]
    return found
