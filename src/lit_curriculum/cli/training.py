"""``lit fit | validate | test | predict``: LightningCLI, plus what a run folder needs."""

from __future__ import annotations

import argparse
import inspect
import json
import logging
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path
from typing import Any, cast

import lightning
import torch
import yaml
from jsonargparse import ArgumentError
from lightning import Trainer
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_info
from safetensors.torch import save_file

# Short class names need their classes loaded.
import lit_curriculum.experiments.bit_subset_parity
import lit_curriculum.experiments.circuits
import lit_curriculum.experiments.elman
import lit_curriculum.experiments.hierarchical_parity
import lit_curriculum.experiments.lego
import lit_curriculum.experiments.parity_mixture
import lit_curriculum.experiments.pcfg_bert
import lit_curriculum.experiments.programs
import lit_curriculum.experiments.sparse_parity
import lit_curriculum.experiments.sum_and_parity  # noqa: F401
from lit_curriculum import callbacks as shipped_callbacks
from lit_curriculum.callbacks import ExactResume, SwapTeacher
from lit_curriculum.callbacks.stop_request import StopRequest
from lit_curriculum.callbacks.stop_when_learned import ended_early
from lit_curriculum.cli import trainer_options, trust
from lit_curriculum.cli.config_files import ConfigFile
from lit_curriculum.cli.failures import in_one_line, of_a_device
from lit_curriculum.cli.finish import FinishRun
from lit_curriculum.cli.messages import one_line
from lit_curriculum.cli.quiet import quieten
from lit_curriculum.cli.signals import GracefulStop, end_with_parent
from lit_curriculum.cli.weights import LAST, differences, load_weights, with_config_of_run
from lit_curriculum.cli.words import check_path, check_words, expand_home, lists_as_overlays
from lit_curriculum.distillation import Strategy
from lit_curriculum.errors import RunStopped, UsageError, bad_value
from lit_curriculum.experiments.base import STATE, CurriculumModule
from lit_curriculum.experiments.base_data import CurriculumData
from lit_curriculum.files import write_with
from lit_curriculum.models import count_parameters
from lit_curriculum.runs import identity, provenance
from lit_curriculum.runs.checkpoints import check_continues, read_checkpoint
from lit_curriculum.runs.configs import scale_of
from lit_curriculum.runs.folder import RunFolder, default_run_dir
from lit_curriculum.runs.lease import FolderInUse, Lease
from lit_curriculum.runs.metrics_csv import MetricsCSV
from lit_curriculum.sealed import verify_sealed
from lit_curriculum.tables import RunTables, checked

_PARSER: dict[str, Any] = {"exit_on_error": False, "allow_abbrev": False}
_TOP_KEYS = ("model", "data", "trainer", "run_dir", "ckpt_path")


