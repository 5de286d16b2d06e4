"""What every option of Lightning's Trainer does here: honoured, or refused before anything is written.

A run's length, batches, evaluations and checkpoints are declared by ``data`` and by the suite's callbacks, so
that they are the same on any number of devices and after any number of interruptions. Options that would
change them beside that are refused. `docs/trainer_options.md` is written from these tables.
"""

from __future__ import annotations

import inspect
import math
import os
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from lightning.fabric.plugins import ClusterEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Timer
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from lightning.pytorch.strategies.single_xla import SingleDeviceXLAStrategy

from lit_curriculum.callbacks.time_limit import TimeLimit
from lit_curriculum.cli.trainer_parts import check_callbacks, check_loggers
from lit_curriculum.errors import UsageError, bad_value

Verdict = Literal["honoured", "within limits", "refused"]
_PRECISIONS = ("32-true", "64-true", "bf16-true", "bf16-mixed", "16-mixed")
_NAMES_OF_32 = (None, "32-true", "32", 32)


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        verdict: what becomes of it.
        text: what it does here, or why it is refused and what to set instead.
        allowed: whether a value may be given; None for any that Trainer takes.
        values: how the allowed values are called in an error.
    """

    verdict: Verdict
    text: str
    allowed: Callable[[Any], bool] | None = None
    values: str = ""


def _honoured(text: str) -> Option:
    return Option("honoured", text)


def _within(text: str, allowed: Callable[[Any], bool], values: str) -> Option:
    return Option("within limits", text, allowed, values)


def _refused(text: str, *neutral: Any) -> Option:
    """Return an option of which only these values, with which it does nothing, may be written."""

    def allowed(value: Any) -> bool:
        return any(value is one or (value == one and type(value) is type(one)) for one in neutral)

    shown = " or ".join("null" if value is None else str(value).lower() for value in neutral)
    return Option("refused", text, allowed, f"{shown}; {text}")


def _positive(value: Any) -> bool:
    return value is None or (not isinstance(value, bool) and 0 <= value < math.inf)


def _lasts(value: Any) -> bool:
    """Tell whether a time is more than none: with none, no start would ever make a step."""
    if isinstance(value, str):
        parts = value.split(":")
        return len(parts) == 4 and all(part.isdigit() for part in parts) and any(map(int, parts))
    as_time = timedelta(**value) if isinstance(value, dict) else value
    return isinstance(as_time, timedelta) and as_time > timedelta(0)


OPTIONS: dict[str, Option] = {
    "accelerator": _within(
        "where a run computes", lambda value: value not in ("tpu", "xla"), "auto, cpu, gpu, cuda or mps"
    ),
    "strategy": _honoured(
        "one device, or DDP in its variants; sharded strategies are refused, they harvest in pieces"
    ),
    "devices": _honoured("devices divide the declared global batch"),
    "num_nodes": _honoured("as devices"),
    "precision": _within(
        "some experiments are made for less: batch-1 SGD has 32-true and 64-true",
        lambda value: value in (*_NAMES_OF_32, *_PRECISIONS),
        ", ".join(_PRECISIONS),
    ),
    "logger": _honoured(
        "false, or loggers beside metrics.csv, which is always written; TensorBoard if unset"
    ),
    "callbacks": _honoured("see the table of callbacks"),
    "fast_dev_run": _honoured("a few batches, to see that everything runs"),
    "max_epochs": _refused("data.num_steps is the length of a run", 1),
    "min_epochs": _refused("data.num_steps is the length of a run", None),
    "max_steps": _refused("data.num_steps is the length of a run", -1),
    "min_steps": _refused("data.num_steps is the length of a run", None),
    "max_time": _within(
        "stops the run, which stays unfinished: exit 75, run the same command again to go on",
        lambda value: value is None or _lasts(value),
        "null, or a time of more than 0 as DD:HH:MM:SS, or as a dict of timedelta's arguments",
    ),
    "limit_train_batches": _refused("data.num_steps is the length of a run", None, 1.0),
    "limit_val_batches": _refused("data.eval_samples is the size of a held-out set", None, 1.0),
    "limit_test_batches": _refused("data.eval_samples is the size of a held-out set", None, 1.0),
    "limit_predict_batches": _refused("data.eval_samples is the size of a held-out set", None, 1.0),
    "overfit_batches": _refused("training and held-out splits never share a sample", 0, 0.0),
    "val_check_interval": _refused("data.eval_every is the spacing of evaluations", None, 1.0),
    "check_val_every_n_epoch": _refused("data.eval_every is the spacing of evaluations", 1),
    "num_sanity_val_steps": _refused("lit check finds what it would, and it would write a row for step 0", 0),
    "log_every_n_steps": _within(
        "for callbacks that log by themselves, such as LearningRateMonitor; not for metrics.csv",
        lambda value: value is None or value >= 1,
        "an integer of at least 1, or null",
    ),
    "enable_checkpointing": _refused("a run must be resumable", None, True),
    "enable_progress_bar": _honoured("on or off"),
    "enable_model_summary": _honoured("off unless set"),
    "accumulate_grad_batches": _within(
        "divides the declared global batch; 1 where a module makes its own updates (batch-1 SGD)",
        lambda value: value >= 1,
        "an integer of at least 1",
    ),
    "gradient_clip_val": _within(
        "null where a module makes its own updates (batch-1 SGD), and with 16-mixed",
        _positive,
        "a finite number >= 0, or null",
    ),
    "gradient_clip_algorithm": _within(
        "goes with gradient_clip_val", lambda value: value in (None, "norm", "value"), "norm, value, or null"
    ),
    "deterministic": _honoured("runs on one machine are bit-identical without it"),
    "benchmark": _honoured("as torch.backends.cudnn.benchmark"),
    "inference_mode": _honoured("evaluate under inference_mode, or under no_grad"),
    "use_distributed_sampler": _refused("the data divide their batches themselves", False),
    "profiler": _within(
        "simple, advanced, pytorch, or a profiler's class",
        lambda value: value != "xla",
        "simple, advanced, pytorch, or a profiler's class",
    ),
    "detect_anomaly": _honoured("slow"),
    "barebones": _refused("a run keeps its metrics and checkpoints", False),
    "plugins": _honoured(
        "cluster environments; others are refused: checkpoints are the suite's own, see precision"
    ),
    "sync_batchnorm": _honoured("for modules of your own; the suite's have no batch normalization"),
    "reload_dataloaders_every_n_epochs": _refused("a run is one epoch", 0),
    "default_root_dir": _honoured("the run folder, unless run_dir is given"),
    "enable_autolog_hparams": _honoured("config.yaml holds the settings in any case"),
    "model_registry": _refused("weights are harvested into the run's bank", None),
}


def explain(parser: ArgumentParser) -> None:
    """Let a parser's help say what Lightning's options do here, and what is read before it."""
    own = {
        "ckpt_path": "checkpoint to begin from, or to look at; last and best are those of the run's folder",
        "weights_only": "null or true; false reads pickles, which needs --trust pickle",
    }
    for action in parser._actions:
        section, _, name = action.dest.rpartition(".")
        option = OPTIONS.get(name) if section == "trainer" else None
        if option is not None and option.verdict == "refused":
            action.help = f"refused: {option.text}"
        elif action.dest in own:
            action.help = own[action.dest]
    parser.epilog = (
        "--trust MODULE lets a configuration name your own classes; may be repeated. --debug shows "
        "tracebacks. docs/trainer_options.md has every option of Trainer, callbacks and loggers; "
        "docs/reference/configuration.md every key of the suite's classes."
    )


def check_options(options: Any) -> None:
    """Check the values of Trainer's options, before a Trainer is made.

    Args:
        options: the resolved ``trainer`` section, option -> value.

    Raises:
        UsageError: naming the option, its value and what to set instead.
    """
    for name in inspect.signature(Trainer).parameters:
        option, value = OPTIONS[name], options.get(name)
        if option.allowed is not None and not option.allowed(value):
            raise bad_value(f"trainer.{name}", value, option.values)
    if options.get("gradient_clip_val") and options.get("precision") == "16-mixed":
        # Fused optimizers unscale inside their kernel, and there is nothing to clip before.
        raise bad_value("trainer.gradient_clip_val", options.get("gradient_clip_val"), "null with 16-mixed")
    check_loggers(options.get("logger"))


def check_trainer(trainer: Trainer, module: LightningModule, options: Any) -> None:
    """Check what can be told only of a made Trainer and its module; let max_time count each start anew.

    Args:
        trainer: the run's.
        module: the run's.
        options: the resolved ``trainer`` section.

    Raises:
        UsageError: naming what does not go together.
    """
    if not module.automatic_optimization:
        name = type(module).__name__
        if options.get("gradient_clip_val"):
            clip = options.get("gradient_clip_val")
            raise bad_value(
                "trainer.gradient_clip_val", clip, f"null with {name}, which makes its own updates"
            )
    _check_strategy(trainer)
    _check_plugins(options.get("plugins"))
    _check_launcher(trainer)
    check_callbacks(trainer.callbacks)  # type: ignore[attr-defined]
    callbacks = trainer.callbacks  # type: ignore[attr-defined]
    callbacks[:] = [TimeLimit.like(c) if type(c) is Timer else c for c in callbacks]


def _check_strategy(trainer: Trainer) -> None:
    strategy = trainer.strategy
    sharded = type(strategy).__module__.rpartition(".")[2] in ("deepspeed", "fsdp", "model_parallel")
    whole = isinstance(strategy, DDPStrategy | SingleDeviceStrategy)
    # What a spawned process would be given cannot be pickled: optimizers as callables, open tables.
    spawned = getattr(strategy, "_start_method", None) == "spawn"
    if sharded or not whole or spawned or isinstance(strategy, SingleDeviceXLAStrategy):
        name = "ddp_spawn" if spawned else type(strategy).__name__
        raise bad_value("trainer.strategy", name, "auto, ddp or ddp_fork")


def _check_plugins(plugins: Any) -> None:
    given = plugins if isinstance(plugins, list) else [] if plugins is None else [plugins]
    for plugin in given:
        path = getattr(plugin, "class_path", None) or getattr(type(plugin), "__name__", plugin)
        if not isinstance(plugin, ClusterEnvironment) and not str(path).endswith("Environment"):
            raise bad_value(
                "trainer.plugins", str(path), "cluster environments; precision: trainer.precision"
            )


def _check_launcher(trainer: Trainer) -> None:
    """Check that a launcher's processes are devices of this run, and not so many runs in one folder."""
    if {"RANK", "WORLD_SIZE"} <= os.environ.keys():
        started, launcher = os.environ["WORLD_SIZE"], "a launcher such as torchrun"
    elif SLURMEnvironment.detect():
        started, launcher = os.environ["SLURM_NTASKS"], "this SLURM job"
    else:
        return
    # Not the world size: that may be what the launcher says.
    if started != str(trainer.num_devices * trainer.num_nodes):
        raise UsageError(
            f"trainer.devices: got {trainer.num_devices} x {trainer.num_nodes} nodes, but "
            f"{launcher} started {started} processes; allowed: as many devices as processes"
        )


def check_slurm() -> None:
    """Check that srun was told how its processes lie on the machines, as Lightning needs to know it.

    Raises:
        UsageError: naming the option of srun.
    """
    tasks = int(os.environ.get("SLURM_NTASKS", "1"))
    if tasks > 1 and "SLURM_NTASKS_PER_NODE" not in os.environ:
        raise UsageError(
            f"SLURM: got --ntasks={tasks} alone; allowed: --nodes=N --ntasks-per-node=K, with N x K processes"
        )
