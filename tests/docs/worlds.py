"""What the code of a page finds when it begins: names, and files in the working directory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from lightning import LightningModule, Trainer
from transformers import BertConfig, BertForMaskedLM

import lit_curriculum as lc
from tests.examples.test_examples import STEPS, tokenizer, trained
from tests.hub import serving

Names = dict[str, Any]
World = Callable[[Path, pytest.MonkeyPatch], Iterator[Names]]


def _imported(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Names]:
    yield {"lc": lc, "LightningModule": LightningModule, "Trainer": Trainer}


def _checkpoints(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Names]:
    trained(folder / "out", "checkpoint-{}")
    yield {"lc": lc}


def _hub(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Names]:
    # Three checkpoints under the names of three revisions, on a hub of this machine.
    repo = folder / "hub" / "EleutherAI" / "pythia-14m"
    trained(repo, "{}")
    for step, revision in zip(STEPS, ("step1000", "step8000", "step64000"), strict=True):
        (repo / str(step)).rename(repo / revision)
    with serving(folder / "hub") as (address, _):
        patch.setattr(huggingface_hub.constants, "ENDPOINT", address)
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        patch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        patch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder / "cache"))
        yield {"lc": lc, "LightningModule": LightningModule, "Trainer": Trainer}


def _bert(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Names]:
    words = tokenizer()
    words.add_special_tokens({"mask_token": "[MASK]", "pad_token": "the"})
    sizes: Names = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(vocab_size=20, pad_token_id=words.pad_token_id, **sizes)
    yield {"model": BertForMaskedLM(config), "tokenizer": words}


def _arms(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Names]:
    from lit_curriculum.reproduce import controls, study

    teacher = study.Arm(name="teacher")
    taught = {"strategy": {"class_path": "Kappa", "init_args": {"kappa": 1.0}}}
    progressive = study.Arm(name="progressive", teacher=teacher, teach=taught)
    yield {**vars(controls), **vars(study), "progressive": progressive, "other_teacher": teacher}


_WORLDS: dict[str, World] = {
    "README.md": _hub,
    "docs/how_to/causal_lm.md": _checkpoints,
    "docs/how_to/hub_revisions.md": _hub,
    "docs/how_to/own_module.md": _imported,
    "docs/how_to/probe_any_bert.md": _bert,
    "docs/distillation.md": _arms,
    "docs/reproducing.md": _arms,
}


@contextmanager
def world(page: str, folder: Path) -> Iterator[Names]:
    """Enter a page's folder and yield the names that its code may use without having made them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        yield from _WORLDS.get(page, lambda *_: iter([{}]))(folder, patch)
