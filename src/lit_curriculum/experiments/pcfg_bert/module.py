"""BERT on masked strings of a grammar (progressive, section 4 and D.5)."""

from __future__ import annotations

from lit_curriculum.errors import UsageError
from lit_curriculum.experiments.pcfg_bert.data import PCFGData
from lit_curriculum.training.base_data import CurriculumData
from lit_curriculum.training.masked import MaskedBert


class PCFGBert(MaskedBert):
    """Masked prediction by transformers' BERT on strings of a grammar; see `MaskedBert`."""

    def check_data(self, data: CurriculumData) -> None:
        """Check that the data are masked strings that fit the model.

        Raises:
            UsageError: if they are not, naming the size that does not fit, or if nothing held out is asked
                for.
        """
        if not isinstance(data, PCFGData):
            raise UsageError(f"data: got {type(data).__name__}; allowed: PCFGData with PCFGBert")
        super().check_data(data)
        data.check_held_out()
        self.check_sizes(data.task.grammar)
