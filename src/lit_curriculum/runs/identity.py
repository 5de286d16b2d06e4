"""What makes two runs the same: the settings that change results, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lit_curriculum.errors import UsageError
from lit_curriculum.files import hash_of_json, sha256_of
from lit_curriculum.reading import parse_json, read_bytes

# A component's number is raised when a change of its code changes results; runs made before are then no
# longer taken for runs of today. A refactoring leaves it alone. Optimizers, schedules, strategies and classes
# of the examples come in with their first such change.
RESULTS_VERSION: dict[str, int] = {
    "lit_curriculum.experiments.bit_subset_parity.BitSubsetParityData": 1,
    "lit_curriculum.experiments.bit_subset_parity.BitSubsetParityGPT": 1,
    "lit_curriculum.experiments.circuits.CircuitData": 1,
    "lit_curriculum.experiments.circuits.CircuitGPT": 1,
    "lit_curriculum.experiments.elman.ElmanData": 1,
    "lit_curriculum.experiments.elman.ElmanMinibatch": 1,
    "lit_curriculum.experiments.elman.ElmanSGD": 1,
    "lit_curriculum.experiments.lego.LegoBert": 2,
    "lit_curriculum.experiments.lego.LegoData": 1,
    "lit_curriculum.experiments.natural_language.TextBert": 3,
    "lit_curriculum.experiments.natural_language.TextData": 1,
    "lit_curriculum.experiments.parity_mixture.ParityMixtureData": 1,
    "lit_curriculum.experiments.parity_mixture.ParityMixtureGPT": 3,
    "lit_curriculum.experiments.parity_roads.ParityRoadsData": 1,
    "lit_curriculum.experiments.parity_roads.ParityRoadsGPT": 1,
    "lit_curriculum.experiments.pcfg_bert.PCFGBert": 5,
    "lit_curriculum.experiments.pcfg_bert.PCFGData": 1,
    "lit_curriculum.experiments.pcfg_gpt2.PCFGBoundaryData": 1,
    "lit_curriculum.experiments.pcfg_gpt2.PCFGGPT": 1,
    "lit_curriculum.experiments.programs.ProgramsBert": 2,
    "lit_curriculum.experiments.programs.ProgramsData": 1,
    "lit_curriculum.experiments.sparse_parity.SparseParityData": 1,
    "lit_curriculum.experiments.sparse_parity.SparseParityMLP": 1,
    "lit_curriculum.experiments.sparse_parity.SparseParityMinibatchMLP": 2,
    "lit_curriculum.experiments.sparse_parity_gpt2.SparseParityGPT": 1,
    "lit_curriculum.experiments.sparse_parity_gpt2.SparseParityTokens": 1,
    "lit_curriculum.experiments.hierarchical_parity.HierarchicalParityData": 1,
    "lit_curriculum.experiments.hierarchical_parity.HierarchicalParityMLP": 1,
    "lit_curriculum.experiments.sum_and_parity.SumAndParityData": 1,
    "lit_curriculum.experiments.sum_and_parity.SumAndParityNet": 1,
    "lit_curriculum.callbacks.HarvestCheckpoints": 1,
    "lit_curriculum.callbacks.LiveTeacher": 1,
    "lit_curriculum.callbacks.LogAttention": 1,
    "lit_curriculum.callbacks.LogMonomials": 3,
    "lit_curriculum.callbacks.LogNgrams": 1,
    "lit_curriculum.callbacks.LogNonterminals": 1,
    "lit_curriculum.callbacks.LogSkipNgrams": 1,
    "lit_curriculum.callbacks.StopWhenLearned": 1,
    "lit_curriculum.callbacks.SwapTeacher": 1,
}

# The same of runs that begin from another's checkpoint. 2: a longer one has the rates of its own length.
_BEGINNING_VERSION = 2

# Where and how a run is executed and shown, not what it computes.
_NEUTRAL = {
    "config",
    "run_dir",
    "weights_only",
    "verbose",
    "trainer.accelerator",
    "trainer.devices",
    "trainer.num_nodes",
    "trainer.strategy",
    "trainer.default_root_dir",
    "trainer.logger",
    "trainer.log_every_n_steps",
    "trainer.enable_progress_bar",
    "trainer.enable_model_summary",
    "trainer.enable_checkpointing",
    "trainer.enable_autolog_hparams",
    "trainer.profiler",
    "trainer.plugins",
    "trainer.max_time",
    "trainer.callbacks.init_args.label_cache",
    "trainer.callbacks.init_args.label_cache_gib",
    "trainer.callbacks.init_args.teacher_device",
    "data.init_args.num_workers",
}
_NEUTRAL_CALLBACKS = {"lit_curriculum.callbacks.ExactResume"}


def results_settings(config: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a resolved configuration that changes results, with component versions.

    A teacher's bank, a corpus's tokens and a checkpoint that the run begins from count by what they hold, not
    by where they lie.

    Args:
        config: the resolved configuration of ``lit fit`` as plain dicts and lists.
    """
    settings: dict[str, Any] = _pruned(config, "")
    origin = settings.pop("ckpt_path", None)
    if origin not in (None, "last"):
        path = Path(str(origin)).expanduser()
        settings["began_from"] = sha256_of(path) if path.is_file() else str(origin)
        settings["beginning_version"] = _BEGINNING_VERSION
    settings["versions"] = versions_of(settings)
    return settings


