"""An Elman network of which only W is trained, on bit-subset parity (subtask, section 3)."""

from lit_curriculum.experiments.elman.data import ElmanData
from lit_curriculum.experiments.elman.module import ElmanMinibatch, ElmanSGD

__all__ = ["ElmanData", "ElmanMinibatch", "ElmanSGD"]
