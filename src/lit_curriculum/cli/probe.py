"""``lit probe`` and ``lit export``: what the checkpoints of a run know, and how others read them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from torch import nn

from lit_curriculum.cli.tables import header, number, show_whole
from lit_curriculum.distillation import CheckpointBank, Choice, choose_checkpoint
from lit_curriculum.distillation.manifest import MANIFEST
from lit_curriculum.errors import UsageError, bad_value
from lit_curriculum.files import replacing, write_json, write_rows
from lit_curriculum.models import BertMaskedLM
from lit_curriculum.probes.evaluating import MaskedModel
from lit_curriculum.probes.ngram import draw_inputs, ngram_distances
from lit_curriculum.probes.nonterminal import ProbeSettings, nonterminal_accuracy
from lit_curriculum.reading import is_there, read_series, read_table
from lit_curriculum.tasks.counter import check_seed
from lit_curriculum.tasks.pcfg import Grammar, Sampler, grammar_from_description
from lit_curriculum.tasks.pcfg.validation import MAX_SYMBOL

CHOSEN_BY = 3

# What is measured is held in memory at once.
MOST = {"strings": 100_000, "positions": 1000, "nonterminal_strings": 10_000_000}


def probe(options: argparse.Namespace) -> int:
    """Measure every checkpoint of a bank, and say which one to teach with.

    Raises:
        UsageError: if there is no bank of masked language models, or an option is out of range.
    """
    for key, most in MOST.items():
        value = getattr(options, key)
        if not 1 <= value <= most:
            raise bad_value(f"--{key.replace('_', '-')}", value, f"an integer of at least 1, at most {most}")
    for size in options.ngrams:
        if not 1 <= size <= MAX_SYMBOL:
            raise bad_value("--ngrams", size, f"integers of at least 1, at most {MAX_SYMBOL}")
    check_seed("--seed", options.seed)
    if options.out is not None and Path(options.out).is_dir():
        raise bad_value("--out", options.out, "the name of a CSV file")
    try:
        torch.zeros(1, device=options.device)
    except (RuntimeError, AssertionError) as error:
        raise bad_value("--device", options.device, "cpu, or a device that torch finds here") from error
    bank = open_bank(options.bank)
    measure = _measure(bank, options)
    rows: list[dict[str, Any]] = []
    with Progress(console=Console(stderr=True)) as bar:
        for entry in bar.track(bank.checkpoints, description="checkpoints"):
            found = measure(bank.load(entry).to(options.device))
            rows.append({"step": entry.step, **{_short(name): value for name, value in found.items()}})
    robust = _robust(rows)
    choice = choose_checkpoint(bank.steps, _losses(bank), robust) if robust else None
    if options.out is not None:
        write_rows(Path(options.out), rows)
    if options.json:
        described = None if choice is None else _described(choice)
        print(json.dumps({"rows": rows, "choice": described}, indent=1))
    else:
        _show(rows, choice)
    return 0


def _measure(bank: CheckpointBank, options: argparse.Namespace) -> Callable[[nn.Module], dict[str, float]]:
    """Return what is measured of a checkpoint's model."""
    if bank.task.get("task") != "masked_pcfg":
        if options.nonterminals:
            raise UsageError(f"--nonterminals: {bank.folder} is of no grammar; allowed: with masked_pcfg")
        if options.seed:
            allowed = "with masked_pcfg; elsewhere the run's own data_seed is taken"
            raise UsageError(f"--seed: got {options.seed}; allowed: {allowed}")
        from lit_curriculum.cli.probe_run import measures_of

        return measures_of(bank, options)
    grammar = grammar_from_description(bank.task.get("grammar"))
    inputs = draw_inputs(Sampler(grammar), options.seed, options.strings, options.positions)

    def measure(model: nn.Module) -> dict[str, float]:
        distances = ngram_distances(cast(MaskedModel, model), *inputs, options.ngrams)
        found = {f"robust_{n}": value for n, value in distances.median_robust().items()}
        found |= {f"close_{n}": value for n, value in distances.median_close().items()}
        if options.nonterminals:
            found |= _nonterminals(cast(MaskedModel, model), grammar, options)
        return found

    return measure


