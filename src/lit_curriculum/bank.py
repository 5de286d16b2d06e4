"""Banks of checkpoints, as a program of one's own makes and reads them: ``lc.bank.from_hub(...)``."""

from lit_curriculum.distillation.bank import CheckpointBank
from lit_curriculum.distillation.bank_writer import BankWriter
from lit_curriculum.distillation.ckpt_files import from_lightning
from lit_curriculum.distillation.sources import export, from_folder, from_hub

open = CheckpointBank.open

__all__ = ["BankWriter", "CheckpointBank", "export", "from_folder", "from_hub", "from_lightning", "open"]
