"""The bank that a run will harvest, as its settings tell it: students are checked against it before."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from lit_curriculum.callbacks import HarvestCheckpoints, StopWhenLearned
from lit_curriculum.cli.parsing import parse_run
from lit_curriculum.distillation import CheckpointBank
from lit_curriculum.distillation.manifest import unwritten
from lit_curriculum.models import describe
from lit_curriculum.runs.graph import Run


def foreseen(teacher: Run, root: Path, trusted: Sequence[str] = ()) -> CheckpointBank | None:
    """Return the bank that a run will leave, without files; None where its steps are not known before.

    Args:
        teacher: a run that is not finished.
        root: folder of the runs.
        trusted: names that configurations may use.

    Raises:
        UsageError: if the settings of the teacher are wrong.
    """
    return _of_run(teacher.without_bank(), teacher.key, teacher.folder(root), root, tuple(trusted))


@lru_cache(maxsize=8)
def _of_run(
    teacher: Run, key: str, folder: Path, root: Path, trusted: tuple[str, ...]
) -> CheckpointBank | None:
    """See `foreseen`; the key tells configurations of other contents."""
    cli = parse_run(teacher, root, trusted)
    callbacks, data = cli.trainer.callbacks, cli.datamodule  # type: ignore[attr-defined]
    harvests = [call for call in callbacks if isinstance(call, HarvestCheckpoints) and call.folder == "bank"]
    ends_early = any(isinstance(call, StopWhenLearned) for call in callbacks)
    if len(harvests) != 1 or harvests[0].adds or ends_early:
        return None
    steps = harvests[0].planned(data)
    manifest = unwritten(describe(cli.model.model), data.describe_task(), steps, data.batch_size)
    return CheckpointBank(folder / "bank", manifest)
