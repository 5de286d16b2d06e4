"""Every shipped configuration runs through the real command."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from lit_curriculum.cli.main import main
from lit_curriculum.cli.parsing import parse_and_run, parse_run
from lit_curriculum.reproduce import figure
from lit_curriculum.runs.sweep_file import load_sweep
from tests.support import CONFIGS, config, fit, in_child

BASES = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
SWEEPS = sorted((CONFIGS / "sweeps").glob("*.yaml"))
OVERLAYS = sorted(
    str(path.relative_to(CONFIGS))[:-5] for path in CONFIGS.glob("*/*.yaml") if path not in SWEEPS
)
# What a base reads that is not shipped, in its place a text that needs no file.
MADE_UP = (
    "--data.tokens=made-up",
    "--data.held_out_share=0.3",
    "--data.eval_samples=32",
    "--model.vocab_size=64",
)
WITHOUT_FILES = {"natural_language": MADE_UP}


def test_there_is_something_to_test() -> None:
    assert {"sparse_parity_mlp", "sparse_parity_minibatch"} <= set(BASES)


@pytest.mark.parametrize("name", BASES)
def test_a_base_resolves_and_names_its_scale(name: str, tmp_path: Path) -> None:
    assert "Scale: laptop" in Path(config(name)).read_text()
    files = WITHOUT_FILES.get(name, ())
    assert main(["check", config(name), f"--run_dir={tmp_path / 'run'}", *files]) == 0


@pytest.mark.parametrize("name", BASES)
def test_a_base_trains_at_smoke_scale(name: str, tmp_path: Path) -> None:
    assert in_child(lambda: fit(tmp_path / "run", config(name), config(f"smoke/{name}"))) == 0
    record = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert record["finished"]
    assert (
        record["steps"]
        == yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["data"]["init_args"]["num_steps"]
    )


@pytest.mark.parametrize("name", [name for name in OVERLAYS if name.startswith("paper/")])
def test_a_paper_overlay_resolves_on_its_base(name: str, tmp_path: Path) -> None:
    base = name.removeprefix("paper/")
    files = WITHOUT_FILES.get(base, ())
    assert main(["check", config(base), config(name), f"--run_dir={tmp_path / 'run'}", *files]) == 0


def test_the_documented_student_learns_from_the_documented_teacher(tmp_path: Path) -> None:
    base = [config("sparse_parity_mlp"), config("smoke/sparse_parity_mlp")]
    student = [*base, config("distill/student"), config("distill/progressive")]
    bank = f"--trainer.callbacks.init_args.bank={tmp_path / 'teacher' / 'bank'}"
    assert in_child(lambda: fit(tmp_path / "teacher", *base)) == 0
    assert in_child(lambda: fit(tmp_path / "student", *student, options=(bank,))) == 0
    record = json.loads((tmp_path / "student" / "provenance.json").read_text())
    assert len(record["teachers"]) == 20
    assert (tmp_path / "student" / "swaps.csv").read_text().count("\n") == 21


def test_teacher_and_student_in_one_run_can_be_tried_at_smoke_scale(tmp_path: Path) -> None:
    layers = [config(name) for name in ("sparse_parity_gpt2", "distill/live_teacher", "smoke/live_teacher")]
    assert in_child(lambda: fit(tmp_path / "run", *layers)) == 0
    record = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert record["finished"]
    assert [teacher["step"] for teacher in record["teachers"]] == list(range(5, 41, 5))


def test_the_paper_scale_is_the_published_setting(tmp_path: Path) -> None:
    words = ["--config", config("sparse_parity_mlp"), "--config", config("paper/sparse_parity_mlp")]
    cli = parse_and_run(["fit", *words, f"--run_dir={tmp_path / 'run'}"], run=False)
    data, module = cli.datamodule, cli.model
    assert (data.task.d, data.task.support) == (100, (0, 1, 2, 3, 4, 5))
    assert (data.num_steps, data.batch_size, data.eval_samples) == (20_000_000, 1, 4096)
    assert (module.model.hidden.out_features, module.lr) == (50_000, 5e-3)
    (study,) = figure.load("fig1-left", "paper").studies
    teacher, *students = study.arms
    assert {arm.set["model.width"] for arm in students} == {100}
    assert study.grid == {"model.lr": (1e-2, 5e-3, 1e-3)}
    assert study.arm("two-shot").teach["strategy"]["init_args"] == {"T": 1_000_000}
    assert len(study.seeds) == 3
    assert data.num_steps // teacher.callbacks[0]["init_args"]["every_n_steps"] == 200


def resolved(name: str, tmp_path: Path) -> Any:
    words = ["--config", config(name), "--config", config(f"paper/{name}")]
    return parse_and_run(["fit", *words, f"--run_dir={tmp_path / 'run'}"], run=False)


def warmup_and_decay(cli: Any) -> tuple[int, str]:
    """Return the warm-up and the decay of the learning rate of a run."""
    schedule = cli.model.make_scheduler(cli.model.make_optimizer(), cli.datamodule.num_steps)
    return schedule.warmup_steps, schedule.decay


def adam(cli: Any) -> dict[str, Any]:
    """Return the rate and decay of the optimizer that a run would use."""
    group = cli.model._make_optimizer([torch.nn.Parameter(torch.zeros(1))]).param_groups[0]
    return {name: group[name] for name in ("lr", "weight_decay")}


def test_parity_mixtures_at_paper_scale_are_the_published_setting(tmp_path: Path) -> None:
    """Implicit, appendix B.1."""
    cli = resolved("parity_mixture", tmp_path)
    ours = cli.model.model.init_args
    assert (ours["width"], ours["layers"], ours["heads"], ours["max_length"]) == (128, 6, 4, 100)
    assert (ours["initializer_range"], ours["dropout"]) == (0.02, 0.1)  # transformers' own
    assert (cli.datamodule.task.n, cli.datamodule.task.k, cli.datamodule.batch_size) == (50, 25, 256)
    assert cli.datamodule.num_steps == 100_000
    assert adam(cli) == {"lr": 2e-4, "weight_decay": 0.0}


# With transformers' own initialisation and dropout.
BERT_BASE = {"layers": 12, "heads": 12, "head_size": 64, "initializer_range": 0.02, "dropout": 0.1}


@pytest.fixture
def tiny_bert(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what a model is asked to be, but do not allocate and draw 100M weights."""
    monkeypatch.setattr("lit_curriculum.training.base.registry.build", Described)