class CurriculumCLI(LightningCLI):
    """LightningCLI in subclass mode, with run folders, exact resume and one-line errors.

    What the user writes wins: hyper-parameters inside a checkpoint never override the YAML or the command
    line. Everything that can be wrong is checked before the first file is written.
    """

    folder: RunFolder
    resume_step: int | None = None

    def __init__(self, arguments: Sequence[str], run: bool = True, trusted: Sequence[str] = ()) -> None:
        self._execute = run
        self._resources = ExitStack()
        self._trusted = trusted
        super().__init__(
            CurriculumModule,
            CurriculumData,
            subclass_mode_model=True,
            subclass_mode_data=True,
            save_config_callback=None,
            seed_everything_default=False,
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
            trainer_defaults={
                "max_epochs": 1,
                "num_sanity_val_steps": 0,
                "use_distributed_sampler": False,
                "enable_model_summary": False,
            },
            parser_kwargs={**_PARSER, **{command: dict(_PARSER) for command in self.subcommands()}},
            args=list(arguments),
        )

    # --- what differs from LightningCLI -------------------------------------------------------------

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """Make the parser, with the suite's own reading of configurations."""
        header = [f"lightning.pytorch=={lightning.__version__}"]
        parser = self.parser_class(**{"dump_header": header, **kwargs})
        parser.add_argument("-c", "--config", action=ConfigFile, help="YAML file; later ones overlay")
        return parser

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add --run_dir."""
        parser.add_argument("--run_dir", type=str, default=None, help="folder of the run")

    def _prepare_subcommand_parser(
        self, klass: type, subcommand: str, **kwargs: Any
    ) -> LightningArgumentParser:
        parser = super()._prepare_subcommand_parser(klass, subcommand, **kwargs)
        if subcommand != "fit":
            help_ = "evaluate the harvested checkpoint of this step (default: --ckpt_path last)"
            parser.add_argument("--step", type=int, default=None, help=help_)
        return parser

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse, and refuse a seed for everything: every random number here has a seed of its own."""
        super().parse_arguments(parser, args)
        options = expand_home(self.config[self.config.subcommand])
        for key in ("run_dir", "ckpt_path", "trainer.default_root_dir"):
            check_path(key, options.get(key))
        if options.seed_everything is not False:
            allowed = "nothing; data.data_seed and model.model_seed are a run's seeds"
            raise bad_value("seed_everything", options.seed_everything, allowed)

    def before_instantiate_classes(self) -> None:
        """Check what the settings name and ask of Trainer, before any object is made of them."""
        options = self.config[self.subcommand]
        trust.check_classes(options, self._trusted)
        trust.check_pickles(options.get("weights_only"), self._trusted)
        trainer_options.check_options(options.trainer)

    @property
    def notes(self) -> list[str]:
        """What the configuration files do that may not be meant, a line each."""
        return getattr(self._parser(self.subcommand), "notes", [])

    def _parse_ckpt_path(self) -> None:
        """Do nothing: a checkpoint's hyper-parameters must not override what the user wrote."""

    def instantiate_trainer(self, **kwargs: Any) -> Any:
        """Make the trainer of a run folder: loggers, exact resume, no default checkpoints."""
        options = self.config[self.subcommand]
        self.trial = self.subcommand == "fit" and bool(options.trainer.fast_dev_run)
        self.folder = RunFolder(self._nowhere() if self.trial else _run_dir(options))
        kwargs["default_root_dir"] = str(self.folder.path)
        if self.subcommand == "fit":
            callbacks = list(self.config_init[self.subcommand].trainer.callbacks or [])
            if not any(isinstance(callback, ExactResume) for callback in callbacks):
                callbacks.append(ExactResume())
            kwargs["callbacks"] = callbacks
        if SLURMEnvironment.detect():
            # Lightning's own requeueing writes a second checkpoint, which is later loaded without a word.
            plugins = self.config_init[self.subcommand].trainer.plugins or []
            plugins = plugins if isinstance(plugins, list) else [plugins]
            if not any(isinstance(plugin, ClusterEnvironment) for plugin in plugins):
                kwargs["plugins"] = [*plugins, SLURMEnvironment(auto_requeue=False)]
        # Loggers open files when they are made; a run's loggers are added once everything is checked.
        self._wanted_logger = options.trainer.logger
        kwargs["logger"] = False
        try:
            return super().instantiate_trainer(**kwargs)
        except (TypeError, ValueError, MisconfigurationException) as error:
            raise UsageError(f"trainer: {' '.join(str(error).split())}") from error

    def _run_subcommand(self, subcommand: str) -> None:
        with self._resources:
            if self._execute:
                super()._run_subcommand(subcommand)

    def _nowhere(self) -> Path:
        """Return a folder that is gone when the command ends."""
        return Path(self._resources.enter_context(tempfile.TemporaryDirectory())) / "run"

    # --- fit ----------------------------------------------------------------------------------------

    @property
    def settings(self) -> dict[str, Any]:
        """The resolved configuration as plain data; the run's own checkpoint is no part of it."""
        settings = cast(dict[str, Any], yaml.safe_load(self._config_text()))
        if settings.get("ckpt_path") is not None and self._is_own(str(settings["ckpt_path"])):
            settings["ckpt_path"] = None
        return settings

    def _is_own(self, checkpoint: str) -> bool:
        own = self.folder.checkpoint.resolve()
        return checkpoint == LAST or Path(checkpoint).expanduser().resolve() == own

    def _config_text(self) -> str:
        parser = self._parser(self.subcommand)
        return cast(str, parser.dump(self.config[self.subcommand], skip_none=False))

    def preflight(self) -> None:
        """Check everything that can be wrong before anything is written.

        Raises:
            UsageError: naming the setting.
        """
        trainer, data, module = self.trainer, self.datamodule, self.model
        assert isinstance(data, CurriculumData)
        assert isinstance(module, CurriculumModule)
        trainer_options.check_trainer(trainer, module, self.config_init[self.subcommand].trainer)
        data.check_devices(trainer.world_size, trainer.accumulate_grad_batches)
        module.check_data(data)
        for callback in self._callbacks(SwapTeacher):
            if not module.teachable:
                name = type(module).__name__
                raise bad_value("trainer.callbacks", "SwapTeacher", f"none of it, {name} has no teachers")
            callback.plan(data)

    def before_fit(self) -> None:
        """Check, take the run folder, and attach what writes to it."""
        self.preflight()
        for note in self.notes:
            rank_zero_info(note)
        settings = self.settings
        state = self.folder.state(settings)
        self.finished_before = state == "finished"
        if self.finished_before:
            return
        self.resume_step = self._check_start(state, settings)
        request = StopRequest()
        if self.trainer.is_global_zero:
            lease = Lease.take(self.folder.path)
            self._resources.callback(lease.release)
            request.failure = lambda: lease.lost
            if self.folder.state(settings) != state:
                raise FolderInUse(
                    f"run_dir: {str(self.folder.path)!r} was written to by another process just now; "
                    "allowed: the same command again"
                )
        else:
            end_with_parent()
        self._begin(settings, state)
        for callback in self._callbacks(ExactResume):
            callback.stop_request = request
        stop = GracefulStop(request)
        self.trainer.callbacks.append(stop)  # type: ignore[attr-defined]
        self._resources.enter_context(stop.installed(self.trainer))

    def _check_start(self, state: str, settings: dict[str, Any]) -> int | None:
        """Check where the run goes on or begins; return the step, or None for a run from scratch.

        Raises:
            UsageError: if the checkpoint, or a table that it knows, is not what it was.
        """
        given = settings.get("ckpt_path")
        if state == "resume":
            # Also a run that began from another's checkpoint goes on from its own.
            self.folder.verify_checkpoint()
            content = read_checkpoint(self.folder.checkpoint)
            for table, mark in (content.get("tables") or {}).items():
                checked(self.folder.path / table, mark)
            start = self.folder.checkpoint
        elif given is not None:
            start = Path(given).expanduser()
            verify_sealed(start, "ckpt_path", required=False)
            content = read_checkpoint(start)
            check_continues(start, content, settings)
        else:
            self.config_init["fit"].ckpt_path = None
            return None
        self.config_init["fit"].ckpt_path = str(start)
        return int(content[STATE]["step"])

    def _begin(self, settings: dict[str, Any], state: str) -> None:
        digest = identity.config_hash(settings)
        seeds = self.datamodule.data_seed, self.model.model_seed
        record = provenance.collect(digest, self.trainer.strategy.root_device.type, *seeds)
        self.model.identity = {"config_hash": digest, "commit": record["commit"]}
        self.model.settings = json.dumps(identity.results_settings(settings), sort_keys=True)
        if self.trainer.is_global_zero:
            self.folder.begin(self._config_text(), record)
        self._attach_loggers()
        self._announce(state)

    def fit(self, **kwargs: Any) -> None:
        """Train, unless the folder's run is finished already.

        Raises:
            RunStopped: if the run ended before its time and can go on.
            RunFailed: if it cannot.
        """
        if self.finished_before:
            rank_zero_info(f"{self.folder.path}: this run is finished already; nothing to do")
            return
        try:
            self._train(**{**kwargs, "ckpt_path": self.config_init["fit"].ckpt_path})
        except RunStopped as error:
            raise RunStopped(f"{self.folder.path}: {error}") from error
        except Exception as error:
            cause = of_a_device(error)
            self._note_failure(cause)
            if cause is error:
                raise
            raise cause from error
        if self.trial:
            rank_zero_info("fast_dev_run: the run works; nothing was kept")
        elif not self._finished:
            raise RunStopped(f"{self.folder.path}: stopped before its end; the same command goes on")

    def _train(self, **kwargs: Any) -> None:
        finish = FinishRun(self.folder, self.resume_step)
        if self.resume_step != self.datamodule.num_steps:
            self.trainer.callbacks.append(finish)  # type: ignore[attr-defined]
            self.trainer.fit(**kwargs)
            return
        self.model.step = self.resume_step  # killed between its last checkpoint and its last line
        if self.trainer.is_global_zero:
            self.model.tables.resume(self.model.step, read_checkpoint(self.folder.checkpoint).get("tables"))
            finish.record(self.trainer, self.model, self.datamodule, 0.0)

    @property
    def _finished(self) -> bool:
        if self.trainer.is_global_zero:
            return self.folder.finished  # also where the processes that trained were others
        return ended_early(self.trainer) or self.model.step >= self.datamodule.num_steps

    def _note_failure(self, cause: BaseException) -> None:
        if self.trainer.is_global_zero:
            # What cannot be noted, on a full disk for one, is told all the same: the exception goes on.
            with suppress(OSError, UsageError):
                self.folder.fail(in_one_line(cause))

    # --- validate, test, predict --------------------------------------------------------------------

    def _choose_weights(self) -> None:
        """Load the weights that are to be looked at, and say which."""
        options = self.config_init[self.subcommand]
        self.model.check_data(self.datamodule)
        self.weights = load_weights(self.model, self.folder, options.ckpt_path, options.step)
        options.ckpt_path = None
        rank_zero_info(f"weights: {self.weights}")
        other = differences(self.folder, self.settings)
        if other is not None:
            rank_zero_info(f"note: evaluated with {other}")

    def before_validate(self) -> None:
        """Load the weights."""
        self._choose_weights()

    def before_test(self) -> None:
        """Load the weights."""
        self._choose_weights()

    def before_predict(self) -> None:
        """Load the weights."""
        self._choose_weights()

    def predict(self, **kwargs: Any) -> None:
        """Write class probabilities and labels of the test stream to ``predictions.safetensors``."""
        batches = cast(list[dict[str, torch.Tensor]], self.trainer.predict(**kwargs))
        joined = {name: torch.cat([batch[name] for batch in batches]).contiguous() for name in batches[0]}
        path = self.folder.path / "predictions.safetensors"
        write_with(path, lambda temporary: save_file(joined, temporary))
        rank_zero_info(f"{path}: {len(joined['labels'])} rows")

    def after_validate(self) -> None:
        """Print the metrics of ``lit validate``."""
        self._print_metrics()

    def after_test(self) -> None:
        """Print the metrics of ``lit test``."""
        self._print_metrics()

    def _print_metrics(self) -> None:
        if self.trainer.is_global_zero:
            for name, value in sorted(self.trainer.callback_metrics.items()):
                print(f"{name}: {float(value):.6g}")

    def _attach_loggers(self) -> None:
        self.model.tables = RunTables(self.folder.path)
        loggers: list[Logger] = [MetricsCSV(self.model.tables)]
        wanted = self.config_init["fit"].trainer.logger
        if isinstance(wanted, Logger):
            loggers.append(wanted)
        elif isinstance(wanted, list):
            loggers += wanted
        elif wanted is None or wanted is True:
            # Events beyond the checkpoint are purged, so that a resumed curve has no double points.
            purge = self.resume_step + 1 if self.resume_step is not None else None
            loggers.append(TensorBoardLogger(str(self.folder.path), name="", version="", purge_step=purge))
        self.trainer.loggers = loggers

    def _announce(self, state: str) -> None:
        going = f"resuming at step {self.resume_step:,}" if self.resume_step else "new run"
        rank_zero_info(
            f"{self.folder.path}: {going}, {count_parameters(self.model.model):,} parameters, "
            f"{self.datamodule.num_steps:,} steps of {self.datamodule.batch_size} samples{self._scale()}"
        )

    def _scale(self) -> str:
        scale = scale_of([str(path) for path in self.config[self.subcommand].config or []])
        return f", {scale} scale" if scale else ""

    def _callbacks(self, kind: type[Any]) -> list[Any]:
        callbacks = self.trainer.callbacks  # type: ignore[attr-defined]
        return [callback for callback in callbacks if isinstance(callback, kind)]


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
        # What a constructor raises comes wrapped in the parser's own account of all it tried.
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, UsageError):
            cause = cause.__cause__ or cause.__context__
        raise cause or error from None


