"""BERT on LEGO strings: every variable's value is classified at its own clause (implicit, 3.2 and B.2)."""

from __future__ import annotations

from typing import Any

from lit_curriculum.errors import bad_value
from lit_curriculum.experiments.lego.data import LegoData
from lit_curriculum.training.base_data import CurriculumData
from lit_curriculum.training.positions import PositionBert


class LegoBert(PositionBert):
    """Token classification by transformers' BERT; the two classes are -1 and +1.

    Args:
        vocab_size: token ids, at least the data's; the paper keeps BERT's 30,522 (108M parameters).
        max_length: position embeddings, at least the data's length.
        **kwargs: see `PositionBert`.
    """

    def __init__(self, vocab_size: int = 30_522, max_length: int = 512, **kwargs: Any) -> None:
        arguments = {"vocab_size": vocab_size, "max_length": max_length, "n_classes": 2}
        super().__init__("bert_token_classifier", arguments, **kwargs)

    def check_data(self, data: CurriculumData) -> None:
        """Check that the data are LEGO strings that fit the model.

        Raises:
            UsageError: if they are not, or naming the size that does not fit.
        """
        if not isinstance(data, LegoData):
            raise bad_value("data", type(data).__name__, "LegoData with LegoBert")
        super().check_data(data)
