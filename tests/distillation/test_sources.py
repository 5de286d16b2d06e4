"""Banks of checkpoints that others made."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch
from lightning import LightningModule
from safetensors.torch import save_file
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

import lit_curriculum as lc
from lit_curriculum.distillation.sources import export
from lit_curriculum.errors import RunFailed, UsageError
from tests.hub import serving


def tiny(seed: int, width: int = 8) -> GPT2LMHeadModel:
    torch.manual_seed(seed)
    sizes: dict[str, int] = {"n_layer": 1, "n_head": 2, "n_embd": width, "vocab_size": 11, "n_positions": 16}
    return GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=0, eos_token_id=0))


def checkpoints(folder: Path, steps: tuple[int, ...] = (10, 20, 30), **options: Any) -> Path:
    for step in steps:
        tiny(step).save_pretrained(folder / f"checkpoint-{step}", **options)
    return folder


def tokens() -> torch.Tensor:
    return torch.randint(0, 11, (3, 7), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("options", [{}, {"max_shard_size": "4kB"}])
def test_a_folder_of_checkpoints_is_a_bank(options: dict[str, Any], tmp_path: Path) -> None:
    bank = lc.bank.from_folder(checkpoints(tmp_path / "trainer", **options))
    assert bank.steps == [10, 20, 30]
    for entry in bank:
        loaded = bank.load(entry)
        assert not loaded.training
        assert torch.equal(loaded(tokens()).logits, tiny(entry.step).eval()(tokens()).logits)


def test_a_bank_of_a_folder_takes_no_room_of_its_own(tmp_path: Path) -> None:
    bank = lc.bank.from_folder(checkpoints(tmp_path))
    there = (tmp_path / "checkpoint-10" / "model.safetensors").stat()
    assert (bank.folder / bank.final.file).stat().st_nlink == 2
    assert there.st_nlink == 2


def test_what_a_folder_must_hold(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a folder with checkpoint-STEP folders"):
        lc.bank.from_folder(tmp_path)
    checkpoints(tmp_path)
    shutil.copytree(tmp_path / "checkpoint-10", tmp_path / "checkpoint-40")
    with pytest.raises(UsageError, match="checkpoint-10 and checkpoint-40 hold the same weights"):
        lc.bank.from_folder(tmp_path)
    shutil.rmtree(tmp_path / "checkpoint-40")
    tiny(1, width=16).save_pretrained(tmp_path / "checkpoint-40")
    with pytest.raises(UsageError, match="are of different models"):
        lc.bank.from_folder(tmp_path)
    (tmp_path / "checkpoint-40" / "model.safetensors").unlink()
    shutil.copy(tmp_path / "checkpoint-10" / "config.json", tmp_path / "checkpoint-40")
    with pytest.raises(UsageError, match=r"checkpoint-40 holds no model\.safetensors"):
        lc.bank.from_folder(tmp_path)


def test_a_file_without_a_weight_is_refused(tmp_path: Path) -> None:
    checkpoints(tmp_path, (10,))
    state = {k: v.contiguous() for k, v in tiny(10).state_dict().items() if k != "lm_head.weight"}
    del state["transformer.h.0.mlp.c_fc.weight"]
    save_file(state, tmp_path / "checkpoint-10" / "model.safetensors")
    bank = lc.bank.from_folder(tmp_path)
    with pytest.raises(UsageError, match=r"1 weights are missing, the first is .*c_fc\.weight"):
        bank.load(bank.final)


def test_a_configuration_of_a_larger_model_is_not_built(tmp_path: Path) -> None:
    checkpoints(tmp_path, (10,))
    config = tmp_path / "checkpoint-10" / "config.json"
    config.write_text(config.read_text().replace('"n_embd": 8', '"n_embd": 8192'))
    bank = lc.bank.from_folder(tmp_path)
    with pytest.raises(UsageError, match="a model of about"):
        bank.load(bank.final)


def test_a_step_has_one_folder_and_a_file_is_whole(tmp_path: Path) -> None:
    checkpoints(tmp_path)
    (tmp_path / "checkpoint-10").rename(tmp_path / "checkpoint-20-best")
    with pytest.raises(UsageError, match="are both of step 20"):
        lc.bank.from_folder(tmp_path)
    (tmp_path / "checkpoint-20-best").rename(tmp_path / "checkpoint-10")
    weights = tmp_path / "checkpoint-10" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(UsageError, match="is damaged"):
        lc.bank.from_folder(tmp_path)
    assert not (tmp_path / "bank").exists()


def test_a_bank_of_a_folder_opens_again_unless_the_folder_changed(tmp_path: Path) -> None:
    first = lc.bank.from_folder(checkpoints(tmp_path))
    assert list(lc.bank.from_folder(tmp_path)) == list(first)
    tiny(40).save_pretrained(tmp_path / "checkpoint-40")
    with pytest.raises(UsageError, match=r"a bank of steps 10, 20, 30.*holds \(steps 10, 20, 30, 40\)"):
        lc.bank.from_folder(tmp_path)


@pytest.mark.parametrize("options", [{}, {"max_shard_size": "4kB"}])
def test_a_folder_that_was_trained_anew_is_another_bank(options: dict[str, Any], tmp_path: Path) -> None:
    first = lc.bank.from_folder(checkpoints(tmp_path, **options))
    assert list(lc.bank.from_folder(tmp_path)) == list(first)
    shutil.rmtree(tmp_path / "checkpoint-20")
    tiny(21).save_pretrained(tmp_path / "checkpoint-20", **options)
    with pytest.raises(UsageError, match=r"remove .* to make it anew"):
        lc.bank.from_folder(tmp_path)


def test_two_steps_with_the_same_weights_leave_no_bank(tmp_path: Path) -> None:
    checkpoints(tmp_path, max_shard_size="4kB")
    shutil.copytree(tmp_path / "checkpoint-10", tmp_path / "checkpoint-40")
    for _ in range(2):
        with pytest.raises(UsageError, match="step 10 and step 40 hold the same weights"):
            lc.bank.from_folder(tmp_path)
    assert not list((tmp_path / "bank").iterdir())


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Serve three revisions of org/model; yield the downloads."""
    root = tmp_path / "hub"
    for step in (10, 20, 30):
        tiny(step).save_pretrained(root / "org" / "model" / f"step{step}")
    with serving(root) as (address, downloads):
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield root / "org" / "model", downloads


