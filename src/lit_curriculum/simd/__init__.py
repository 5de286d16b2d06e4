"""SIMD vectors inside numba functions: the few operations that batch-1 SGD and attention are written in.

Numba leaves vectorising to the compiler, which cannot keep a tile of sums in registers across a loop. Here a
compiled function gets one more type, a vector of `lanes` numbers that LLVM keeps in one SIMD register (or
several narrower ones), and says itself what is loaded, multiplied and stored. No operation checks bounds.

What is compiled is kept by all sources together (`numba_cache`): a change here compiles everything anew.
"""

from __future__ import annotations

from lit_curriculum.simd.arithmetic import (
    add,
    divide,
    exp,
    fill,
    fma,
    lane_sum,
    lanes,
    magnitude,
    maximum,
    multiply,
    subtract,
    where_active,
    where_positive,
    zeros,
)
from lit_curriculum.simd.memory import (
    broadcast,
    broadcast_eight,
    byte_of,
    eight_bytes,
    load,
    load_eight,
    prefetch,
    store,
)
from lit_curriculum.simd.tile import TILE, load_tile, store_tile
from lit_curriculum.simd.vector import VECTOR_BYTES, Vector, address, lane_count

__all__ = [
    "TILE",
    "VECTOR_BYTES",
    "Vector",
    "add",
    "address",
    "broadcast",
    "broadcast_eight",
    "byte_of",
    "divide",
    "eight_bytes",
    "exp",
    "fill",
    "fma",
    "lane_count",
    "lane_sum",
    "lanes",
    "load",
    "load_eight",
    "load_tile",
    "magnitude",
    "maximum",
    "multiply",
    "prefetch",
    "store",
    "store_tile",
    "subtract",
    "where_active",
    "where_positive",
    "zeros",
]
