"""Bytes in vector registers: 32 at a time, whatever the processor has; the compiler cuts them to its width."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]  # it comes without types
from numba import types
from numba.extending import intrinsic

LANES = 32
"""Bytes of a register."""

BLOCK = 256
"""Bytes that one call chooses, a multiple of that."""


@intrinsic
def _choose(
    _typing: Any,
    codes: Any,
    _at: Any,
    _code: Any,
    room: Any,
    _left: Any,
    _left_step: Any,
    _right: Any,
    _right_step: Any,
    _out: Any,
) -> Any:
    byte, number = ir.IntType(8), ir.IntType(64)
    lanes = ir.VectorType(byte, LANES)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def place(base: Any, offset: Any) -> Any:
            return builder.bitcast(builder.gep(base, [offset]), lanes.as_pointer())

        def load(base: Any, offset: Any) -> Any:
            return builder.load(place(base, offset), align=1)

        held, within = (context.make_array(signature.args[n])(context, builder, arguments[n]).data for n in (0, 3))
        _, first, least, _, left, left_step, right, right_step, out = arguments
        nothing = ir.Constant(lanes, ir.Undefined)
        alone = builder.insert_element(nothing, least, ir.Constant(ir.IntType(32), 0))
        limit = builder.shuffle_vector(alone, nothing, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))
        for start in range(0, BLOCK, LANES):
            further = ir.Constant(number, start)
            beyond = builder.icmp_signed(">", load(held, builder.add(first, further)), limit)
            chosen = builder.select(beyond, load(within, right), load(within, left))
            builder.store(chosen, place(within, builder.add(out, further)), align=1)
            left, right = builder.add(left, left_step), builder.add(right, right_step)
        return context.get_dummy_value()

    offset = types.int64
    return types.void(codes, offset, types.int8, room, offset, offset, offset, offset, offset), generate


choose: Any = _choose
"""``choose(codes, at, code, room, left, left_step, right, right_step, out)``, within kernels: of :data:`BLOCK` bytes of
``room`` from ``right`` on, where the one of ``codes`` from ``at`` on is above ``code``, else of those from ``left`` on;
to ``room`` from ``out`` on. A step is :data:`LANES`; or 0, where the same 32 bytes are to be chosen again and again."""
