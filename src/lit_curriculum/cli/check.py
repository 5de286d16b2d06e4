"""``lit check``: everything that `lit fit` would find wrong, and what the run would take."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from lit_curriculum.callbacks import SwapTeacher
from lit_curriculum.errors import bad_value, shortened
from lit_curriculum.models import count_parameters
from lit_curriculum.training.decomposed import DecomposedData

# Strings whose mean length is taken for that of all.
_MEASURED = 256


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

    given, trusted = trust.split(configs)
    options, named = _of_fit(given)
    words = ["fit", *(f"--trust={name}" for name in trusted), *options]
    check_configs(words)
    cli = parse_and_run(words, run=False)
    cli.preflight()
    for note in cli.notes:
        print(note, file=sys.stderr)
    state = cli.folder.state(cli.settings)
    data, module = cli.datamodule, cli.model
    parameters = count_parameters(module.model)
    samples = data.num_steps * data.batch_size
    table = Table(show_header=False, title=", ".join(named))
    rows = {
        "model": f"{type(module).__name__}: {parameters:,} parameters",
        "data": f"{type(data).__name__}: {_told(data.describe_task())}",
        "length": f"{data.num_steps:,} steps x {data.batch_size} = {samples:,} samples",
        "training operations": _operations(parameters, samples, tokens_of_sample(data, module.model)),
        "weights": f"{in_bytes(4 * parameters)}; with Adam's state and gradients {in_bytes(16 * parameters)}",
        "run folder": f"{cli.folder.path} ({state})",
        "teachers": "none, labels alone",
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


def _told(task: Mapping[str, Any]) -> str:
    """Return a task's description in a line: of a grammar not every rule."""
    return ", ".join(f"{name} {shortened(value, 60)}" for name, value in task.items())


def _of_fit(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words of `lit fit` for those of `lit check`, and the configurations among them.

    An option takes the word behind it unless it has its value itself; any other word is a configuration.
    """
    options: list[str] = []
    named: list[str] = []
    rest = [word for word in words if word not in ("--config", "-c")]
    while rest:
        word = rest.pop(0)
        if word.startswith("--config=") or not word.startswith("--"):
            named.append(word.removeprefix("--config="))
            options += ["--config", named[-1]]
            continue
        options.append(word)
        if "=" not in word and rest and not rest[0].startswith("--"):
            options.append(rest.pop(0))
    return options, named


def tokens_of_sample(data: Any, model: Any) -> float | None:
    """Return how many tokens a training sample has, the mean of some where lengths differ.

    Args:
        data: module of the data.
        model: network of the run, of `models`.

    Returns:
        None where the model reads no strings.
    """
    if isinstance(data, DecomposedData):
        return data.length
    inputs = data.draw("train", 0, min(_MEASURED, data.batch_size * data.num_steps))["inputs"]
    if isinstance(inputs, dict):
        return float(inputs["attention_mask"].sum(1).float().mean()) if "attention_mask" in inputs else None
    return float(inputs.shape[1]) if "max_length" in getattr(model, "init_args", {}) else None


def _operations(parameters: int, samples: int, tokens: float | None) -> str:
    if tokens is None:
        return f"about {6 * parameters * samples:.2g} (6 x parameters x samples)"
    told = f"6 x parameters x tokens, {tokens:.3g} in a sample"
    return f"about {6 * parameters * samples * tokens:.2g} ({told})"


def in_bytes(n: float) -> str:
    """Return a number of bytes in the largest unit that it fills."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n < 1024:
            return f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} TiB"
