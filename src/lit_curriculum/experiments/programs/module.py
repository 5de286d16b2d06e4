"""BERT on synthetic programs, in both classification styles (implicit, section 3.3 and B.3)."""

from __future__ import annotations

from typing import Any

from lit_curriculum.errors import bad_value
from lit_curriculum.experiments.programs.data import ProgramsData, Readout
from lit_curriculum.tasks.programs import VOCABULARY_SIZE, Programs
from lit_curriculum.training.base_data import CurriculumData
from lit_curriculum.training.positions import PositionBert


class ProgramsBert(PositionBert):
    """transformers' BERT with ten classes, the digits, a step.

    Args:
        readout: ``token`` classifies each statement's digit token, ``cls`` has one classifier a step on
            [CLS]; must equal the data's.
        n_statements: classifiers on [CLS]; must equal the data's there. Unused with ``token``.
        max_length: position embeddings, at least the data's length.
        **kwargs: see `PositionBert`.
    """

    def __init__(
        self, readout: Readout = "token", n_statements: int = 10, max_length: int = 512, **kwargs: Any
    ) -> None:
        if n_statements < 1:
            raise bad_value("model.n_statements", n_statements, "an integer of at least 1")
        arguments: dict[str, Any] = {
            "vocab_size": VOCABULARY_SIZE,
            "max_length": max_length,
            "n_classes": Programs.n_classes,
        }
        if readout == "cls":
            arguments["n_steps"] = n_statements
        name = "bert_token_classifier" if readout == "token" else "bert_step_classifier"
        super().__init__(name, arguments, **kwargs)
        self.readout = readout
        self.n_statements = n_statements

    def check_data(self, data: CurriculumData) -> None:
        """Check that the data are programs, in the style that the model reads.

        Raises:
            UsageError: if they are not, or naming the argument that does not fit.
        """
        if not isinstance(data, ProgramsData):
            raise bad_value("data", type(data).__name__, "ProgramsData with ProgramsBert")
        if self.readout != data.readout:
            raise bad_value("model.readout", self.readout, f"the data's {data.readout!r}")
        if self.readout == "cls" and self.n_statements != data.n_positions:
            raise bad_value("model.n_statements", self.n_statements, f"the data's {data.n_positions}")
        super().check_data(data)
