"""``lit check``: everything that `lit fit` would find wrong, and what the run would take."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from lit_curriculum.callbacks import SwapTeacher
from lit_curriculum.errors import bad_value
from lit_curriculum.models import count_parameters


def check(configs: Sequence[str]) -> int:
    """Resolve configurations, verify teachers, estimate the cost; train and write nothing.

    Args:
        configs: YAML files, later ones overlaying earlier ones, each behind ``--config`` or not, or further
            ``--key=value`` words.

    Raises:
        UsageError: for anything wrong.
    """
    if not configs:
        raise bad_value("CONFIG", "", "at least one YAML file")
    from lit_curriculum.cli import trust
    from lit_curriculum.cli.parsing import parse_and_run
    from lit_curriculum.cli.words import check_configs

    configs, trusted = trust.split(configs)
    # What lit fit takes is taken here as well.
    configs = [word for word in configs if word not in ("--config", "-c")]
    words = ["fit", *(f"--trust={name}" for name in trusted)]
    for word in configs:
        words += [word] if word.startswith("--") else ["--config", word]
    check_configs(words)
    cli = parse_and_run(words, run=False)
    cli.preflight()
    for note in cli.notes:
        print(note, file=sys.stderr)
    state = cli.folder.state(cli.settings)
    data, module = cli.datamodule, cli.model
    parameters = count_parameters(module.model)
    samples = data.num_steps * data.batch_size
    table = Table(show_header=False, title=", ".join(word for word in configs if not word.startswith("--")))
    rows = {
        "model": f"{type(module).__name__}: {parameters:,} parameters",
        "data": f"{type(data).__name__}: {data.describe_task()}",
        "length": f"{data.num_steps:,} steps x {data.batch_size} = {samples:,} samples",
        "training operations": f"about {6 * parameters * samples:.2g} (6 x parameters x samples)",
        "weights": f"{in_bytes(4 * parameters)}; with Adam's state and gradients {in_bytes(16 * parameters)}",
        "run folder": f"{cli.folder.path} ({state})",
    }
    for callback in cli.trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, SwapTeacher):
            schedule = callback.plan(data)
            known = "made in the run" if callback.live is not None else "hashes verified"
            rows["teachers"] = f"{len(schedule.distinct)} checkpoints of {callback.bank}, {known}"
            starts = [f"{s:,}: {e.step:,}" for s, e in zip(schedule.starts, schedule.teachers, strict=True)]
            shown = starts if len(starts) <= 8 else [*starts[:4], "...", *starts[-3:]]
            rows["schedule"] = "student step: teacher step\n" + "\n".join(shown)
            if schedule.dropped:
                rows["dropped"] = f"do not fit into the student's run: {list(schedule.dropped)}"
    for name, text in rows.items():
        table.add_row(name, text)
    Console().print(table)
    return 0


def in_bytes(n: float) -> str:
    """Return a number of bytes in the largest unit that it fills."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n < 1024:
            return f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} TiB"
