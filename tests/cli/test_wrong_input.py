"""Wrong configurations: one clear line, exit code 2, nothing written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from lit_curriculum.cli.main import main
from lit_curriculum.errors import UsageError
from tests.support import CONFIGS, config, fit, in_child

RUN = [config("sparse_parity_mlp"), config("smoke/sparse_parity_mlp")]


def attempt(tmp_path: Path, overlay: object, *options: str) -> int:
    """Try to fit with an overlay into ``tmp_path/run``."""
    path = tmp_path / "overlay.yaml"
    path.write_text(overlay if isinstance(overlay, str) else yaml.safe_dump(overlay))
    return fit(tmp_path / "run", *RUN, str(path), options=options)


def assert_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], code: int, *expected: str) -> None:
    """Check the exit code, the single line, its parts, and that no run folder appeared."""
    message = capsys.readouterr().err
    assert code == 2
    assert message.startswith("lit: error: ")
    assert message.count("\n") == 1, message
    for part in expected:
        assert part in message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("overlay", "expected"),
    [
        ({"model": {"init_args": {"widht": 3}}}, ["widht", "did you mean 'width'", "lr"]),
        ({"model": {"init_args": {"width": "wide"}}}, ["model", "width", "'wide'", "int"]),
        (
            {"model": {"class_path": "SparseParityMPL"}},
            ["'SparseParityMPL'", "did you mean 'SparseParityMLP'"],
        ),
        ({"data": {"init_args": {"k": 12}}}, ["k: got 12", "k < d", "12"]),
        ({"data": {"init_args": {"support": [0, 1, 12]}}}, ["support", "[0, 1, 12]", "0 to d - 1 = 11"]),
        ({"data": {"init_args": {"support": [0, 1, 1]}}}, ["support", "repeated"]),
        ({"data": {"init_args": {"num_stepz": 1}}}, ["num_stepz", "did you mean 'num_steps'"]),
        ({"data": {"init_args": {"eval_every": 999}}}, ["data.eval_every", "999", "num_steps = 20000"]),
        ({"data": {"init_args": {"batch_size": 2}}}, ["data.batch_size", "2", "1 with batch-1 SGD"]),
        ({"data": {"init_args": {"d": 13}}}, ["model.d", "12", "13"]),
        ({"data": {"init_args": {"eval_streams": ["vla"]}}}, ["eval_streams"]),
        ({"model": {"init_args": {"lr": -1.0}}}, ["model.lr", "-1.0", "> 0"]),
        ({"model": {"init_args": {"backend": "cuda"}}}, ["backend", "cuda"]),
        # What batch-1 SGD does not do: it says what it has instead.
        *(
            ({"model": {"init_args": {name: value}}}, [name, "allowed for SparseParityMLP: d, width, lr"])
            for name, value in (("momentum", 0.9), ("weight_decay", 1e-4), ("hidden_layers", 2))
        ),
        ({"model": {"init_args": {"width": [100, 100]}}}, ["model", "width", "[100, 100]", "int"]),
        ({"model": {"init_args": {"model_seed": -1}}}, ["model.model_seed", "-1"]),
        ({"seed_everything": -1}, ["seed_everything", "-1", "data.data_seed and model.model_seed"]),
        ({"seed_everything": 0}, ["seed_everything: got 0", "data.data_seed and model.model_seed"]),
        ({"seed_everything": True}, ["seed_everything: got True", "data.data_seed and model.model_seed"]),
        ({"trainer": {"devices": "many"}}, ["trainer", "devices"]),
        ({"trainer": {"callbacks": [{"class_path": "SwapTeacher"}]}}, ["bank, strategy", "missing"]),
        ({"modle": {"width": 3}}, ["modle", "did you mean 'model'"]),
        ({"trainer": {"max_epoch": 3}}, ["max_epoch", "max_epochs"]),
        ({"trainer": {"max_epochs": 3}}, ["trainer.max_epochs", "3", "data.num_steps"]),
        ({"trainer": {"max_steps": 3}}, ["trainer.max_steps", "3", "data.num_steps"]),
        ("model: [3", ["config"]),
        (
            {"trainer": {"callbacks": [{"class_path": "HarvestCheckpoints", "init_args": {"every": 5}}]}},
            ["every", "did you mean 'every_n"],
        ),
        (
            {
                "trainer": {
                    "callbacks": [{"class_path": "HarvestCheckpoints", "init_args": {"log_spaced": 0}}]
                }
            },
            ["HarvestCheckpoints.log_spaced", "0", "at least 1"],
        ),
        (
            {
                "trainer": {
                    "callbacks": [
                        {"class_path": "LogMonomials", "init_args": {"every_n_steps": 5, "samples": 4096}}
                    ]
                }
            },
            ["LogMonomials.samples", "4096", "100000"],
        ),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else None,
)
def test_a_wrong_setting_is_named(
    overlay: object, expected: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_refused(tmp_path, capsys, attempt(tmp_path, overlay), *expected)


@pytest.mark.parametrize("name", sorted(path.stem for path in CONFIGS.glob("*.yaml")))
def test_no_number_of_an_experiment_may_be_negative(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever takes a number refuses -1 by its own name."""
    words = ["check", config(name), config(f"smoke/{name}")]
    always = {"model": {"model_seed": 0}, "data": {"data_seed": 0, "num_workers": 0, "eval_samples": 1}}
    settings = yaml.safe_load(Path(config(name)).read_text())
    for section, more in always.items():
        for key, value in {**more, **settings[section]["init_args"]}.items():
            if type(value) in (int, float):
                assert main([*words, f"--{section}.{key}=-1"]) == 2, key
                message = capsys.readouterr().err
                assert message.count("\n") == 1, message
                assert re.match(rf"lit: error: ({section}\.)?{key}: got -1", message), message


