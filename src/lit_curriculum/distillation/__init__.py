"""Who teaches: checkpoint bank, schedule, targets and loss, and the choice of checkpoints."""

from lit_curriculum.distillation.bank import BankWriter, Checkpoint, CheckpointBank
from lit_curriculum.distillation.schedule import (
    NT,
    EqualSplit,
    Explicit,
    Kappa,
    MiddleOfEach,
    OneShot,
    Schedule,
    Strategy,
    TwoShot,
)
from lit_curriculum.distillation.targets import kl_to_student, teacher_probabilities
from lit_curriculum.distillation.teacher import Supervision, TeacherLoader
from lit_curriculum.distillation.transition import Transition, candidates, find_transition

__all__ = [
    "NT",
    "BankWriter",
    "Checkpoint",
    "CheckpointBank",
    "EqualSplit",
    "Explicit",
    "Kappa",
    "MiddleOfEach",
    "OneShot",
    "Schedule",
    "Strategy",
    "Supervision",
    "TeacherLoader",
    "Transition",
    "TwoShot",
    "candidates",
    "find_transition",
    "kl_to_student",
    "teacher_probabilities",
]
