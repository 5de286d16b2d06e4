"""Who teaches: checkpoint bank, schedule, targets and loss, and the choice of checkpoints."""

from lit_curriculum.distillation.answers import Answers, is_sharp, sharp_answers
from lit_curriculum.distillation.bank import CheckpointBank
from lit_curriculum.distillation.bank_writer import BankWriter
from lit_curriculum.distillation.chunked import Head, chunked_cross_entropy, chunked_kl
from lit_curriculum.distillation.distilled import Distilled
from lit_curriculum.distillation.exact_labels import EXACT_LABELS, ExactAnswers, arithmetic
from lit_curriculum.distillation.label_cache import LabelCache, LabelShelf, Shelf
from lit_curriculum.distillation.label_files import TopKLabels
from lit_curriculum.distillation.manifest import Checkpoint
from lit_curriculum.distillation.reordered import Reordered
from lit_curriculum.distillation.schedule import (
    NT,
    EqualSplit,
    Explicit,
    Kappa,
    OneShot,
    PeakOfEach,
    Schedule,
    Strategy,
    TwoShot,
)
from lit_curriculum.distillation.shares import Shares
from lit_curriculum.distillation.supervision import LabelFlips, Supervision
from lit_curriculum.distillation.targets import kl_to_student, teacher_probabilities
from lit_curriculum.distillation.teacher import CachedTeacher, Teacher, TeacherLoader
from lit_curriculum.distillation.top_k import TopK, chunked_top_k, top_k_answers, top_k_divergence
from lit_curriculum.distillation.transition import (
    Choice,
    Transition,
    candidates,
    choose_checkpoint,
    find_transition,
    peak,
)

__all__ = [
    "EXACT_LABELS",
    "NT",
    "Answers",
    "BankWriter",
    "CachedTeacher",
    "Checkpoint",
    "CheckpointBank",
    "Choice",
    "Distilled",
    "EqualSplit",
    "ExactAnswers",
    "Explicit",
    "Head",
    "Kappa",
    "LabelCache",
    "LabelFlips",
    "LabelShelf",
    "OneShot",
    "PeakOfEach",
    "Reordered",
    "Schedule",
    "Shares",
    "Shelf",
    "Strategy",
    "Supervision",
    "Teacher",
    "TeacherLoader",
    "TopK",
    "TopKLabels",
    "Transition",
    "TwoShot",
    "arithmetic",
    "candidates",
    "choose_checkpoint",
    "chunked_cross_entropy",
    "chunked_kl",
    "chunked_top_k",
    "find_transition",
    "is_sharp",
    "kl_to_student",
    "peak",
    "sharp_answers",
    "teacher_probabilities",
    "top_k_answers",
    "top_k_divergence",
]