REVISIONS = ["step10", "step20", "step30"]


def test_revisions_are_downloaded_when_they_are_read(hub: Any, tmp_path: Path) -> None:
    _, downloads = hub
    bank = lc.bank.from_hub("org/model", REVISIONS, tmp_path / "bank")
    assert downloads == ["step30/config.json"]
    assert [bank.is_here(entry) for entry in bank] == [False] * 3
    for step in (20, 20):
        loaded = bank.load(bank.at(step))
        assert torch.equal(loaded(tokens()).logits, tiny(step).eval()(tokens()).logits)
    assert downloads == ["step30/config.json", "step20/model.safetensors"]
    again = lc.bank.from_hub("org/model", REVISIONS, tmp_path / "bank")
    again.load(again.at(20))
    assert len(downloads) == 2
    assert {p.name for p in (tmp_path / "bank").iterdir()} <= {"manifest.json", bank.at(20).file, ".hub"}


def test_a_revision_must_be_there_and_new(hub: Any, tmp_path: Path) -> None:
    folder, _ = hub
    with pytest.raises(UsageError, match="org/model at step40: there is no such revision"):
        lc.bank.from_hub("org/model", [*REVISIONS, "step40"], tmp_path / "a")
    with pytest.raises(UsageError, match="there is no such repository"):
        lc.bank.from_hub("org/other", REVISIONS, tmp_path / "a")
    with pytest.raises(UsageError, match="a name with its step"):
        lc.bank.from_hub("org/model", ["main"], tmp_path / "a")
    shutil.copytree(folder / "step10", folder / "step50")
    with pytest.raises(UsageError, match="step10 and step50 hold the same weights"):
        lc.bank.from_hub("org/model", [*REVISIONS, "step50"], tmp_path / "a")
    assert not (tmp_path / "a" / "manifest.json").exists()
    lc.bank.from_hub("org/model", {1: "step10", 2: "step30"}, tmp_path / "a")
    with pytest.raises(UsageError, match="the bank of these revisions of org/model"):
        lc.bank.from_hub("org/model", REVISIONS, tmp_path / "a")


