"""One `lit fit` in its run folder: where it starts, who has the folder, how it ended."""

from __future__ import annotations

import json
import shlex
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, cast

from lightning import Trainer
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_info

from lit_curriculum.callbacks import ExactResume, HarvestCheckpoints
from lit_curriculum.callbacks.stop_request import StopRequest
from lit_curriculum.callbacks.stop_when_learned import ended_early
from lit_curriculum.callbacks.tensorboard import DescribeRun
from lit_curriculum.callbacks.time_limit import TimeLimit
from lit_curriculum.cli.agreement import Start, agreed_start
from lit_curriculum.cli.failures import in_one_line, of_a_device
from lit_curriculum.cli.finish import FinishRun
from lit_curriculum.cli.signals import GracefulStop
from lit_curriculum.cli.trainer_parts import keep_ids
from lit_curriculum.errors import RunFailed, RunStopped, UsageError, bad_value
from lit_curriculum.models import count_parameters
from lit_curriculum.runs import identity, provenance
from lit_curriculum.runs.checkpoints import check_continues, read_checkpoint
from lit_curriculum.runs.folder import RunFolder, State
from lit_curriculum.runs.lease import FolderInUse, Lease
from lit_curriculum.runs.metrics_csv import MetricsCSV
from lit_curriculum.runs.orphans import end_with_parent
from lit_curriculum.sealed import verify_sealed
from lit_curriculum.tables import RunTables, checked
from lit_curriculum.training.base import STATE, CurriculumModule
from lit_curriculum.training.base_data import CurriculumData