class Described(torch.nn.Module):
    def __init__(self, model: dict[str, Any], seed: int) -> None:
        super().__init__()
        self.init_args = model["init_args"]
        self.layer = torch.nn.ModuleList([torch.nn.Linear(2, 2)])


@pytest.mark.usefixtures("tiny_bert")
@pytest.mark.parametrize("file", SWEEPS, ids=lambda path: path.stem)
def test_every_run_of_a_sweep_resolves(file: Path, tmp_path: Path) -> None:
    plan = load_sweep(file)
    # Rates, decays and seeds change nothing that is checked: one of each of the others.
    varied = ("model.optimizer.lr", "model.optimizer.weight_decay", "data.data_seed", "model.model_seed")
    kinds = {
        str({name: value for name, value in settings.items() if name not in varied}): run
        for run, settings in zip(plan.runs, plan.settings, strict=True)
    }
    for run in kinds.values():
        parse_run(run, tmp_path).preflight()


@pytest.mark.usefixtures("tiny_bert")
def test_table_1_as_a_sweep_is_the_papers_grid() -> None:
    """Subtask, Tables 1 and 2."""
    plan = load_sweep(CONFIGS / "sweeps" / "subtask_table1.yaml")
    grid = {
        (s["model.optimizer.lr"], s["model.optimizer.weight_decay"], s["data.data_seed"])
        for s in plan.settings
    }
    rates, decays, seeds = (1e-6, 1e-5, 1e-4), (0.0, 1e-6, 1e-4, 1e-2), (27, 67, 93)
    assert grid == set(itertools.product(rates, decays, seeds))
    sizes = {(s["data.subtask_labels"], s["data.d"]) for s in plan.settings}
    assert sizes == {
        *((True, d) for d in (8, 16, 32, 64, 128)),
        *((False, d) for d in (8, 10, 12, 14, 16, 18, 32, 64, 128)),
    }
    assert len(plan.runs) == len(grid) * len(sizes)
    assert all(s["data.data_seed"] == s["model.model_seed"] for s in plan.settings)


RATES_OF_APPENDIX_B = (1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4)


