"""Every kind of run that the suite knows, and what it means that two runs are the same."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from lit_curriculum.distillation import CheckpointBank
from tests.support import config, fit, in_child, without_times

ONLINE = [config("sparse_parity_mlp"), config("smoke/sparse_parity_mlp")]
PCFG = [config("pcfg_bert"), config("smoke/pcfg_bert")]
LEGO = [config("lego"), config("smoke/lego")]
MIXTURE = [config("parity_mixture"), config("smoke/parity_mixture")]
PROGRAMS = [config("programs"), config("smoke/programs")]
THEORY = [config("sum_and_parity"), config("smoke/sum_and_parity")]
SUBSETS = [config("bit_subset_parity"), config("smoke/bit_subset_parity")]
ELMAN = [config("elman"), config("smoke/elman")]
MINIBATCH = [config("sparse_parity_minibatch"), config("smoke/sparse_parity_minibatch")]

KINDS = (
    "teacher",
    "student",
    "minibatch",
    "bert",
    "lego",
    "mixture",
    "programs",
    "subsets",
    "elman",
    "theory",
)


def write_overlays(folder: Path) -> dict[str, list[str]]:
    """Make ten configurations that together write everything a run can write; students need a teacher.

    Returns:
        The configuration files of each of `KINDS`.
    """
    resume = "{class_path: ExactResume, init_args: {min_seconds: 0, every_n_steps: 1}}"
    harvest = "{class_path: HarvestCheckpoints, init_args: {every_n_steps: 700, on_change: 0.02}}"
    monomials = "{class_path: LogMonomials, init_args: {every_n_steps: 4500}}"
    teacher = folder / "teacher.yaml"
    teacher.write_text(
        "data: {init_args: {num_steps: 9000}}\n"
        f"trainer: {{callbacks: [{harvest}, {monomials}, {resume}]}}\n"
    )
    assert in_child(lambda: fit(folder / "bank-of", *ONLINE, str(teacher))) == 0
    swap = (
        f"{{class_path: SwapTeacher, init_args: {{bank: {folder}/bank-of/bank, "
        "strategy: {class_path: NT, init_args: {N: 4, T: 1300}}, tau: 1.0}}"
    )
    student = folder / "student.yaml"
    student.write_text(
        "model: {init_args: {width: 10, model_seed: 7}}\n"
        "data: {init_args: {num_steps: 9000, data_seed: 7}}\n"
        f"trainer: {{callbacks: [{swap}, {harvest}, {resume}]}}\n"
    )
    adam = folder / "adam.yaml"
    adam.write_text(
        "model: {init_args: {optimizer: {class_path: torch.optim.Adam, init_args: {lr: 0.01}},\n"
        " lr_scheduler: {class_path: torch.optim.lr_scheduler.StepLR, init_args: {step_size: 30}}}}\n"
        "trainer: {callbacks: [{class_path: HarvestCheckpoints, init_args: {log_spaced: 6}}, "
        f"{resume}]}}\n"
    )
    assert in_child(lambda: fit(folder / "bert" / "run", *PCFG)) == 0
    swap = (
        f"{{class_path: SwapTeacher, init_args: {{bank: {folder}/bert/run/bank, tau: 1.0e-3, "
        "strategy: {class_path: Explicit, init_args: {checkpoints: [10, 40], durations: [13, 1]}}}}"
    )
    ngrams = "{class_path: LogNgrams, init_args: {every_n_steps: 10, strings: 4, positions: 2}}"
    bert = folder / "bert.yaml"
    bert.write_text(
        "model: {init_args: {model_seed: 7, dropout: 0.2}}\n"
        "data: {init_args: {data_seed: 7}}\n"
        f"trainer: {{callbacks: [{swap}, {ngrams}, "
        f"{{class_path: HarvestCheckpoints, init_args: {{every_n_steps: 5}}}}, {resume}]}}\n"
    )
    lego = folder / "lego.yaml"
    lego.write_text(
        "model: {init_args: {dropout: 0.2, lr_scheduler: {init_args: {decay: cosine}}}}\n"
        "data: {init_args: {supervision: single, train_samples: 100}}\n"
        "trainer: {callbacks: [{class_path: HarvestCheckpoints, init_args: {every_n_steps: 4}}, "
        f"{resume}]}}\n"
    )
    mixture = folder / "mixture.yaml"
    mixture.write_text(
        "model: {init_args: {dropout: 0.2}}\n"
        "trainer: {callbacks: [{class_path: HarvestCheckpoints, init_args: {every_n_steps: 4}}, "
        f"{resume}]}}\n"
    )
    programs = folder / "programs.yaml"
    programs.write_text(
        "model: {init_args: {readout: cls, dropout: 0.2, lr_scheduler: {init_args: {warmup_steps: 5}}}}\n"
        "data: {init_args: {readout: cls, supervision: mixture, p_intermediate: 0.3}}\n"
        "trainer: {callbacks: [{class_path: HarvestCheckpoints, init_args: {every_n_steps: 4}}, "
        f"{resume}]}}\n"
    )
    theory = folder / "theory.yaml"
    theory.write_text(
        "trainer: {callbacks: [{class_path: HarvestCheckpoints, init_args: {every_n_steps: 23}}, "
        f"{resume}]}}\n"
    )
    subsets = folder / "subsets.yaml"
    subsets.write_text(
        "model: {init_args: {dropout: 0.2, lr_scheduler:\n"
        " {class_path: WarmupDecay, init_args: {warmup_steps: 15}}}}\n"
        "trainer: {callbacks: [{class_path: HarvestCheckpoints, init_args: {every_n_steps: 4}}, "
        f"{resume}]}}\n"
    )
    elman = folder / "elman.yaml"
    elman.write_text(
        "model: {init_args: {sigma: 0.001}}\n"
        "trainer: {callbacks: [{class_path: HarvestCheckpoints, init_args: {every_n_steps: 4}}, "
        f"{resume}]}}\n"
    )
    return {
        "elman": [*ELMAN, str(elman)],
        "bert": [*PCFG, str(bert)],
        "lego": [*LEGO, str(lego)],
        "mixture": [*MIXTURE, str(mixture)],
        "programs": [*PROGRAMS, str(programs)],
        "subsets": [*SUBSETS, str(subsets)],
        "theory": [*THEORY, str(theory)],
        "teacher": [*ONLINE, str(teacher)],
        "student": [*ONLINE, str(student)],
        "minibatch": [*MINIBATCH, str(adam)],
    }


def assert_same_run(ours: Path, theirs: Path) -> None:
    """Compare everything that a run computes, bit for bit."""
    a, b = (torch.load(p / "checkpoints" / "last.ckpt", weights_only=True) for p in (ours, theirs))
    for name, tensor in a["state_dict"].items():
        assert torch.equal(tensor, b["state_dict"][name]), name
    # Groups hold words as well, which assert_close takes for no values. Batch-1 SGD has none.
    mine, other = ([s.pop("param_groups", None) for s in c["optimizer_states"]] for c in (a, b))
    assert mine == other
    torch.testing.assert_close(a["optimizer_states"], b["optimizer_states"], rtol=0, atol=0)
    assert a["lr_schedulers"] == b["lr_schedulers"]
    assert a["lit_curriculum"]["step"] == b["lit_curriculum"]["step"]
    assert without_times(ours / "metrics.csv") == without_times(theirs / "metrics.csv")
    for table in ("monomials.csv", "swaps.csv", "ngrams.csv"):
        assert (ours / table).exists() == (theirs / table).exists()
        if (ours / table).exists():
            assert (ours / table).read_bytes() == (theirs / table).read_bytes()
    first, second = (CheckpointBank.open(p / "bank") for p in (ours, theirs))
    assert first.checkpoints == second.checkpoints  # steps, metrics and the hashes of the files
    for entry in second:
        second.verify(entry)


def assert_all_readable(folder: Path) -> None:
    """Check that whatever carries its final name is whole."""
    for path in folder.rglob("*.safetensors"):
        load_file(path)
    for path in folder.rglob("*.json"):
        json.loads(path.read_text())
    for path in folder.rglob("*.ckpt"):
        torch.load(path, weights_only=True)


def resume_until_done(folder: Path, configs: list[str]) -> None:
    assert in_child(lambda: fit(folder, *configs)) == 0
    assert json.loads((folder / "provenance.json").read_text())["finished"]
