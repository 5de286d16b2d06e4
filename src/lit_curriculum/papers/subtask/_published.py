"""What Table 1 of `subtask` prints: mean and two standard deviations over three seeds."""

from __future__ import annotations

WITH, WITHOUT = "with labels", "without"
# (arm, d) -> test accuracy after 100,000 steps, in percent
ACCURACY: dict[tuple[str, int], tuple[float, float]] = {
    (WITH, 8): (100.0, 0.0),
    (WITH, 16): (100.0, 0.0),
    (WITH, 32): (100.0, 0.0),
    (WITH, 64): (100.0, 0.0),
    (WITH, 128): (99.96, 0.06),
    (WITHOUT, 8): (100.0, 0.0),
    (WITHOUT, 10): (100.0, 0.0),
    (WITHOUT, 12): (100.0, 0.0),
    (WITHOUT, 14): (100.0, 0.0),
    (WITHOUT, 16): (51.82, 1.06),
    (WITHOUT, 18): (50.16, 2.65),
    (WITHOUT, 32): (49.87, 0.72),
    (WITHOUT, 64): (49.93, 0.43),
    (WITHOUT, 128): (50.71, 1.26),
}

# (arm, d) -> iterations until better than random; above 100,000 where nothing is given
ITERATIONS: dict[tuple[str, int], tuple[float, float]] = {
    (WITH, 8): (79, 21.16),
    (WITH, 16): (333, 67.002),
    (WITH, 32): (1480, 61.101),
    (WITH, 64): (11_000, 1154),
    (WITH, 128): (58_330, 5200),
    (WITHOUT, 8): (185, 79.89),
    (WITHOUT, 10): (843, 424.22),
    (WITHOUT, 12): (4049, 1132),
    (WITHOUT, 14): (31_160, 7230),
    (WITHOUT, 16): (211_660, 57_900),
    (WITHOUT, 18): (1_534_000, 1_094_000),
}
