"""Synthetic programs, executed by BERT (implicit, section 3.3 and B.3)."""

from lit_curriculum.experiments.programs.data import ProgramsData
from lit_curriculum.experiments.programs.module import ProgramsBert

__all__ = ["ProgramsBert", "ProgramsData"]
