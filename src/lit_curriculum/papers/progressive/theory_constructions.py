"""Two transformers built by hand that compute a sparse parity (progressive, Propositions C.1 and C.3).

The paper proves both and has no figure of them. Left: how sharp C.1's attention must be. Middle and right:
the MLPs' widths and largest weights beside the propositions' bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lit_curriculum.reproduce.claim import Claim
from lit_curriculum.reproduce.figure import Figure, Scale
from lit_curriculum.reproduce.panels import COLOURS, legend, panels
from lit_curriculum.reproduce.predicates import AtMost
from lit_curriculum.reproduce.results import PerSeed, Results, Row, largest

if TYPE_CHECKING:
    from lit_curriculum.tasks.sparse_parity import SparseParity

C1, C3, WIDE, SWEEP = "C.1", "C.3", "C.3, first layer of Lemma C.4", "C.1 by sharpness"
_CHUNK = 10_000


@dataclass(frozen=True)
class Sizes:
    """What a scale sets.

    Attributes:
        small: bits of which every string is asked.
        large: bits of which random strings are asked; samples: how many; swept: how many for each sharpness.
        k: sizes of the support.
        sharpness: what is added to the c from which on C.1 is exact.
        seeds: of the support and of the random strings.
    """

    small: int
    large: int
    samples: int
    swept: int
    k: tuple[int, ...]
    sharpness: tuple[float, ...]
    seeds: tuple[int, ...]


SETTINGS: dict[Scale, Sizes] = {
    "smoke": Sizes(6, 10, 200, 100, (2, 3), (-2, 0), (0,)),
    "laptop": Sizes(12, 100, 100_000, 10_000, (1, 2, 3, 4, 6, 8), (-5, -4, -3, -2, -1, 0, 1, 2), (0, 1, 2)),
    "paper": Sizes(
        16, 100, 1_000_000, 100_000, tuple(range(1, 11)), (-5, -4, -3, -2, -1, 0, 1, 2), (0, 1, 2)
    ),
}


def figure(scale: Scale) -> Figure:
    """Return both constructions, asked for every string of few bits and for random ones of many."""
    setting = SETTINGS[scale]
    cost = {
        "smoke": "seconds",
        "laptop": "some three minutes on one core",
        "paper": "half an hour on one core, not measured (the paper has no such experiment)",
    }
    return Figure(
        cost=cost[scale],
        seeds=setting.seeds,
        measure=lambda seeds: [row for seed in seeds for row in _measure(setting, seed)],
        draw=lambda results: _draw(results, setting),
        claims=lambda results: _claims(setting),
    )


# --- measuring --------------------------------------------------------------------------------------------


def _measure(setting: Sizes, seed: int) -> Iterator[Row]:
    from lit_curriculum.tasks.sparse_parity import SparseParity
    from lit_curriculum.theory import attention_parity as built
    from lit_curriculum.theory.interpolation import largest_entry

    for d in (setting.small, setting.large):
        strings = 2**d if d == setting.small else setting.samples
        for k in setting.k:
            task = SparseParity.create(d, k, support_seed=seed)
            for arm, made in (
                (C1, built.proposition_c1(d, task.support)),
                (C3, built.proposition_c3(d, task.support)),
                (WIDE, built.proposition_c3(d, task.support, lean=False)),
            ):
                found = {"width": max(made.description["init_args"]["hidden"])}
                found["weight"] = largest_entry(made.layers)
                if arm != WIDE or d == setting.small:
                    found |= _asked(made.model(), task, seed, strings)
                yield from (_row(arm, seed, metric, value, d, k) for metric, value in found.items())
    yield from _sharpness_rows(setting, seed)


def _sharpness_rows(setting: Sizes, seed: int) -> Iterator[Row]:
    from lit_curriculum.tasks.sparse_parity import SparseParity
    from lit_curriculum.theory import attention_parity as built

    d, k = setting.large, setting.k[len(setting.k) // 2]
    task = SparseParity.create(d, k, support_seed=seed)
    for added in setting.sharpness:
        made = built.proposition_c1(d, task.support, built.sharpness(d, k) + added)
        found = _asked(made.model(), task, seed, setting.swept)
        yield {**_row(SWEEP, seed, "wrong", found["wrong"] / setting.swept, d, k), "added": added}


def _asked(model: Any, task: SparseParity, seed: int, strings: int) -> dict[str, float]:
    """Return the number of wrong answers, and how far outputs and attention are from what they should be.

    Args:
        model: reads tokens (n, d), answers (n, 2).
        task: whose labels count.
        seed: of random strings.
        strings: how many; all there are for 2^d.
    """
    import torch

    from lit_curriculum.tasks.hypercube import every_point

    wrong, furthest, off = 0, 0.0, 0.0
    score = torch.zeros(task.d)
    # C.1's query is c, C.3's is 0.
    score[list(task.support)] = model.query.weight.detach().max()
    with torch.no_grad():
        for start in range(0, strings, _CHUNK):
            count = min(_CHUNK, strings - start)
            if strings == 2**task.d:
                x = every_point(task.d, start, count)
            else:
                x = torch.from_numpy(task.sample(seed, "test", start, count)[0])
            tokens, labels = (x < 0).long(), task.labels(x)
            outputs = model(tokens)
            wrong += int((outputs.argmax(1) != labels).sum())
            right = torch.stack([1.0 - 2 * labels, 2.0 * labels - 1], dim=1)
            furthest = max(furthest, float((outputs - right).abs().max()))
            if start == 0:
                off = float((model.attention(tokens) - torch.softmax(score, 0)).abs().max())
    return {"wrong": wrong, "output": furthest, "attention": off}


def _row(arm: str, seed: int, metric: str, value: float, d: int, k: int) -> Row:
    return {"arm": arm, "seed": seed, "step": 0, "metric": metric, "value": value, "d": d, "k": k}


# --- the picture and the claims ---------------------------------------------------------------------------


def _draw(results: Results, setting: Sizes) -> Any:
    picture, axes = panels(3, width=4.2, height=3.5)
    of_sweep = results.where(arm=SWEEP)
    shares = [list(of_sweep.where(added=a).final(SWEEP, "wrong").values()) for a in setting.sharpness]
    axes[0].plot(setting.sharpness, shares, ".", color=COLOURS["progressive"], ms=5)
    axes[0].axvline(0, color="#333333", lw=1, ls="--")
    k = setting.k[len(setting.k) // 2]
    axes[0].set(
        xlabel="c above log((d - k)(4k - 1) / k)",
        ylabel="wrong answers",
        title=f"C.1's attention, d = {setting.large}, k = {k}",
    )
    for axis, metric in ((axes[1], "width"), (axes[2], "weight")):
        for arm, colour, marker in ((C1, "progressive", "o"), (C3, "one-shot", "s"), (WIDE, "other", "x")):
            sizes = [_of(results, arm, metric, setting.large, k)[setting.seeds[0]] for k in setting.k]
            axis.plot(setting.k, sizes, marker, color=COLOURS[colour], ms=5, label=arm)
        for arm, colour in ((C1, "progressive"), (C3, "one-shot")):
            bounds = [_bound(arm, metric, k) for k in setting.k]
            axis.plot(setting.k, bounds, "--", color=COLOURS[colour], lw=1, label=f"bound of {arm}")
        axis.set(xlabel="k", yscale="log", title=f"largest {metric} of the MLP")
        legend(axis)
    return picture


def _bound(arm: str, metric: str, k: int) -> int:
    """Return what a proposition allows."""
    if metric == "width":
        return 4 * (k + 1) if arm == C1 else 2**k
    return 4 * k * (k + 1) if arm == C1 else 2 ** (k + 2)


def _of(results: Results, arm: str, metric: str, d: int, k: int) -> PerSeed:
    return results.where(d=d, k=k).final(arm, metric)


def _claims(setting: Sizes) -> list[Claim]:
    def most(arm: str, metric: str, bounded: bool = False) -> Any:
        def quantity(results: Results) -> PerSeed:
            found = []
            for d in (setting.small, setting.large):
                for k in setting.k:
                    bound = _bound(arm, metric, k) if bounded else 1
                    found.append(_of(results, arm, metric, d, k) / bound)
            return largest(*found)

        return quantity

    strings = f"all of d = {setting.small} and {setting.samples:,} of d = {setting.large}"
    attention = {C1: "proportional to e^c on the support and to 1 elsewhere", C3: "1 / d everywhere"}
    claims = []
    for arm, name in ((C1, "c1"), (C3, "c3")):
        claims += [
            Claim(
                f"{name}-exact",
                f"{arm} answers every string right (wrong answers, {strings}; the worst k).",
                most(arm, "wrong"),
                AtMost(0),
                paper=0,
            ),
            Claim(
                f"{name}-outputs",
                f"Its outputs are +1 and -1 (largest difference in float32, {strings}).",
                most(arm, "output"),
                AtMost(1e-3),
                paper=0,
            ),
            Claim(
                f"{name}-attention",
                f"The last position's attention is {attention[arm]} (largest difference).",
                most(arm, "attention"),
                AtMost(1e-5),
                paper=0,
            ),
            Claim(
                f"{name}-width",
                f"The MLP is at most {'4(k + 1)' if arm == C1 else '2^k'} wide (share of it, the worst k).",
                most(arm, "width", bounded=True),
                AtMost(1),
                paper=1,
            ),
            Claim(
                f"{name}-weights",
                f"Its weights are at most {'4k(k + 1)' if arm == C1 else '2^(k + 2)'} (share, the worst k).",
                most(arm, "weight", bounded=True),
                AtMost(1),
                paper=1,
            ),
        ]
    return claims
