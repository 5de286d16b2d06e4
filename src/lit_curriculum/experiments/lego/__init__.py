"""LEGO: chains of signed assignments, learned by BERT (implicit, section 3.2 and B.2)."""

from lit_curriculum.experiments.lego.data import LegoData
from lit_curriculum.experiments.lego.module import LegoBert

__all__ = ["LegoBert", "LegoData"]