def _short(name: str) -> str:
    """Return a metric's name without the probe's, as a table's column."""
    return name.removeprefix("ngrams/").removeprefix("monomials/")


def export(options: argparse.Namespace) -> int:
    """Write a checkpoint as a folder that ``BertForMaskedLM.from_pretrained`` reads.

    Raises:
        UsageError: if there is no such checkpoint, it is of another model, or the folder is not empty.
    """
    folder = Path(options.folder)
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise bad_value("DIR", options.folder, "a new or empty folder")
    bank = open_bank(options.bank)
    entry = bank.at(options.step)
    model = bank.load(entry)
    if not isinstance(model, BertMaskedLM):
        name = bank.model["name"]
        raise UsageError(f"RUN_OR_BANK: {bank.folder} holds models of type {name}; allowed: bert_masked_lm")
    with replacing(folder / "lit_curriculum.json") as temporary:
        model.save_pretrained(folder)
        source = {"step": entry.step, "samples": entry.samples, "sha256": entry.sha256, "task": bank.task}
        write_json(temporary, {"schema": 1, **source, "commit": bank.commit})
    print(f"{folder}: checkpoint {entry.step} as a folder for BertForMaskedLM.from_pretrained")
    return 0


def open_bank(place: str) -> CheckpointBank:
    """Open a bank, given its folder or its run's.

    Raises:
        UsageError: if neither holds a manifest.
    """
    inside = Path(place) / "bank"
    return CheckpointBank.open(inside if is_there(inside / MANIFEST) else place, "RUN_OR_BANK")


def _nonterminals(model: MaskedModel, grammar: Grammar, options: argparse.Namespace) -> dict[str, Any]:
    settings = ProbeSettings(train_strings=options.nonterminal_strings)
    result = nonterminal_accuracy(model, grammar, options.seed, settings)
    return {f"nonterminals_depth_{depth}": value for depth, value in result.accuracy.items()}


def _losses(bank: CheckpointBank) -> list[tuple[int, float]]:
    """Return the held-out loss at every evaluation if the bank lies in a run folder, else at checkpoints."""
    table = bank.folder.parent / "metrics.csv"
    if is_there(table):
        rows = read_table(table)
        if rows and "val/loss" in rows[0]:
            return read_series(table, "val/loss")
    return [(entry.step, entry.metrics["val/loss"]) for entry in bank if "val/loss" in entry.metrics]


def _robust(rows: list[dict[str, Any]]) -> list[tuple[int, float]]:
    name = f"robust_{CHOSEN_BY}"
    return [(row["step"], row[name]) for row in rows if name in row]


def _described(choice: Choice) -> dict[str, Any]:
    phases = choice.phases
    return {
        "by_loss": choice.by_loss,
        "by_robust_3": choice.by_peak,
        "agree": choice.agree,
        "rapid_phase": None if phases is None else [phases.begin, phases.middle, phases.end],
    }


def _show(rows: list[dict[str, Any]], choice: Choice | None) -> None:
    windows = any(name.startswith(("robust_", "close_")) for name in rows[0])
    # Above the table: one as narrow as this would break its title.
    print("medians over strings and positions" if windows else "means over monomials and inputs")
    # Without lines between them eight columns of windows fit into 80 letters.
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for name in rows[0]:
        table.add_column(header(name), justify="right")
    for row in rows:
        table.add_row(*(f"{value:,}" if name == "step" else number(value) for name, value in row.items()))
    show_whole(table)
    if choice is None:
        return
    phases = choice.phases
    if phases is None:
        print("rapid phase of the loss: none found")
    else:
        print(f"rapid phase of the loss: steps {phases.begin:,} to {phases.end:,}, middle {phases.middle:,}")
    print(f"checkpoint by the loss: {_step(choice.by_loss)}")
    print(f"checkpoint by the peak of M_robust({CHOSEN_BY}): {_step(choice.by_peak)}")
    if None not in (choice.by_loss, choice.by_peak):
        print("the two agree" if choice.agree else "the two differ")


def _step(step: int | None) -> str:
    return "none" if step is None else f"{step:,}"
