"""How far does a masked language model look? M_robust and M_close of any BERT on any text.

python examples/probe_any_bert.py bert-base-uncased TEXT_FILE      # a text a line
"""

import sys
from pathlib import Path

from transformers import AutoModelForMaskedLM, AutoTokenizer

from lit_curriculum.probes.huggingface import text_ngrams


def main(name: str, texts: list[str]) -> dict[int, tuple[float, float]]:
    """Return n -> medians of M_robust and M_close over texts and positions."""
    model, tokenizer = (kind.from_pretrained(name) for kind in (AutoModelForMaskedLM, AutoTokenizer))
    found = text_ngrams(model, tokenizer, texts, ns=(3, 5, 9, 17))
    robust, close = found.median_robust(), found.median_close()
    return {n: (robust[n], close[n]) for n in found.ns}


if __name__ == "__main__":
    lines = Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()
    print(main(sys.argv[1], [line for line in lines if line.strip()]))