def nameable_classes() -> list[type]:
    """Return the classes of this suite that a YAML can name."""
    found: list[type] = [getattr(shipped_callbacks, name) for name in shipped_callbacks.__all__]
    pending: list[type] = [CurriculumModule, CurriculumData, Strategy]
    while pending:
        subclasses: list[type] = pending.pop().__subclasses__()
        pending += subclasses
        found += [cls for cls in subclasses if not cls.__name__.startswith("_")]
    return found


def _run_dir(options: Any) -> Path:
    if options.run_dir is not None:
        return Path(options.run_dir).expanduser()
    if options.trainer.default_root_dir is not None:
        return Path(options.trainer.default_root_dir).expanduser()
    return default_run_dir([str(path) for path in options.get("config") or []])


def fit_in_worker(configs: list[str], folder: str, trusted: Sequence[str] = ()) -> None:
    """Train one run of a figure in a worker process, without a progress bar of its own.

    Args:
        configs: files, later ones overlaying earlier ones.
        folder: of the run.
        trusted: names that the process which started this one trusts.
    """
    words = ["fit", *(word for config in configs for word in ("--config", config))]
    words += [f"--trust={name}" for name in trusted]
    words += ["--run_dir", folder, "--trainer.enable_progress_bar=false", "--trainer.logger=false"]
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    parse_and_run(words)
