"""A run stops at the first number that is not finite: nothing of it is recorded, saved or harvested."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from safetensors.torch import load_file

from lit_curriculum.cli.main import main
from lit_curriculum.distillation import BankWriter, Supervision
from lit_curriculum.errors import NotFinite
from lit_curriculum.finite import all_finite, named_tensors
from lit_curriculum.models import build, describe
from lit_curriculum.tasks.sparse_parity import SparseParity
from lit_curriculum.training import soundness
from lit_curriculum.training.base import CurriculumModule
from lit_curriculum.training.soundness import LossSum
from tests.support import CONFIGS, config, fit, in_child

# One for each loop over updates, and the callbacks that measure; the slow tests have all.
FEW = ("elman", "pcfg_bert", "sparse_parity_minibatch", "sparse_parity_mlp", "sum_and_parity")
EXPERIMENTS = [
    name if name in FEW else pytest.param(name, marks=pytest.mark.slow)
    for name in sorted(path.stem for path in CONFIGS.glob("*.yaml"))
]
MINIBATCH = [config("sparse_parity_minibatch"), config("smoke/sparse_parity_minibatch")]
TWO = ("--trainer.devices=2", "--trainer.strategy=ddp_fork", "--trainer.accelerator=cpu")
# Sound until the 121st update, whose rate is 1e35; harvested at every tenth, saved at every twentieth.
BREAKS = """
model: {init_args: {lr_scheduler: {class_path: torch.optim.lr_scheduler.StepLR,
  init_args: {step_size: 120, gamma: 1.0e+36}}}}
trainer: {callbacks: [{class_path: HarvestCheckpoints, init_args: {every_n_steps: 10}},
  {class_path: ExactResume, init_args: {min_seconds: 0, every_n_steps: 20}},
  {class_path: StopWhenLearned, init_args: {level: 2.0}}]}
"""


def rate(name: str) -> str:
    """Return the option with a rate that no training survives."""
    own_loop = name in ("sparse_parity_mlp", "hierarchical_parity", "elman", "sum_and_parity")
    where = "model.lr" if own_loop else "model.optimizer.lr"
    return f"--{where}=1e30"


def assert_sound(folder: Path) -> None:
    """Check that nothing of a run is infinite or NaN, and that it does not pass for a finished one."""
    for path in folder.rglob("*.csv"):
        cells = {cell.lower() for line in path.read_text().splitlines() for cell in line.split(",")}
        assert not cells & {"nan", "inf", "-inf"}, path
    for path in folder.rglob("*.safetensors"):
        assert all_finite(load_file(path).values()), path
    for path in folder.rglob("*.ckpt"):
        state = torch.load(path, weights_only=True)
        for part in ("state_dict", "optimizer_states", "lit_curriculum"):
            assert all_finite(tensor for _, tensor in named_tensors(state[part])), path
    for path in folder.rglob("*.json"):
        json.loads(path.read_text(), parse_constant=pytest.fail)
    assert not json.loads((folder / "provenance.json").read_text())["finished"]


def in_a_child(action: Callable[[], int], capfd: pytest.CaptureFixture[str]) -> str:
    """Run what must fail, and return its only line."""
    assert in_child(action) == 1
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("lit: ")]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_too_large_a_rate_stops_every_experiment(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """With the callbacks of the shipped configurations: harvest, monomials, n-grams."""
    run = [config(name), config(f"smoke/{name}")]
    line = in_a_child(lambda: fit(tmp_path, *run, options=(rate(name),)), capfd)
    assert line.startswith("lit: error: step ")
    assert line.endswith(" is not finite; the likely cause is a learning rate that is too large (1e+30)")
    assert int(line.split()[3].rstrip(":").replace(",", "")) <= 10  # sum_and_parity computes no loss before
    assert_sound(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["reference", "numba", "blocked", "triton"])
@pytest.mark.parametrize("name", ["sparse_parity_mlp", "hierarchical_parity"])
def test_too_large_a_rate_stops_every_backend(
    name: str,
    backend: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if backend == "triton":
        monkeypatch.setenv("TRITON_INTERPRET", "1")
    options = (rate(name), f"--model.backend={backend}", "--data.eval_every=50", "--data.steps_per_call=50")
    options += ("--data.num_steps=100", "--model.width=8", "--trainer.callbacks=[]")
    line = in_a_child(lambda: fit(tmp_path, config(name), config(f"smoke/{name}"), options=options), capfd)
    assert "the likely cause is a learning rate that is too large (1e+30)" in line
    assert_sound(tmp_path)


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_that_breaks_keeps_what_was_good_and_goes_on_from_there(
    processes: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One process stops at the step; several stop together, at the next harvest, and name the same step."""
    overlay = tmp_path / "breaks.yaml"
    overlay.write_text(BREAKS)
    options = TWO if processes == 2 else ()
    for _ in range(2):  # the same command again: from the last good checkpoint to the same end
        line = in_a_child(lambda: fit(tmp_path / "run", *MINIBATCH, str(overlay), options=options), capfd)
        assert "step 121: " in line
        assert " is not finite; the likely cause is a learning rate that is too large (0.1)" in line
        assert_sound(tmp_path / "run")
        kept = tmp_path / "run" / "checkpoints" / "last.ckpt"
        assert torch.load(kept, weights_only=True)["lit_curriculum"]["step"] == 120
        steps = [
            int(path.stem.removeprefix("step_")) for path in (tmp_path / "run" / "bank").glob("*.safetensors")
        ]
        assert sorted(steps) == [*range(10, 121, 10)]
        rows = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
        assert [row.split(",")[0] for row in rows] == ["step", "50", "100"]


