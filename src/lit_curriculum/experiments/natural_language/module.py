"""BERT on masked text (progressive, figure 6)."""

from __future__ import annotations

from typing import Any, cast

from lit_curriculum.errors import bad_value
from lit_curriculum.experiments.natural_language.data import TextData
from lit_curriculum.training.base_data import CurriculumData
from lit_curriculum.training.masked import MaskedBert


class TextBert(MaskedBert):
    """Masked prediction by transformers' BERT on text.

    Args:
        heads: attention heads; width = heads * head_size. The paper: 12 (teacher), 4 (student).
        layers: transformer layers; the paper's 12.
        head_size: dimensions a head; the paper's 64.
        vocab_size: token ids; must equal the tokenizer's.
        max_length: position embeddings; at least the data's length.
        **kwargs: see `MaskedBert`.
    """

    def __init__(
        self,
        heads: int = 12,
        layers: int = 12,
        head_size: int = 64,
        vocab_size: int = 8000,
        max_length: int = 128,
        **kwargs: Any,
    ) -> None:
        super().__init__(heads, layers, head_size, vocab_size, max_length, **kwargs)

    def check_data(self, data: CurriculumData) -> None:
        """Check that the data are text that fits the model.

        Raises:
            UsageError: if they are not, naming the size that does not fit, or if nothing held out is asked
                for.
        """
        if not isinstance(data, TextData):
            raise bad_value("data", type(data).__name__, "TextData with TextBert")
        super().check_data(data)
        data.check_held_out()
        ours = cast(dict[str, Any], self.model.init_args)
        ids, length = data.task.store.vocabulary.size, data.task.length
        if ours["vocab_size"] != ids:
            raise bad_value("model.vocab_size", ours["vocab_size"], f"the tokenizer's {ids} token ids")
        if ours["max_length"] < length:
            raise bad_value("model.max_length", ours["max_length"], f"at least data.length = {length}")