def versions_of(settings: Any) -> dict[str, int]:
    """Return the results versions of the components that settings name, by full path or class name."""
    named = {path.rsplit(".", 1)[-1] for path in _class_paths(settings)}
    return {
        path: number for path, number in sorted(RESULTS_VERSION.items()) if path.rsplit(".", 1)[-1] in named
    }


def config_hash(config: dict[str, Any]) -> str:
    """Return the SHA-256 of `results_settings`."""
    return hash_of_json(results_settings(config))


def _pruned(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        result = {}
        for name, inner in value.items():
            path = f"{key}.{name}" if key else name
            if path in _NEUTRAL:
                continue
            # A teacher that is described instead of named counts by its description.
            by_content = name in _BY_CONTENT and not isinstance(inner, dict)
            result[name] = _BY_CONTENT[name](inner) if by_content else _pruned(inner, path)
        return result
    if isinstance(value, list):
        kept = [v for v in value if not (isinstance(v, dict) and v.get("class_path") in _NEUTRAL_CALLBACKS)]
        return [_pruned(v, key) for v in kept]
    return value


def _bank_identity(folder: Any) -> Any:
    # Imported here: lists of figures need a run's key, and are to answer without torch.
    from lit_curriculum.distillation.manifest import MANIFEST

    path = Path(str(folder)) / MANIFEST
    try:
        content = read_bytes(path, "bank")
    except UsageError:
        return folder  # opening the bank will say what is wrong with it
    try:
        recorded = parse_json(content.decode("utf-8-sig")).get("config_hash")
    except (ValueError, AttributeError):
        recorded = None  # the same
    return recorded or hashlib.sha256(content).hexdigest()


def _tokens_identity(folder: Any) -> Any:
    from lit_curriculum.tasks.text.tokenising import MANIFEST

    try:
        manifest = parse_json(read_bytes(Path(str(folder)) / MANIFEST, "data.tokens").decode())
        return {"sha256": manifest["sha256"], "vocabulary": manifest["vocabulary"]}
    except (ValueError, KeyError, TypeError):
        return folder  # made-up, or opening the folder will say what is wrong with it


_BY_CONTENT = {"bank": _bank_identity, "tokens": _tokens_identity}
"""Settings that name a folder and count by what it holds."""


def _class_paths(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("class_path"), str):
            yield value["class_path"]
        for inner in value.values():
            yield from _class_paths(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _class_paths(inner)