def test_an_abbreviated_option_is_not_guessed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = attempt(tmp_path, {}, "--trainer.max_epoch=1")
    assert_refused(tmp_path, capsys, code, "trainer.max_epoch", "max_epochs")


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = fit(tmp_path / "run", str(tmp_path / "nothing.yaml"))
    assert_refused(tmp_path, capsys, code, "nothing.yaml")


def test_a_missing_checkpoint_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = attempt(tmp_path, {}, "--ckpt_path", str(tmp_path / "no.ckpt"))
    assert_refused(tmp_path, capsys, code, "ckpt_path", "no.ckpt")


def test_devices_that_do_not_divide_the_batch_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = attempt(tmp_path, {}, "--trainer.devices=2", "--trainer.accelerator=cpu")
    assert_refused(tmp_path, capsys, code, "trainer.devices", "got 2", "updates follow one another")


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    words = ["--debug", "fit", "--config", RUN[0], "--run_dir", str(tmp_path / "run"), "--model.lr=-1"]
    with pytest.raises(UsageError, match=r"model\.lr"):
        main(words)


# --- teachers -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    assert in_child(lambda: fit(folder / "run", *RUN)) == 0
    return folder / "run" / "bank"


def student(bank: Path, strategy: dict[str, object] | None = None, **data: object) -> dict[str, object]:
    arguments = {"bank": str(bank), "strategy": strategy or {"class_path": "OneShot"}}
    return {
        "model": {"init_args": {"width": 10}},
        "data": {"init_args": data},
        "trainer": {"callbacks": [{"class_path": "SwapTeacher", "init_args": arguments}]},
    }


def copy_of(bank: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(bank, tmp_path / "copy"))