class FitRun:
    """Call `begin`, then `train`, inside ``with resources``.

    Args:
        trainer: with the run's callbacks, still without loggers.
        module: what is trained.
        data: the run's.
        folder: the run's.
        settings: the resolved configuration as plain data, the run's own checkpoint left out.
        resources: closed by the caller when the run has ended, however it ends.
    """

    def __init__(
        self,
        trainer: Trainer,
        module: CurriculumModule,
        data: CurriculumData,
        folder: RunFolder,
        settings: dict[str, Any],
        resources: ExitStack,
    ) -> None:
        self._trainer, self._module, self._data = trainer, module, data
        self._folder, self._settings, self._resources = folder, settings, resources
        self._request = StopRequest()
        self._start = Start("new")

    def begin(self, config_text: str, logger: Any, scale: str) -> None:
        """Check where the run starts, take its folder, and attach what writes to it.

        Args:
            config_text: the resolved configuration, for config.yaml.
            logger: Trainer's option ``logger``, loggers made.
            scale: for the announcement.

        Raises:
            UsageError: if the folder is another's or in use, or a checkpoint or table is not what it was.
        """
        digest = identity.config_hash(self._settings)
        seeds = self._data.data_seed, self._module.model_seed
        record = provenance.collect(digest, self._trainer.strategy.root_device.type, *seeds)
        self._start = agreed_start(self._trainer, lambda: self._take(config_text, record))
        if self._start.state == "finished":
            return
        if not self._trainer.is_global_zero:
            end_with_parent()
        self._module.identity = {"config_hash": digest, "commit": record["commit"]}
        self._module.settings = json.dumps(identity.results_settings(self._settings), sort_keys=True)
        self._attach_loggers(logger)
        self._listen(self._request)
        self._announce(scale)

    def train(self, trial: bool) -> None:
        """Train, unless the folder's run is finished already.

        Args:
            trial: a few batches, of which nothing is kept.

        Raises:
            RunStopped: if the run ended before its time and can go on.
            RunFailed: if it cannot.
        """
        if self._start.state == "finished":
            rank_zero_info(f"{self._folder.path}: this run is finished already; nothing to do")
            return
        try:
            self._train()
        except RunStopped as error:
            raise RunStopped(f"{self._folder.path}: {error}") from error
        except SystemExit as error:
            # Lightning's answer to a second Ctrl-C; or a callback's way to end a program.
            if self._request.reason is not None:
                said = "stopped at once; run the same command again to go on from the last checkpoint"
                raise RunStopped(f"{self._folder.path}: {said}") from error
            ended = RunFailed(f"{self._folder.path}: something called sys.exit({error.code!r}) in training")
            self._note_failure(ended)
            raise ended from error
        except Exception as error:
            cause = of_a_device(error)
            self._note_failure(cause)
            if cause is error:
                raise
            raise cause from error
        if trial:
            rank_zero_info("fast_dev_run: the run works; nothing was kept")
        elif not self._finished:
            said = "stopped before its end; run the same command again to go on"
            raise RunStopped(f"{self._folder.path}: {said}")
        else:
            rank_zero_info(f"{self._folder.path}: finished; next: {self._next()}")

    def _next(self) -> str:
        """Return a command that shows what the run left."""
        path = shlex.quote(str(self._folder.path))
        harvests = any(isinstance(callback, HarvestCheckpoints) for callback in self._callbacks)
        return f"lit bank list {path}" if harvests else f"lit test --run_dir {path}"

    def _take(self, config_text: str, record: dict[str, Any]) -> Start:
        """Look where the run starts, and take its folder unless it is finished."""
        state = self._folder.state(self._settings)
        earlier = self._folder.provenance() if state != "new" else {}
        changed = provenance.other_versions(earlier)
        if changed:
            rank_zero_info(f"note: this run was begun with {changed}")
            record["versions_before"] = [*earlier.get("versions_before", []), earlier["versions"]]
        if state == "finished":
            self._folder.verify_finished()
            return Start(state)
        start = self._checked_start(state)
        lease = Lease.take(self._folder.path)
        self._resources.callback(lease.release)
        self._request.failure = lambda: lease.lost
        if self._folder.state(self._settings) != state:
            raise FolderInUse(
                f"run_dir: {str(self._folder.path)!r} was written to by another process just now; "
                "allowed: the same command again"
            )
        self._folder.begin(config_text, record)
        return start

    def _checked_start(self, state: State) -> Start:
        given = self._settings.get("ckpt_path")
        if state == "resume":
            # Also a run that began from another's checkpoint goes on from its own.
            self._folder.verify_checkpoint()
            checkpoint = self._folder.checkpoint
            content = read_checkpoint(checkpoint)
            self._check_devices(content)
            for table, mark in (content.get("tables") or {}).items():
                checked(self._folder.path / table, mark)
        elif given is not None:
            checkpoint = Path(given).expanduser()
            verify_sealed(checkpoint, "ckpt_path", required=False)
            content = read_checkpoint(checkpoint)
            check_continues(checkpoint, content, self._settings)
        else:
            return Start(state)
        step = int(content[STATE]["step"])
        if state != "resume" and step >= self._data.num_steps:
            allowed = f"more than the {step} steps of {checkpoint}"
            raise bad_value("data.num_steps", self._data.num_steps, allowed)
        return Start(state, str(checkpoint), step)

    def _check_devices(self, content: dict[str, Any]) -> None:
        """Check that as many devices go on as have begun: others add their sums up in another order."""
        begun, now = len(content.get("rng") or [None]), self._trainer.world_size
        if begun != now:
            raise UsageError(
                f"trainer.devices: got {now} in all, but {self._folder.path} was begun on {begun}, whose "
                f"results differ from others' in the last digits; allowed: {begun}, or another run_dir that "
                "begins from this run's checkpoint (ckpt_path)"
            )

    def _attach_loggers(self, wanted: Any) -> None:
        self._module.tables = RunTables(self._folder.path)
        loggers: list[Logger] = [MetricsCSV(self._module.tables)]
        if isinstance(wanted, Logger):
            loggers.append(wanted)
        elif isinstance(wanted, list):
            loggers += wanted
        elif wanted is None or wanted is True:
            # Events beyond the checkpoint are purged, so that a resumed curve has no double points.
            purge = self._start.step + 1 if self._start.step is not None else None
            loggers.append(TensorBoardLogger(str(self._folder.path), name="", version="", purge_step=purge))
        self._trainer.loggers = loggers
        if len(loggers) > 1:
            self._callbacks.append(DescribeRun())
        keep_ids(loggers, self._folder.run_id)

    def _listen(self, request: StopRequest) -> None:
        for callback in self._callbacks:
            if isinstance(callback, ExactResume | TimeLimit):
                callback.stop_request = request
        stop = GracefulStop(request)
        self._callbacks.append(stop)
        self._resources.enter_context(stop.installed(self._trainer))

    def _announce(self, scale: str) -> None:
        going = f"resuming at step {self._start.step:,}" if self._start.step else "new run"
        rank_zero_info(
            f"{self._folder.path}: {going}, {count_parameters(self._module.model):,} parameters, "
            f"{self._data.num_steps:,} steps of {self._data.batch_size} samples{scale}"
        )

    def _train(self) -> None:
        step = self._start.step
        finish = FinishRun(self._folder, step)
        if step != self._data.num_steps:
            self._callbacks.append(finish)
            self._trainer.fit(self._module, datamodule=self._data, ckpt_path=self._start.checkpoint)
            return
        self._module.step = step  # killed between its last checkpoint and its last line
        if self._trainer.is_global_zero:
            tables = read_checkpoint(self._folder.checkpoint).get("tables")
            self._module.tables.resume(self._module.step, tables)
            finish.record(self._trainer, self._module, self._data, 0.0)

    @property
    def _finished(self) -> bool:
        if self._trainer.is_global_zero:
            return self._folder.finished  # also where the processes that trained were others
        return ended_early(self._trainer) or self._module.step >= self._data.num_steps

    def _note_failure(self, cause: BaseException) -> None:
        if self._trainer.is_global_zero:
            # What cannot be noted, on a full disk for one, is told all the same: the exception goes on.
            with suppress(OSError, UsageError):
                self._folder.fail(in_one_line(cause))

    @property
    def _callbacks(self) -> list[Any]:
        return cast(list[Any], self._trainer.callbacks)  # type: ignore[attr-defined]