def expanded(name: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the runs of a shipped sweep file as ``lit sweep FILE status`` tells them."""
    path = CONFIGS / "sweeps" / f"{name}.yaml"
    assert main(["sweep", str(path), "status", "--json"]) == 0
    runs: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert len({run["run"] for run in runs}) == len(runs)
    assert all(run["data.data_seed"] == run["model.model_seed"] for run in runs)
    return runs


def test_the_sweep_of_lego_is_appendix_b2s(capsys: pytest.CaptureFixture[str]) -> None:
    runs = expanded("implicit_lego", capsys)
    chains, kinds = ((12,), (8, 4)), ("single", "multi")
    expected = set(itertools.product(chains, kinds, RATES_OF_APPENDIX_B, (0, 1, 2)))
    keys = ("data.supervision", "model.optimizer.lr", "data.data_seed")
    assert {(tuple(r["data.chain_lengths"]), *(r[key] for key in keys)) for r in runs} == expected
    assert len(runs) == len(expected) == 72


def test_the_sweep_of_programs_is_appendix_b3s(capsys: pytest.CaptureFixture[str]) -> None:
    """The grid is that of figure 3 at paper scale, method by method."""
    runs = expanded("implicit_programs", capsys)
    studies = figure.load("implicit-fig3", "paper").studies
    methods = {(s.set["data.readout"], arm.set["data.supervision"]) for s in studies for arm in s.arms}
    expected = set(itertools.product(methods, RATES_OF_APPENDIX_B, (0, 1, 2)))
    found = {
        ((r["data.readout"], r["data.supervision"]), r["model.optimizer.lr"], r["data.data_seed"])
        for r in runs
    }
    assert found == expected
    assert len(runs) == 72
    assert all(r["data.readout"] == r["model.readout"] for r in runs)
    assert all(study.grid == {"model.optimizer.lr": RATES_OF_APPENDIX_B} for study in studies)


def test_the_sweep_of_parity_mixtures_is_figure_1s(capsys: pytest.CaptureFixture[str]) -> None:
    runs = expanded("implicit_parity_mixture", capsys)
    main_study = figure.load("implicit-fig1", "paper").studies[0]
    expected = {(arm.set["data.n"], arm.set["data.p"]) for arm in main_study.arms}
    assert {(r["data.n"], r["data.p"]) for r in runs} == expected
    assert all(r["data.n"] == r["model.n"] for r in runs)
    assert len(runs) == 3 * len(expected)


@pytest.mark.usefixtures("tiny_bert")
def test_lego_at_paper_scale_is_the_published_setting(tmp_path: Path) -> None:
    """Implicit, appendix B.2: 200 epochs of 117 whole batches."""
    cli = resolved("lego", tmp_path)
    ours, data = cli.model.model.init_args, cli.datamodule
    assert BERT_BASE.items() <= ours.items()
    assert ours["vocab_size"] == 30_522
    assert (data.task.chain_lengths, data.train_samples, data.eval_samples) == ((12,), 120_000, 12_000)
    assert (data.batch_size, data.num_steps) == (1024, 200 * (120_000 // 1024))
    assert warmup_and_decay(cli) == (1000, "cosine")
    assert isinstance(cli.model.make_optimizer(), torch.optim.AdamW)
    assert adam(cli)["weight_decay"] == 0.01


@pytest.mark.usefixtures("tiny_bert")
def test_programs_at_paper_scale_are_the_published_setting(tmp_path: Path) -> None:
    """Implicit, appendix B.3."""
    cli = resolved("programs", tmp_path)
    ours, data = cli.model.model.init_args, cli.datamodule
    assert BERT_BASE.items() <= ours.items()
    assert (ours["vocab_size"], ours["n_classes"]) == (16, 10)
    assert (data.n_positions, data.batch_size, data.num_steps) == (10, 1024, 24_000)
    assert data.p_intermediate == 1 / 320
    assert warmup_and_decay(cli) == (0, "cosine")
    assert isinstance(cli.model.make_optimizer(), torch.optim.AdamW)
    assert adam(cli)["weight_decay"] == 0.0


@pytest.mark.usefixtures("tiny_bert")
def test_bit_subset_parity_at_paper_scale_is_the_published_setting(tmp_path: Path) -> None:
    """Subtask, Table 2."""
    cli = resolved("bit_subset_parity", tmp_path)
    ours, data = cli.model.model.init_args, cli.datamodule
    assert ours == {
        "vocab_size": 2,
        "max_length": 190,
        "layers": 12,
        "heads": 12,
        "width": 768,
        "initializer_range": 0.02,
        "dropout": 0.0,
    }
    assert (data.task.d, data.length, data.batch_size, data.num_steps) == (128, 190, 32, 100_000)
    assert (data.eval_every, data.eval_samples, data.data_seed) == (1000, 1024, 27)
    assert warmup_and_decay(cli) == (1000, "none")
    group = cli.model._make_optimizer([torch.nn.Parameter(torch.zeros(1))]).param_groups[0]
    shown = {name: group[name] for name in ("lr", "betas", "eps", "weight_decay")}
    assert shown == {"lr": 1e-4, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}


@pytest.mark.usefixtures("tiny_bert")
def test_natural_language_at_paper_scale_is_the_published_setting(tmp_path: Path) -> None:
    """Progressive, figure 6."""
    files = WITHOUT_FILES["natural_language"]
    words = ["--config", config("natural_language"), "--config", config("paper/natural_language")]
    cli = parse_and_run(["fit", *words, f"--run_dir={tmp_path / 'run'}", *files], run=False)
    ours, data = cli.model.model.init_args, cli.datamodule
    assert (ours["layers"], ours["heads"], ours["head_size"]) == (12, 12, 64)
    assert (data.batch_size, data.num_steps) == (512, 120_000)
    assert adam(cli) == {"lr": 1e-4, "weight_decay": 0.0}
