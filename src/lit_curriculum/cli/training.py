"""``lit fit | validate | test | predict``: LightningCLI, plus what a run folder needs."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import lightning
import yaml
from jsonargparse import Namespace
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities import rank_zero_info

# Short class names need their classes loaded.
import lit_curriculum.experiments  # noqa: F401
from lit_curriculum.callbacks import ExactResume, SwapTeacher
from lit_curriculum.callbacks.swap_options import check_together
from lit_curriculum.cli import trainer_options, trust
from lit_curriculum.cli.config_files import (
    ConfigFile,
    check_teachers_stay,
    record_classes_beside_paths,
)
from lit_curriculum.cli.fit_run import FitRun
from lit_curriculum.cli.messages import usage_error_in
from lit_curriculum.cli.predictions import WritePredictions
from lit_curriculum.cli.weights import LAST, differences, load_weights
from lit_curriculum.cli.words import CONFIG_HELP, check_path, expand_home
from lit_curriculum.distillation import CheckpointBank
from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.runs.configs import scale_of
from lit_curriculum.runs.folder import RunFolder, default_run_dir
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.base_data import CurriculumData
from lit_curriculum.training.listeners import ChecksData

_PARSER: dict[str, Any] = {"exit_on_error": False, "allow_abbrev": False}
# By subcommand, what `LightningCLI.setup_parser` sets. Building a parser is a third of reading a
# configuration, and a sweep reads hundreds.
_parsers: dict[str, dict[str, Any]] = {}


class CurriculumCLI(LightningCLI):
    """LightningCLI in subclass mode, with run folders, exact resume and one-line errors.

    What the user writes wins: hyper-parameters inside a checkpoint never override the YAML or the command
    line. Everything that can be wrong is checked before the first file is written.
    """

    folder: RunFolder

    def __init__(self, arguments: Sequence[str], run: bool = True, trusted: Sequence[str] = ()) -> None:
        self._command = arguments[0]
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

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """Return the subcommand that is run: a parser takes as long to build as a file to read."""
        return {self._command: LightningCLI.subcommands()[self._command]}

    def setup_parser(
        self, add_subcommands: bool, main_kwargs: dict[str, Any], subparser_kwargs: dict[str, Any]
    ) -> None:
        """Make the parser, once a process for each subcommand; its notes belong to one reading."""
        names = ("parser", "_subcommand_parsers", "_subcommand_method_arguments")
        if self._command not in _parsers:
            super().setup_parser(add_subcommands, main_kwargs, subparser_kwargs)
            _parsers[self._command] = {name: getattr(self, name) for name in names}
        vars(self).update(_parsers[self._command])
        for name in ("notes", "swap_file"):
            self._parser(self._command).__dict__.pop(name, None)

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """Make the parser, with the suite's own reading and writing of configurations."""
        record_classes_beside_paths()
        header = [f"lightning.pytorch=={lightning.__version__}"]
        parser = self.parser_class(**{"dump_header": header, **kwargs})
        parser.add_argument("-c", "--config", action=ConfigFile, help=CONFIG_HELP)
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
        trainer_options.explain(parser)
        return parser

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse, and refuse a seed for everything: every random number here has a seed of its own."""
        super().parse_arguments(parser, args)
        options = expand_home(self.config[self.config.subcommand])
        for key in ("run_dir", "ckpt_path", "trainer.default_root_dir"):
            check_path(key, options.get(key))
        for section in ("model", "data", "trainer"):
            if not isinstance(options.get(section), Namespace):
                raise bad_value(section, options.get(section), "its settings, or to be left out")
        check_teachers_stay(self._parser(self._command), options.trainer.get("callbacks"))
        if options.seed_everything is not False:
            allowed = "nothing; data.data_seed and model.model_seed are a run's seeds"
            raise bad_value("seed_everything", options.seed_everything, allowed)

    def before_instantiate_classes(self) -> None:
        """Check what the settings name and ask of Trainer, before any object is made of them."""
        options = self.config[self.subcommand]
        trust.check_classes(options, self._trusted)
        trust.check_pickles(options.get("weights_only"), self._trusted)
        trainer_options.check_options(options.trainer)
        if self.subcommand != "fit" and options.trainer.fast_dev_run:
            allowed = f"false with lit {self.subcommand}, which would tell of one batch"
            raise bad_value("trainer.fast_dev_run", options.trainer.fast_dev_run, allowed)

    def instantiate_classes(self) -> None:
        """Make the objects; what is wrong with an argument is told with the section it stands in."""
        try:
            super().instantiate_classes()
        except ValueError as error:
            cause = usage_error_in(error)
            if cause is None:
                raise
            key, options = str(cause).partition(":")[0], self.config[self.subcommand]
            sections = [name for name in ("model", "data") if key in vars(options[name].init_args)]
            raise UsageError(f"{sections[0]}.{cause}" if len(sections) == 1 else str(cause)) from error

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
            given = self.config_init[self.subcommand].trainer.callbacks or []
            callbacks = list(given) if isinstance(given, list) else [given]
            if not any(isinstance(callback, ExactResume) for callback in callbacks):
                callbacks.append(ExactResume())
            kwargs["callbacks"] = callbacks
        if SLURMEnvironment.detect():
            trainer_options.check_slurm()
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
        except (TypeError, ValueError, ImportError, MisconfigurationException) as error:
            raise UsageError(f"trainer: {' '.join(str(error).split())}") from error
        except RuntimeError as error:
            if "more than one stateful callback" not in str(error):
                raise
            allowed = "each class once; several SwapTeacher with a weight and another bank for each"
            raise bad_value("trainer.callbacks", "two of one class", allowed) from error

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

    def preflight(self, foreseen: CheckpointBank | None = None) -> None:
        """Check everything that can be wrong before anything is written.

        Args:
            foreseen: what the bank of the teachers will be, where it is not there yet.

        Raises:
            UsageError: naming the setting.
        """
        trainer, data, module = self.trainer, self.datamodule, self.model
        assert isinstance(data, CurriculumData)
        assert isinstance(module, CurriculumModule)
        trainer_options.check_trainer(trainer, module, self.config_init[self.subcommand].trainer)
        data.check_devices(trainer.world_size, trainer.accumulate_grad_batches)
        data.check_memory()
        module.check_data(data)
        module.check_precision(trainer.precision)
        for callback in self._callbacks(ChecksData):
            callback.check_run(module, data)
        check_together(self._callbacks(SwapTeacher))
        for callback in self._callbacks(SwapTeacher):
            if not module.teachable:
                name = type(module).__name__
                raise bad_value("trainer.callbacks", "SwapTeacher", f"none of it, {name} has no teachers")
            callback.check_trainer(trainer)
            if foreseen is None:
                callback.plan(data)
            else:
                callback.foresee(foreseen, data)

    def before_fit(self) -> None:
        """Check, take the run folder, and attach what writes to it."""
        self.preflight()
        for note in self.notes:
            rank_zero_info(note)
        self._run = FitRun(
            self.trainer, self.model, self.datamodule, self.folder, self.settings, self._resources
        )
        self._run.begin(self._config_text(), self.config_init["fit"].trainer.logger, self._scale())

    def fit(self, **kwargs: Any) -> None:
        """See `FitRun.train`."""
        self._run.train(self.trial)

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
        """Write class probabilities and labels of the test split, see `WritePredictions`."""
        # A harvested checkpoint's leave those of the run's end as they are.
        harvested = self.weights.path.suffix == ".safetensors"
        name = f"predictions_step_{self.weights.step}" if harvested else "predictions"
        writer = WritePredictions(self.folder.path / f"{name}.safetensors", self.weights.as_metadata())
        self.trainer.callbacks.append(writer)  # type: ignore[attr-defined]
        self.trainer.predict(**{**kwargs, "return_predictions": False})

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

    def _scale(self) -> str:
        scale = scale_of([str(path) for path in self.config[self.subcommand].config or []])
        return f", {scale} scale" if scale else ""

    def _callbacks(self, kind: type[Any]) -> list[Any]:
        callbacks = self.trainer.callbacks  # type: ignore[attr-defined]
        return [callback for callback in callbacks if isinstance(callback, kind)]


def _run_dir(options: Any) -> Path:
    if options.run_dir is not None:
        return Path(options.run_dir).expanduser()
    if options.trainer.default_root_dir is not None:
        return Path(options.trainer.default_root_dir).expanduser()
    return default_run_dir([str(path) for path in options.get("config") or []])
