"""A vector of `lanes` numbers as a type of compiled functions."""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import config, types
from numba.extending import models, register_model


def _vector_bytes() -> int:
    """Width of a register: 64 bytes where numba compiles for AVX-512, otherwise 32.

    That is this processor, unless ``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES`` say for which one. Then other
    machines may take what is compiled from the same folder, and all of them need to agree.
    """
    if config.CPU_NAME:
        return 64 if "+avx512f" in (config.CPU_FEATURES or "") else 32
    return 64 if llvm.get_host_cpu_features().get("avx512f", False) else 32


VECTOR_BYTES = _vector_bytes()


def lane_count(dtype: np.dtype[Any] | type) -> int:
    """Return how many numbers of ``dtype`` one vector holds."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize


class Vector(types.Type):  # type: ignore[misc]
    """Numba's type of a vector of float32 or float64, as wide as a register unless ``count`` is given."""

    def __init__(self, element: Any, count: int | None = None) -> None:
        self.element = element
        self.count = count or VECTOR_BYTES // (element.bitwidth // 8)
        super().__init__(name=f"Vector({element}, {self.count})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, vector: Any) -> None:
        element = manager.lookup(vector.element).get_value_type()
        super().__init__(manager, vector, ir.VectorType(element, vector.count))


def address(context: Any, builder: Any, array_type: Any, arguments: Any, target: Any) -> Any:
    """Return the address of ``array[index]``, the first two arguments, as a pointer to ``target``."""
    data = context.make_array(array_type)(context, builder, arguments[0]).data
    return builder.bitcast(builder.gep(data, [arguments[1]]), target.as_pointer())


def splat(builder: Any, vector_type: Any, scalar: Any) -> Any:
    """Return a vector with ``scalar`` in every lane."""
    undefined = ir.Constant(vector_type, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), vector_type.count), None)
    return builder.shuffle_vector(first, undefined, mask)
