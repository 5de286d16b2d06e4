"""Distil from training checkpoints on the Hugging Face Hub, such as Pythia's, into a model of half the width.

    python examples/hub_revisions.py EleutherAI/pythia-14m TEXT_FILE step1000 step4000 step16000 step64000

Weights are downloaded when their turn to teach comes, and kept in banks/.
"""

import sys
from pathlib import Path

from causal_lm import distil
from transformers import AutoTokenizer

import lit_curriculum as lc


def main(repo: str, text: str, revisions: list[str], out: Path, steps: int) -> dict[str, float]:
    bank = lc.bank.from_hub(repo, revisions, out / "bank")
    tokenizer = AutoTokenizer.from_pretrained(repo, revision=revisions[-1])
    return distil(bank, tokenizer, text, out, steps)


if __name__ == "__main__":
    repo, file, *revisions = sys.argv[1:]
    print(main(repo, Path(file).read_text(encoding="utf-8"), revisions, Path("runs/hub"), steps=2000))