def test_a_missing_bank(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = attempt(tmp_path, student(tmp_path / "none"))
    assert_refused(tmp_path, capsys, code, "bank", "none", "manifest.json")


def test_an_empty_bank(teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bank = copy_of(teacher, tmp_path)
    manifest = json.loads((bank / "manifest.json").read_text())
    del manifest["digest"]
    (bank / "manifest.json").write_text(json.dumps({**manifest, "checkpoints": []}))
    assert_refused(tmp_path, capsys, attempt(tmp_path, student(bank)), "bank", "no checkpoints")


@pytest.mark.parametrize("damage", ["missing", "truncated", "altered"])
def test_a_damaged_teacher(
    damage: str, teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bank = copy_of(teacher, tmp_path)
    file = sorted(bank.glob("*.safetensors"))[-1]
    content = file.read_bytes()
    if damage == "missing":
        file.unlink()
    elif damage == "truncated":
        file.write_bytes(content[: len(content) // 2])
    else:
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert_refused(tmp_path, capsys, attempt(tmp_path, student(bank)), "teacher", file.name)


def test_a_teacher_of_another_architecture(
    teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bank = copy_of(teacher, tmp_path)
    manifest = json.loads((bank / "manifest.json").read_text())
    del manifest["digest"]
    manifest["model"]["init_args"]["width"] = 7
    (bank / "manifest.json").write_text(json.dumps(manifest))
    assert_refused(tmp_path, capsys, attempt(tmp_path, student(bank)), "teacher", "mlp", "7")


def test_a_teacher_of_another_task(teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = attempt(tmp_path, student(teacher, support=[0, 1, 5]))
    assert_refused(tmp_path, capsys, code, "SwapTeacher.bank", "support", "[0, 1, 2]", "[0, 1, 5]")


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ({"class_path": "TwoShto"}, ["'TwoShto'", "did you mean 'TwoShot'"]),
        ({"class_path": "TwoShot", "init_args": {"T": "long"}}, ["T", "'long'", "int"]),
        ({"class_path": "TwoShot"}, ["strategy.T: missing"]),
        (
            {"class_path": "TwoShot", "init_args": {"T": 5, "checkpoint": "mid"}},
            ["strategy.checkpoint", "'mid'", "int or one of 'before', 'beginning'"],
        ),
        ({"class_path": "TwoShot", "init_args": {"T": 20000}}, ["TwoShot.T", "20000"]),
        ({"class_path": "TwoShot", "init_args": {"T": 5, "checkpoint": 1234}}, ["1234", "nearest 1000"]),
        ({"class_path": "NT", "init_args": {"N": 50, "T": 5}}, ["strategy.N: got 50", "at most 20"]),
        (
            {"class_path": "Explicit", "init_args": {"checkpoints": [1000, 2000], "durations": [20000, 5]}},
            ["Explicit.durations", "20000"],
        ),
        ({"class_path": "Kappa", "init_args": {"kappa": 0.0}}, ["Kappa.kappa", "0.0", "> 0"]),
        (
            {
                "class_path": "Reordered",
                "init_args": {"strategy": {"class_path": "OneShot"}, "order": "reversed"},
            },
            ["Reordered.order", "two checkpoints or more"],
        ),
    ],
    ids=str,
)
def test_a_schedule_that_does_not_fit(
    strategy: dict[str, object],
    expected: list[str],
    teacher: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert_refused(tmp_path, capsys, attempt(tmp_path, student(teacher, strategy)), *expected)


# --- run folders ----------------------------------------------------------------------------------


def test_a_folder_of_another_configuration_is_refused_untouched(
    teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = teacher.parent
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    assert fit(run, *RUN, options=("--model.lr=0.02",)) == 2
    message = capsys.readouterr().err
    assert "run_dir" in message
    assert "model.init_args.lr = 0.01, not 0.02" in message
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_a_folder_with_something_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("years of work")
    assert fit(tmp_path / "run", *RUN) == 2
    assert "holds no run" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["thesis.tex"]


def test_a_folder_below_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert fit(tmp_path / "file" / "run", *RUN) == 2
    assert "is a file" in capsys.readouterr().err


def test_a_finished_run_is_left_alone(teacher: Path) -> None:
    run = teacher.parent
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    assert fit(run, *RUN) == 0
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_check_names_what_fit_would_refuse_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overlay = tmp_path / "student.yaml"
    overlay.write_text(yaml.safe_dump(student(tmp_path / "none")))
    before = list(tmp_path.rglob("*"))
    assert main(["check", *RUN, str(overlay), f"--run_dir={tmp_path / 'run'}"]) == 2
    assert "manifest.json" in capsys.readouterr().err
    assert list(tmp_path.rglob("*")) == before


def test_check_shows_model_data_length_and_schedule(
    teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overlay = tmp_path / "student.yaml"
    overlay.write_text(yaml.safe_dump(student(teacher, {"class_path": "Kappa", "init_args": {"kappa": 2.0}})))
    assert main(["check", *RUN, str(overlay), f"--run_dir={tmp_path / 'run'}"]) == 0
    # Where a cell's words are wrapped depends on the length of the paths among them.
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for part in ("152 parameters", "20,000 steps", "hashes verified", "dropped", "(new)"):
        assert part in printed
    assert not (tmp_path / "run").exists()