# --- a teacher whose answers are none --------------------------------------------------------------------


def overflowing_bank(folder: Path, d: int, width: int, support: tuple[int, ...]) -> None:
    """Write a teacher of finite weights, the largest there are: its logits are not finite."""
    model = build({"name": "mlp", "init_args": {"d": d, "width": width, "n_classes": 2}}, seed=0)
    with torch.no_grad():
        model.output.weight.fill_(3e38)
        model.hidden.bias.fill_(10.0)
    task = SparseParity.create(d, len(support), list(support)).describe()
    BankWriter(folder, describe(model), task).add(70, 70, model.state_dict())


@pytest.mark.parametrize(
    ("name", "tau"),
    [
        ("sparse_parity_minibatch", 0.0),
        ("sparse_parity_mlp", 1e-4),
        pytest.param("sparse_parity_minibatch", 1.0, marks=pytest.mark.slow),
        pytest.param("sparse_parity_mlp", 0.0, marks=pytest.mark.slow),
    ],
)
def test_a_teachers_answer_is_named_as_the_teachers(
    name: str, tau: float, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    d, k = (10, 2) if name == "sparse_parity_minibatch" else (12, 3)
    overflowing_bank(tmp_path / "bank", d, 4, tuple(range(k)))
    overlay = tmp_path / "student.yaml"
    overlay.write_text(
        f"trainer: {{callbacks: [{{class_path: SwapTeacher, init_args: {{bank: {tmp_path / 'bank'}, "
        f"tau: {tau}, strategy: {{class_path: OneShot}}}}}}]}}"
    )
    run = [config(name), config(f"smoke/{name}"), str(overlay)]
    line = in_a_child(lambda: fit(tmp_path / "run", *run), capfd)
    assert line == (
        "lit: error: step 0: an answer of the teacher is not finite; "
        f"the likely cause is its checkpoint, checkpoint 70 of {tmp_path / 'bank'}"
    )
    assert_sound(tmp_path / "run")


# --- what is looked at where -------------------------------------------------------------------------------


def a_module(processes: int = 1, **attributes: Any) -> CurriculumModule:
    """Return as much of a module as the checks look at, after 40 updates at a rate of 0.5."""
    trainer = SimpleNamespace(world_size=processes, optimizers=[], state=SimpleNamespace(fn="fit"))
    return cast(
        CurriculumModule,
        SimpleNamespace(
            trainer=trainer,
            model=torch.nn.Linear(2, 1),
            step=40,
            lr=0.5,
            losses=LossSum(30),
            supervision=Supervision(),
            gather=lambda value: [value] * processes,
            **attributes,
        ),
    )


def test_a_loss_on_the_processor_stops_a_single_process_at_once() -> None:
    module = a_module()
    module.losses.add(torch.tensor(1.0), 1, 40)
    soundness.check_loss(module)
    module.losses.add(torch.tensor(math.inf), 1, 40)
    with pytest.raises(NotFinite, match=r"^step 40: the loss \(inf\) is not finite; .* \(0\.5\)$"):
        soundness.check_loss(module)


def test_with_several_processes_all_stop_at_the_next_joint_check_and_name_the_first_step() -> None:
    module = a_module(processes=2)
    module.losses.add(torch.tensor(math.nan), 1, 33)
    module.losses.add(torch.tensor(1.0), 1, 34)
    soundness.check_loss(module)
    module.gather = lambda value: [None, value]  # type: ignore[method-assign]
    with pytest.raises(NotFinite, match=r"^step 33: the loss \(nan\)"):
        soundness.check_run(module)
    sound = a_module(processes=2)
    sound.gather = lambda value: [(35, math.inf), value]  # type: ignore[method-assign]
    with pytest.raises(NotFinite, match=r"^step 35: the loss \(inf\)"):
        soundness.check_run(sound)


def test_a_sum_that_nobody_watched_is_told_with_where_it_began() -> None:
    """As on a GPU, where no single loss is read."""
    module = a_module()
    module.losses.total = torch.tensor(math.nan, dtype=torch.float64)
    with pytest.raises(NotFinite, match=r"^step 40: a loss since step 30 is not finite"):
        soundness.check_run(module)


def test_a_weight_behind_a_sound_loss_is_named() -> None:
    module = a_module()
    soundness.check_run(module)
    with torch.no_grad():
        cast(Any, module.model).weight[0, 1] = -math.inf
    for check in (soundness.check_run, soundness.check_weights):
        with pytest.raises(NotFinite, match=r"^step 40: weight weight \(-inf\) is not finite"):
            check(module)
    module.losses.add(torch.tensor(math.nan), 1, 40)
    with pytest.raises(NotFinite, match=r"^step 40: weight weight \(-inf\) is not finite"):
        soundness.check_loss(module)


def test_an_optimizers_state_is_looked_at_before_it_is_saved() -> None:
    """Adam's second moment overflows long before a weight does: the update is then 0, and nothing learns."""
    module = a_module()
    optimizer = torch.optim.Adam(module.model.parameters(), lr=0.1)
    for parameter in module.model.parameters():
        parameter.grad = torch.full_like(parameter, 1e22)
    soundness.check_checkpoint(module, {"optimizer_states": [optimizer.state_dict()]})
    optimizer.step()
    assert all_finite(module.model.parameters())
    with pytest.raises(NotFinite, match=r"^step 40: the optimizer's 0\.state\.0\.exp_avg_sq \(inf\) is not"):
        soundness.check_checkpoint(module, {"optimizer_states": [optimizer.state_dict()]})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_metric_is_named(value: float) -> None:
    soundness.check_metrics(a_module(), {"val/loss": 1e300, "val/accuracy": 0.0})
    with pytest.raises(NotFinite, match=rf"^step 40: val/loss \({value}\) is not finite"):
        soundness.check_metrics(a_module(), {"val/accuracy": 0.5, "val/loss": value})


def test_a_checkpoint_that_was_broken_elsewhere_is_named_as_such(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert in_child(lambda: fit(tmp_path / "run", *MINIBATCH)) == 0
    state = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    state["state_dict"]["model.hidden.bias"][3] = math.nan
    torch.save(state, tmp_path / "broken.ckpt")
    words = [word for path in MINIBATCH for word in ("--config", path)]
    words += ["--run_dir", str(tmp_path / "new"), "--ckpt_path", str(tmp_path / "broken.ckpt")]
    for command in ("validate", "predict"):
        line = in_a_child(lambda c=command: main([c, *words]), capfd)
        assert line == (
            "lit: error: weight hidden.bias (nan) is not finite; "
            "the likely cause is the checkpoint that was loaded"
        )
    assert not list((tmp_path / "new").glob("*.safetensors"))
