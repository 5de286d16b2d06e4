"""What Lightning's own callbacks and loggers do here: honoured, or refused with what to use instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from lightning.pytorch import callbacks as theirs
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger, WandbLogger

from lit_curriculum.errors import UsageError, bad_value


@dataclass(frozen=True)
class Part:
    """A callback or logger.

    Attributes:
        honoured: whether a run may have it.
        text: what it does here, or what to use instead.
        package: what must be installed for it, as pip calls it; empty for nothing.
        module: how Python calls the package.
    """

    honoured: bool
    text: str
    package: str = ""
    module: str = ""


def _yes(text: str, package: str = "", module: str = "") -> Part:
    return Part(True, text, package, module or package)


def _no(instead: str) -> Part:
    return Part(False, instead)


_ONE_EPOCH = "it counts epochs, and a run is one"
_BATCH = "data.batch_size is the global batch; trainer.accumulate_grad_batches divides it"
_WEIGHTS = "HarvestCheckpoints keeps weights, ExactResume what a run goes on from"
_AVERAGES = "it would change which weights are evaluated and harvested"

CALLBACKS: dict[str, Part] = {
    "BackboneFinetuning": _no(_ONE_EPOCH),
    "BaseFinetuning": _no(_ONE_EPOCH),
    "BasePredictionWriter": _yes("a base for your own"),
    "BatchSizeFinder": _no(_BATCH),
    "Callback": _yes("a base for your own"),
    "Checkpoint": _yes("a base for your own"),
    "DeviceStatsMonitor": _yes("to loggers other than metrics.csv", "psutil"),
    "EMAWeightAveraging": _no(_AVERAGES),
    "EarlyStopping": _no("StopWhenLearned, whose end is that of a finished run"),
    "GradientAccumulationScheduler": _no(_BATCH),
    "LambdaCallback": _no("a callback class of your own; a checkpoint cannot hold functions"),
    "LearningRateFinder": _no("lit sweep over the learning rate, on seeds that are not reported"),
    "LearningRateMonitor": _yes("to loggers other than metrics.csv"),
    "ModelCheckpoint": _no(_WEIGHTS),
    "ModelPruning": _no(_AVERAGES),
    "ModelSummary": _yes("printed"),
    "OnExceptionCheckpoint": _no(_WEIGHTS),
    "ProgressBar": _yes("a base for your own"),
    "RichModelSummary": _yes("printed"),
    "RichProgressBar": _yes("instead of the default one"),
    "SpikeDetection": _no("a run that is no longer finite stops by itself"),
    "StochasticWeightAveraging": _no(_AVERAGES),
    "TQDMProgressBar": _yes("the default"),
    "ThroughputMonitor": _no("provenance.json has samples_per_second"),
    "Timer": _yes("as trainer.max_time"),
    "WeightAveraging": _no(_AVERAGES),
}

LOGGERS: dict[str, Part] = {
    "CSVLogger": _no("metrics.csv is written in any case, and survives a resume"),
    "CometLogger": _yes("beside metrics.csv", "comet-ml", "comet_ml"),
    "LitLogger": _yes("beside metrics.csv", "litlogger"),
    "Logger": _yes("a base for your own"),
    "MLFlowLogger": _yes("beside metrics.csv", "mlflow"),
    "TensorBoardLogger": _yes("beside metrics.csv; the default, in the run folder"),
    "WandbLogger": _yes("beside metrics.csv", "wandb"),
}


def check_callbacks(callbacks: Iterable[Callback]) -> None:
    """Check a trainer's callbacks.

    Raises:
        UsageError: for one of Lightning's that is refused or whose package is missing, or one of its heirs.
    """
    for callback in callbacks:
        for name, part in CALLBACKS.items():
            if isinstance(callback, getattr(theirs, name)):
                _check("trainer.callbacks", type(callback).__name__, part)


def check_loggers(wanted: Any) -> None:
    """Check the loggers that a configuration names, before they are made: some open files or connections.

    Args:
        wanted: the resolved option ``trainer.logger``.

    Raises:
        UsageError: for one that is refused, or whose package is missing.
    """
    for logger in wanted if isinstance(wanted, list) else [wanted]:
        path = str(getattr(logger, "class_path", ""))
        name = path.rpartition(".")[2]
        if name in LOGGERS and path.startswith(("lightning.", "pytorch_lightning.")):
            _check("trainer.logger", name, LOGGERS[name])


def keep_ids(loggers: Iterable[Logger], run_id: str) -> None:
    """Give loggers without an id of their own the run's, so that a resumed run goes on as the same one there.

    Args:
        loggers: made, but not begun.
        run_id: `runs.folder.RunFolder.run_id`; an empty one changes nothing.
    """
    for logger in loggers:
        if isinstance(logger, WandbLogger) and logger.version is None and run_id:
            # Made from YAML before the folder is known. WANDB_RUN_ID is read once a process, and a worker of
            # a sweep trains many runs.
            logger._wandb_init["id"] = logger._id = run_id


def _check(key: str, name: str, part: Part) -> None:
    if not part.honoured:
        raise bad_value(key, name, f"not this one: {part.text}")
    # A folder of that name, e.g. one of earlier runs, looks like a package, but comes from no file.
    if part.package and getattr(find_spec(part.module), "origin", None) is None:
        raise UsageError(
            f"{key}: {name} needs the package {part.package}, which is not installed: "
            f"pip install {part.package}"
        )
