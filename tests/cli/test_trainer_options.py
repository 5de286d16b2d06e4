"""Trainer's options, Lightning's callbacks and loggers: honoured, or refused before anything is written."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from lightning import Trainer
from lightning.pytorch import callbacks, loggers

from lit_curriculum.cli.main import main
from lit_curriculum.cli.trainer_options import OPTIONS
from lit_curriculum.cli.trainer_parts import CALLBACKS, LOGGERS, Part
from tests.support import ROOT, config

PAGE = ROOT / "docs" / "trainer_options.md"
RUN = ["--config", config("sparse_parity_minibatch"), "--config", config("smoke/sparse_parity_minibatch")]

# A value that is not the option's default, as the command line takes it.
VALUES: dict[str, str] = {
    "accelerator": "cpu",
    "strategy": "auto",
    "devices": "1",
    "num_nodes": "1",
    "precision": "bf16-mixed",
    "logger": "false",
    "callbacks": "[]",
    "fast_dev_run": "true",
    "max_epochs": "2",
    "min_epochs": "1",
    "max_steps": "7",
    "min_steps": "7",
    "max_time": "00:00:10:00",
    "limit_train_batches": "3",
    "limit_val_batches": "0",
    "limit_test_batches": "0.5",
    # Not 1: typing keeps one of Union[int, float] and Union[float, int], whichever came first; 1.0 is all.
    "limit_predict_batches": "2",
    "overfit_batches": "2",
    "val_check_interval": "3",
    "check_val_every_n_epoch": "2",
    "num_sanity_val_steps": "2",
    "log_every_n_steps": "5",
    "enable_checkpointing": "false",
    "enable_progress_bar": "false",
    "enable_model_summary": "true",
    "accumulate_grad_batches": "2",
    "gradient_clip_val": "1.0",
    "gradient_clip_algorithm": "norm",
    "deterministic": "true",
    "benchmark": "false",
    "inference_mode": "false",
    "use_distributed_sampler": "true",
    "profiler": "simple",
    "detect_anomaly": "true",
    "barebones": "true",
    "plugins": "[]",
    "sync_batchnorm": "true",
    "reload_dataloaders_every_n_epochs": "1",
    "default_root_dir": "elsewhere",
    "enable_autolog_hparams": "false",
    "model_registry": "name",
}


def test_the_table_covers_trainer_s_whole_signature() -> None:
    assert set(OPTIONS) == set(inspect.signature(Trainer).parameters) == set(VALUES)


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_an_option_is_honoured_or_refused_by_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = main(["check", *(word for word in RUN if word != "--config"), f"--trainer.{name}={VALUES[name]}"])
    message = capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    if OPTIONS[name].verdict == "refused":
        assert code == 2
        assert message.startswith(f"lit: error: trainer.{name}: got ")
    else:
        assert code == 0, message


@pytest.mark.parametrize(("table", "module"), [(CALLBACKS, callbacks), (LOGGERS, loggers)])
def test_the_tables_cover_all_of_lightning_s(table: dict[str, Part], module: Any) -> None:
    assert set(table) == set(module.__all__)


@pytest.mark.parametrize("name", sorted(name for name, part in CALLBACKS.items() if not part.honoured))
def test_a_refused_callback_names_what_to_use_instead(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = {
        "EarlyStopping": "monitor: val/loss",
        "GradientAccumulationScheduler": "scheduling: {0: 2}",
        "StochasticWeightAveraging": "swa_lrs: 0.1",
        "OnExceptionCheckpoint": "dirpath: x",
    }.get(name, "")
    entry = f"[{{class_path: lightning.pytorch.callbacks.{name}, init_args: {{{arguments}}}}}]"
    words = [word for word in RUN if word != "--config"]
    assert main(["check", *words, f"--trainer.callbacks={entry}"]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "trainer.callbacks" in message


def page() -> str:
    """Return the page that the tables say."""
    lines = [
        "# Options of Lightning's Trainer",
        "",
        "A run's length, batches, evaluations and checkpoints are declared by `data` and by the suite's",
        "callbacks, so that they are the same on any number of devices and after any interruption.",
        "What would change them beside that is refused by its name, before anything is written. A test holds",
        "this page to the code (`cli/trainer_options.py`, `cli/trainer_parts.py`).",
        "",
        "| option | here | |",
        "|---|---|---|",
        *(f"| `{name}` | {option.verdict} | {option.text} |" for name, option in OPTIONS.items()),
    ]
    for title, table in (("Callbacks", CALLBACKS), ("Loggers", LOGGERS)):
        lines += ["", f"## {title} of Lightning's own", "", "| class | here | |", "|---|---|---|"]
        for name, part in table.items():
            package = f" (`pip install {part.package}`)" if part.package else ""
            verdict = "honoured" if part.honoured else "refused"
            lines.append(f"| `{name}` | {verdict} | {part.text}{package} |")
    return "\n".join(lines) + "\n"


def test_the_page_says_what_the_tables_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()
