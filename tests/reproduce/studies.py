"""A small study of which nothing is trained."""

from __future__ import annotations

from lit_curriculum.reproduce.study import Arm, Study

TEACHER = Arm(
    name="teacher", set={"model.width": 300, "model.lr": 0.5}, callbacks=[{"class_path": "Harvest"}]
)
TEACH = {"strategy": {"class_path": "OneShot"}, "tau": 1.0}
TAUGHT = Arm(
    name="taught",
    set={"model.width": 10},
    callbacks=(),
    probes=[{"class_path": "Probe"}],
    teacher=TEACHER,
    teach=TEACH,
    seed_offset=1000,
)
PLAIN = Arm(name="plain", set={"model.width": 10}, callbacks=(), seed_offset=1000)
STUDY = Study(
    configs=("sparse_parity_mlp", "smoke/sparse_parity_mlp"),
    arms=(TEACHER, TAUGHT, PLAIN),
    seeds=(0, 1),
    tuning_seeds=(100,),
    grid={"model.lr": (0.1, 0.2, 0.3)},
    axes={"d": 12},
)
