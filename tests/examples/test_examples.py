"""The examples as a user runs them, on small stand-ins for what they would download."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from tests.hub import serving
from tests.support import ROOT

EXAMPLES = ROOT / "examples"
TEXT = "the cat sat on the mat and the dog sat on the cat . " * 240
STEPS = (5, 10, 20)


def run(script: str, *words: str, cwd: Path, **environment: str) -> str:
    """Run an example with few steps; return what it printed last."""
    code = (
        (EXAMPLES / script)
        .read_text()
        .replace("steps=2000", "steps=12")
        .replace("max_epochs=12", "max_epochs=2")
    )
    (cwd / script).write_text(code)
    if script == "hub_revisions.py":
        shutil.copy(EXAMPLES / "causal_lm.py", cwd)
    done = subprocess.run(
        [sys.executable, script, *words],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip().splitlines()[-1]


def own_lines(script: str) -> int:
    """Return the lines of an example that a user writes: neither blank nor text about it."""
    text = (EXAMPLES / script).read_text()
    about = ast.get_docstring(ast.parse(text), clean=False) or ""
    lines = text.splitlines()[len(about.splitlines()) :]
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in lines)


def test_digits_are_taught_in_three_ways(tmp_path: Path) -> None:
    accuracies: dict[str, float] = ast.literal_eval(run("digits.py", cwd=tmp_path))
    assert set(accuracies) == {"labels", "one-shot", "progressive"}
    assert all(0.1 < value <= 1 for value in accuracies.values())
    assert (tmp_path / "runs" / "digits" / "progressive" / "swaps.csv").is_file()
    assert own_lines("digits.py") <= 40


def tokenizer() -> PreTrainedTokenizerFast:
    words = {word: i for i, word in enumerate(sorted(set(TEXT.split())))}
    inner = Tokenizer(models.WordLevel(words, unk_token="the"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()  # type: ignore[assignment]
    return PreTrainedTokenizerFast(tokenizer_object=inner)


def trained(folder: Path, pattern: str) -> Path:
    """Train a small GPT-2 on the text for a few steps and leave its checkpoints."""
    torch.manual_seed(0)
    words = tokenizer()
    sizes: dict[str, int] = {"n_layer": 1, "n_head": 2, "n_embd": 16, "n_positions": 32}
    model = GPT2LMHeadModel(GPT2Config(vocab_size=len(words), bos_token_id=0, eos_token_id=0, **sizes))
    ids = torch.tensor(words(TEXT)["input_ids"])[:640].view(-1, 32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(1, max(STEPS) + 1):
        optimizer.zero_grad()
        model(ids, labels=ids).loss.backward()
        optimizer.step()
        if step in STEPS:
            model.save_pretrained(folder / pattern.format(step))
            words.save_pretrained(folder / pattern.format(step))
    return folder


def check(losses: dict[str, float], run_dir: Path) -> None:
    assert set(losses) == {"labels", "one-shot", "progressive"}
    assert all(0 < value < 10 for value in losses.values())
    swaps = (run_dir / "progressive" / "swaps.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in swaps[1:]] == [["0", "5"], ["4", "10"], ["8", "20"]]


def test_a_folder_of_checkpoints_teaches_a_causal_model(tmp_path: Path) -> None:
    trained(tmp_path / "teacher", "checkpoint-{}")
    (tmp_path / "text.txt").write_text(TEXT)
    said = run("causal_lm.py", "teacher", "text.txt", cwd=tmp_path)
    check(ast.literal_eval(said), tmp_path / "runs" / "causal_lm")


def test_revisions_of_a_hub_teach_a_model_of_half_the_width(tmp_path: Path) -> None:
    trained(tmp_path / "hub" / "org" / "tiny", "step{}")
    (tmp_path / "text.txt").write_text(TEXT)
    names = [f"step{step}" for step in STEPS]
    with serving(tmp_path / "hub") as (address, downloads):
        environment: dict[str, Any] = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "home")}
        said = run("hub_revisions.py", "org/tiny", "text.txt", *names, cwd=tmp_path, **environment)
    check(ast.literal_eval(said), tmp_path / "runs" / "hub")
    for name in names:
        assert downloads.count(f"{name}/model.safetensors") == 1
    manifest = json.loads((tmp_path / "runs" / "hub" / "bank" / "manifest.json").read_text())
    assert manifest["model"]["init_args"]["config"]["n_embd"] == 16


def test_any_bert_is_probed(tmp_path: Path) -> None:
    config = BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
    BertForMaskedLM(config).save_pretrained(tmp_path / "bert")
    words = tokenizer()
    words.add_special_tokens({"mask_token": "[MASK]", "pad_token": "the"})
    words.save_pretrained(tmp_path / "bert")
    config.pad_token_id = words.pad_token_id
    config.save_pretrained(tmp_path / "bert")
    (tmp_path / "text.txt").write_text("the cat sat on the mat .\n\nand the dog\n")
    found = ast.literal_eval(run("probe_any_bert.py", "bert", "text.txt", cwd=tmp_path))
    assert list(found) == [3, 5, 9, 17]
    assert all(0 <= value <= 1 for pair in found.values() for value in pair)


def test_every_example_is_run() -> None:
    run_here = {"causal_lm.py", "digits.py", "hub_revisions.py", "probe_any_bert.py"}
    assert {path.name for path in EXAMPLES.glob("*.py")} == run_here


pytestmark = pytest.mark.slow
