"""A run killed at any instant and started again ends as if nothing had happened."""

from __future__ import annotations

import json
import random
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lit_curriculum.distillation import CheckpointBank
from tests.support import config, fit, in_child, killed_at_write, unfinish, without_times

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


@pytest.fixture(scope="module")
def overlays(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Ten runs that together write everything a run can write; the students need a teacher."""
    folder = tmp_path_factory.mktemp("overlays")
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
        "model: {init_args: {dropout: 0.2, schedule: cosine, optimizer: muon}}\n"
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
        "model: {init_args: {readout: cls, dropout: 0.2, schedule: cosine, warmup_steps: 5}}\n"
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
        "model: {init_args: {dropout: 0.2, warmup_steps: 15}}\n"
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


@pytest.fixture(scope="module")
def uninterrupted(
    overlays: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folders = {}
    for name, configs in overlays.items():
        folders[name] = tmp_path_factory.mktemp("whole") / name
        assert in_child(lambda c=configs, f=folders[name]: fit(f, *c)) == 0
    return folders


@pytest.mark.parametrize("kind", KINDS)
def test_killed_inside_a_write_and_resumed_is_bit_identical(
    kind: str, overlays: dict[str, list[str]], uninterrupted: dict[str, Path], tmp_path: Path
) -> None:
    # Two deaths in one run: the second at a moment that the first resume has already passed.
    for death, nth in enumerate(random.Random(kind).sample(range(8, 60), 2)):
        action = killed_at_write(lambda: fit(tmp_path / "run", *overlays[kind]), nth)
        assert in_child(action) == -signal.SIGKILL, f"death {death} at write {nth} did not happen"
        assert_all_readable(tmp_path)
    resume_until_done(tmp_path / "run", overlays[kind])
    assert_same_run(uninterrupted[kind], tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(20))
def test_killed_at_a_random_moment_and_resumed_is_bit_identical(
    kind: str,
    seed: int,
    overlays: dict[str, list[str]],
    uninterrupted: dict[str, Path],
    tmp_path: Path,
) -> None:
    moment = random.Random(f"{kind}{seed}")
    if seed % 2:
        action = killed_at_write(lambda: fit(tmp_path / "run", *overlays[kind]), moment.randrange(2, 110))
        in_child(action)
    else:
        in_child(lambda: fit(tmp_path / "run", *overlays[kind]), kill_after=moment.uniform(0.1, 2.5))
    assert_all_readable(tmp_path)
    resume_until_done(tmp_path / "run", overlays[kind])
    assert_same_run(uninterrupted[kind], tmp_path / "run")


def test_killed_after_the_last_checkpoint_only_needs_its_last_line(
    overlays: dict[str, list[str]], uninterrupted: dict[str, Path], tmp_path: Path
) -> None:
    configs = overlays["minibatch"]
    assert in_child(lambda: fit(tmp_path / "run", *configs)) == 0
    unfinish(tmp_path / "run")
    resume_until_done(tmp_path / "run", configs)
    assert_same_run(uninterrupted["minibatch"], tmp_path / "run")


def test_a_finished_run_can_be_made_longer(
    overlays: dict[str, list[str]], uninterrupted: dict[str, Path], tmp_path: Path
) -> None:
    """Half of a run, continued from its last checkpoint, is the whole run."""
    half = ("--data.num_steps=100", "--data.eval_every=50")
    assert in_child(lambda: fit(tmp_path / "half", *overlays["minibatch"], options=half)) == 0
    onwards = ("--ckpt_path", str(tmp_path / "half" / "checkpoints" / "last.ckpt"))
    assert in_child(lambda: fit(tmp_path / "rest", *overlays["minibatch"], options=onwards)) == 0
    ours, theirs = (
        torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
        for folder in (uninterrupted["minibatch"], tmp_path / "rest")
    )
    for name, tensor in ours["state_dict"].items():
        assert torch.equal(tensor, theirs["state_dict"][name]), name
    whole = without_times(uninterrupted["minibatch"] / "metrics.csv")
    assert without_times(tmp_path / "rest" / "metrics.csv") == [r for r in whole if int(r["step"]) > 100]


def test_what_the_user_writes_wins_over_a_checkpoint(tmp_path: Path) -> None:
    """Hyper-parameters that somebody stored in a checkpoint change neither model nor data."""
    half = ("--data.num_steps=100", "--data.eval_every=50")
    assert in_child(lambda: fit(tmp_path / "half", *MINIBATCH, options=half)) == 0
    checkpoint = tmp_path / "half" / "checkpoints" / "last.ckpt"
    state = torch.load(checkpoint, weights_only=True)
    state["hyper_parameters"] = {"width": 7, "optimizer": {"class_path": "torch.optim.Adam"}}
    torch.save(state, tmp_path / "other.ckpt")
    for name, path in (("plain", checkpoint), ("loaded", tmp_path / "other.ckpt")):
        options = ("--ckpt_path", str(path))
        assert in_child(lambda n=name, o=options: fit(tmp_path / n, *MINIBATCH, options=o)) == 0
    assert_same_run(tmp_path / "plain", tmp_path / "loaded")
    assert "width: 50" in (tmp_path / "loaded" / "config.yaml").read_text()