def test_other_bytes_than_announced_are_not_taken(hub: Any, tmp_path: Path) -> None:
    folder, _ = hub
    bank = lc.bank.from_hub("org/model", REVISIONS, tmp_path / "bank")
    tiny(99).save_pretrained(folder / "step20")
    with pytest.raises(RunFailed, match="sent other weights than it had announced"):
        bank.load(bank.at(20))
    assert not bank.is_here(bank.at(20))


def test_no_hub_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        huggingface_hub.constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}",
    )
    with pytest.raises(UsageError, match=r"bank: org/model at step10: it cannot be read \("):
        lc.bank.from_hub("org/model", ["step10"], tmp_path / "bank")


class Net(LightningModule):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.inner = nn.Linear(3, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)  # type: ignore[no-any-return]


def ckpt(path: Path, module: Net, step: int) -> Path:
    content = {
        "state_dict": module.state_dict(),
        "global_step": step,
        "hyper_parameters": dict(module.hparams),
    }
    torch.save(content, path)
    return path


def test_lightnings_files_are_a_bank(tmp_path: Path) -> None:
    nets = {step: Net(4) for step in (5, 9)}
    files = [ckpt(tmp_path / f"{step}.ckpt", net, step) for step, net in nets.items()]
    bank = lc.bank.from_lightning(files, Net, tmp_path / "bank")
    assert bank.steps == [5, 9]
    x = torch.randn(2, 3)
    assert torch.equal(bank.load(bank.at(9))(x), nets[9](x))
    inner = lc.bank.from_lightning(
        files, nn.Linear, tmp_path / "inner", {"in_features": 3, "out_features": 4}, prefix="inner."
    )
    assert torch.equal(inner.load(inner.at(5))(x), nets[5](x))
    with pytest.raises(UsageError, match="prefix: got 'outer'"):
        lc.bank.from_lightning(files, Net, tmp_path / "other", prefix="outer")
    again = ckpt(tmp_path / "again.ckpt", nets[5], 5)
    with pytest.raises(UsageError, match="is of step 5, as another is"):
        lc.bank.from_lightning([*files, again], Net, tmp_path / "other")
    wider = ckpt(tmp_path / "wider.ckpt", Net(6), 11)
    with pytest.raises(UsageError, match="has other hyper-parameters"):
        lc.bank.from_lightning([*files, wider], Net, tmp_path / "other")
    with pytest.raises(UsageError, match="files: got"):
        lc.bank.from_lightning(str(files[0]), Net, tmp_path / "other")
    (tmp_path / "text.ckpt").write_text("no")
    with pytest.raises(UsageError, match=r"text\.ckpt cannot be read"):
        lc.bank.from_lightning([tmp_path / "text.ckpt"], Net, tmp_path / "other")


def test_a_bank_leaves_as_folders_for_from_pretrained(tmp_path: Path) -> None:
    bank = lc.bank.from_folder(checkpoints(tmp_path / "trainer"))
    export(bank, bank, tmp_path / "out")
    back = lc.bank.from_folder(tmp_path / "out")
    assert back.steps == bank.steps
    for entry in bank:
        model = GPT2LMHeadModel.from_pretrained(tmp_path / "out" / f"checkpoint-{entry.step}").eval()
        assert torch.equal(model(tokens()).logits, bank.load(entry)(tokens()).logits)
    with pytest.raises(UsageError, match="a folder that is not there yet"):
        export(bank, bank, tmp_path / "out")
