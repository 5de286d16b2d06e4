"""Readers against wrong inputs: only `UsageError` may come out, one line that names the file.

A reader is a function of a file's path that also checks, by means of its own, what it accepts.
"""

from __future__ import annotations

import json
import random
import re
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st

from lit_curriculum.distillation import BankWriter, CheckpointBank, sharp_answers
from lit_curriculum.distillation.exact_labels import EXACT_LABELS, ExactAnswers
from lit_curriculum.distillation.label_cache import decode, encode
from lit_curriculum.distillation.label_files import TopKLabels, signed
from lit_curriculum.distillation.top_k import top_k_answers
from lit_curriculum.errors import UsageError
from lit_curriculum.files import hash_of_json
from lit_curriculum.reading import read_series, read_table, read_yaml
from lit_curriculum.runs.sweep_file import MAX_RUNS, load_sweep
from lit_curriculum.tasks.circuits import load_netlist
from lit_curriculum.tasks.pcfg import grammar_from_description, load_grammar
from tests.faults.drivers import Tally
from tests.faults.mutations import Source, edited_bytes, edits, either, noise, texts, values

GRAMMAR = {
    "name": "small",
    "root": 5,
    "terminals": [1, 2],
    "source": "here",
    "rules": {"5": [[3, 4], [4]], "4": [[1, 2], [2, 2]], "3": [[1], [2, 1, 1]]},
}
DESCRIPTION = {"roots": [5], "terminals": [1, 2], "rules": [[3, [[1], [2, 1]]], [4, [[1, 2]]], [5, [[3, 4]]]]}
NETLISTS = (
    "# half adder\ninput a b\noutput sum carry\nsum = xor a b\ncarry = and a b\n",
    "input a b c\np = and a b c # wide\ny = nor p q a\nq = not c\noutput y p\noutput a\n",
)
TABLES = (
    "step,samples,val/loss,seconds\n10,20,0.5,0.1\n20,40,0.25,0.2\n30,60,0.125,0.3\n",
    'step,label,monomial,correlation\n1,0,"x1*x2",0.5\n1,0,"a,""b""",1e-3\n',
)
YAMLS = (
    "seed_everything: 0\nmodel:\n  class_path: A\n  init_args: {lr: 1.0e-3, width: 5, on: true, x: null}\n",
    "base: &b {a: 1, list: [1, 2.5, 'text']}\nover:\n  <<: *b\n  a: 2\nlong: |\n  two\n  lines\n",
)
SWEEP = {
    "configs": ["bit_subset_parity", "smoke/bit_subset_parity"],
    "points": [{"data.d": 8, "data.subtask_labels": True}, {"data.d": 4}],
    "grid": {"model.lr": [0.1, 0.01], "data.data_seed, model.model_seed": [0, 1]},
}


def _entry(step: int, **more: Any) -> dict[str, Any]:
    name = f"step_{step:012d}.safetensors"
    return {"step": step, "samples": 2 * step, "file": name, "sha256": f"{step:064x}", "metrics": {}, **more}


MANIFEST = {
    "schema": 1,
    "model": {"name": "mlp", "init_args": {"d": 3, "width": 4, "n_classes": 2}},
    "task": {"task": "sparse_parity", "d": 3},
    "config_hash": "c0ffee",
    "commit": None,
    "checkpoints": [
        _entry(10, metrics={"val/accuracy": 0.5}),
        _entry(20),
        _entry(30, sha256=f"{10:064x}", same_as=10),
    ],
}


def _signed(manifest: Any) -> str:
    """Return a manifest's text with the digest that fits, so that what is in it is looked at."""
    if isinstance(manifest, dict):
        manifest = {**manifest, "digest": hash_of_json(manifest)}
    return json.dumps(manifest)


def _read_grammar(path: Path) -> None:
    grammar = load_grammar(path)
    assert 1 <= grammar.min_length <= grammar.max_length < 2**15
    again = grammar_from_description(json.loads(json.dumps(grammar.describe())))
    assert again.fingerprint() == grammar.fingerprint()


def _read_description(path: Path) -> None:
    grammar = grammar_from_description(json.loads(path.read_text()))
    assert 1 <= grammar.min_length <= grammar.max_length < 2**15


def _read_netlist(path: Path) -> None:
    for fan_in in (None, 2):
        circuit = load_netlist(str(path), fan_in)
        seen = set(circuit.inputs)
        for gate in circuit.gates:
            assert set(gate.inputs) <= seen
            seen.add(gate.node)
        labels = circuit.labels(np.zeros((2, circuit.d), dtype=np.int64))
        assert labels.shape == (2, len(circuit.gates))
        assert set(labels.flat) <= {0, 1}


def _read_manifest(path: Path) -> None:
    bank = CheckpointBank.open(path.parent)
    assert all(type(entry.step) is int and 0 <= entry.step <= 2**53 for entry in bank)
    assert bank.steps == sorted(set(bank.steps))
    hashes = [entry.sha256 for entry in bank if entry.same_as is None]
    assert len(hashes) == len(set(hashes))
    assert all(re.fullmatch(r"[^/\\\0]+", entry.file) and entry.file not in (".", "..") for entry in bank)
    assert all(abs(value) < float("inf") for entry in bank for value in entry.metrics.values())
    writer = BankWriter(path.parent, bank.model, bank.task)
    writer.continue_from(2**53)
    assert writer.steps == bank.steps


def _read_table(path: Path) -> None:
    rows = read_table(path)
    assert len({tuple(row) for row in rows}) <= 1
    assert all(step >= 0 and abs(value) < float("inf") for step, value in read_series(path, "val/loss"))


def _read_sweep(path: Path) -> None:
    plan = load_sweep(path)
    assert 1 <= len(plan.settings) <= MAX_RUNS
    runs = plan.runs[:3]
    assert len({run.key for run in runs}) == len(runs)


def _read_yaml(path: Path) -> None:
    json.dumps(read_yaml(path), skipkeys=True)


def _read_labels(path: Path) -> None:
    known = decode(path.read_bytes(), "place")
    for answers in (known or {}).values():
        assert len(answers.row) == len(answers.other) == len(answers.probability)


def _labels() -> Source:
    logits = torch.tensor([[0.0, 1.0, 2.0], [1.0, 1.0, 0.0], [3.0, 0.0, 3.0]])
    valid = encode({3: sharp_answers(logits, 1e-4), 5: sharp_answers(logits[:1], 0.0)}, "place")
    return either(
        # The digest fits, as if a writer had gone wrong; or it does not, as after damage.
        lambda chance: signed(edited_bytes(valid[40:], edits(chance)), "place"),
        lambda chance: edited_bytes(valid, edits(chance)),
        noise,
    )


def _read_top_k(path: Path) -> None:
    for answers in (TopKLabels(2).unpack(path.read_bytes()) or {}).values():
        assert answers.classes.shape == answers.log_probability.shape
        assert answers.rest.shape == answers.classes.shape[:1]


def _top_k() -> Source:
    logits = torch.tensor([[0.0, 1.0, 2.0], [1.0, 1.0, 0.0], [3.0, 0.0, 3.0]])
    valid = TopKLabels(2).pack({3: top_k_answers(logits, 1.0, 2), 5: top_k_answers(logits[:1], 0.0, 2)})
    return either(lambda chance: edited_bytes(valid, edits(chance)), noise)


def _read_exact(path: Path) -> None:
    for answers in (EXACT_LABELS.unpack(path.read_bytes()) or {}).values():
        assert answers.probabilities.dim() == 2


def _exact() -> Source:
    logits = torch.tensor([[0.0, 1.0], [1.0, 1.0], [3.0, 0.0]])
    answers = ExactAnswers(torch.softmax(logits / 1e-2, -1), 1)
    valid = EXACT_LABELS.pack({3: answers, 5: ExactAnswers(torch.softmax(logits[:1], -1))})
    return either(lambda chance: edited_bytes(valid, edits(chance)), noise)


@dataclass(frozen=True)
class Target:
    """A reader, the name of the file that it reads, inputs for it, and how many a short test gives it."""

    name: str
    file: str
    read: Callable[[Path], None]
    inputs: Source
    few: int = 2000


_GRAMMARS = either(values(GRAMMAR), values(GRAMMAR), texts(json.dumps(GRAMMAR, indent=1)), noise)
_MANIFESTS = either(
    values(MANIFEST, write=_signed), values(MANIFEST), values(MANIFEST), texts(_signed(MANIFEST)), noise
)
_SWEEPS = either(values(SWEEP), values(SWEEP), texts(yaml.safe_dump(SWEEP)), noise)

TARGETS = {
    target.name: target
    for target in (
        Target("grammar", "mine.json", _read_grammar, _GRAMMARS),
        Target("grammar description", "d.json", _read_description, values(DESCRIPTION), 500),
        Target("netlist", "mine.net", _read_netlist, either(*[texts(*NETLISTS)] * 3, noise)),
        Target("manifest", "manifest.json", _read_manifest, _MANIFESTS),
        Target("table", "t.csv", _read_table, either(*[texts(*TABLES)] * 3, noise)),
        Target("sweep", "s.yaml", _read_sweep, _SWEEPS),
        Target("yaml", "c.yaml", _read_yaml, either(*[texts(*YAMLS)] * 3, noise)),
        Target("label cache", "l.labels", _read_labels, _labels(), 500),
        Target("labels of k classes", "k.labels", _read_top_k, _top_k(), 500),
        Target("labels of whole softmaxes", "e.labels", _read_exact, _exact(), 500),
    )
}


def fuzz(target: Target, examples: int, start: int = 0, each: int = 1) -> Tally:
    """Give a reader wrong inputs; raise what it raises beside `UsageError`, and print that input.

    Args:
        target: the reader.
        examples: how many times hypothesis draws.
        start: seed; others give other inputs.
        each: inputs a draw. One is shrunk to the smallest that fails; more take less time each.
    """
    tried = 0
    chances = st.randoms(use_true_random=False) if each == 1 else st.integers(0, 2**63).map(random.Random)

    @seed(start)
    @settings(
        max_examples=examples,
        derandomize=False,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
    )
    @given(chances)
    def attempt(chance: random.Random) -> None:
        nonlocal tried
        for _ in range(each):
            content = target.inputs(chance)
            tried += 1
            path.write_bytes(content)
            note(f"{target.file}: {content!r}")
            _read(target, path)

    # In memory where there is such a place: writing a file takes longer than reading it.
    memory = Path("/dev/shm")
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder,
        warnings.catch_warnings(),
    ):
        path = Path(folder) / target.file
        warnings.simplefilter("error")
        attempt()
    return Tally(f"wrong inputs: {target.name}", tried, tried)


def _read(target: Target, path: Path) -> None:
    try:
        target.read(path)
    except UsageError as error:
        message = str(error)
        if not message.isprintable() or len(message) > 4000:
            raise AssertionError(f"no line: {message!r}") from error
