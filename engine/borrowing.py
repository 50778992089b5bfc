"""Arrays and tuples of arrays that compiled functions hand to each other as an address.

Numba passes a tuple of arrays by value: for the kernel's state, forty arrays, that is some three hundred machine
words at each call, and an owner to count for each array. Most of the kernel's compile time went there. What is
`borrowed` is passed as one address; fields are read where they are used, and nobody counts.
"""

from __future__ import annotations

import hashlib
from functools import reduce
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")

if TYPE_CHECKING:

    def borrowed(value: T) -> T:
        """The same array, or named tuple of arrays and numbers, as compiled code passes it on without an owner.

        For compiled functions whose caller keeps the arrays alive. Arrays must be C-contiguous. What a field holds
        does not change after: the arrays' elements may, the arrays themselves not.
        """
        ...

else:
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.core.datamodel import models
    from numba.core.errors import TypingError
    from numba.core.imputils import lower_getattr_generic
    from numba.core.typing.templates import AttributeTemplate, infer_getattr
    from numba.extending import intrinsic, register_model

    _WORD = ir.IntType(64)
    _ADDRESS = ir.IntType(8).as_pointer()

    class BorrowedArray(types.Array):
        """A C-contiguous array without an owner."""

        def __init__(self, array: types.Array) -> None:
            super().__init__(
                array.dtype,
                array.ndim,
                "C",
                readonly=not array.mutable,
                aligned=array.aligned,
                name=f"borrowed {array}",
            )

    @register_model(BorrowedArray)
    class _ArrayModel(models.StructModel):
        """The members of Numba's model, but that it counts no owner."""

        def __init__(self, dmm: Any, fe_type: BorrowedArray) -> None:
            sizes = types.UniTuple(types.intp, fe_type.ndim)
            super().__init__(dmm, fe_type, [
                ("meminfo", types.voidptr), ("parent", types.voidptr), ("nitems", types.intp),
                ("itemsize", types.intp), ("data", types.CPointer(fe_type.dtype)), ("shape", sizes),
                ("strides", sizes),
            ])  # fmt: skip

    class BorrowedTuple(types.Type):
        """The address of a named tuple's fields."""

        def __init__(self, kind: types.BaseNamedTuple) -> None:
            self.fields = {name: _borrowed_type(each) for name, each in zip(kind.fields, kind.types, strict=True)}
            digest = hashlib.sha256(repr(kind).encode()).hexdigest()[:16]
            super().__init__(f"borrowed {kind.instance_class.__name__} {digest}")

    @register_model(BorrowedTuple)
    class _TupleModel(models.PrimitiveModel):
        def __init__(self, dmm: Any, fe_type: BorrowedTuple) -> None:
            super().__init__(dmm, fe_type, _ADDRESS)

    _known: dict[types.Type, types.Type] = {}

    def _borrowed_type(kind: types.Type) -> types.Type:
        if kind not in _known:
            _known[kind] = _make_type(kind)
        return _known[kind]

    def _make_type(kind: types.Type) -> types.Type:
        if isinstance(kind, types.BaseNamedTuple):
            return BorrowedTuple(kind)
        if isinstance(kind, types.Number | types.Boolean | BorrowedArray | BorrowedTuple):
            return kind
        if not isinstance(kind, types.Array):
            raise TypingError(f"what is borrowed must be arrays, numbers or named tuples of them, got {kind}")
        if kind.layout != "C":
            raise TypingError(f"a borrowed array must be C-contiguous, got {kind}")
        return BorrowedArray(kind)

    def _stored(context: Any, kind: types.Type) -> ir.Type:
        """How a field lies in memory: an array as the address of its data and its shape."""
        if isinstance(kind, BorrowedTuple):
            return ir.LiteralStructType([_stored(context, each) for each in kind.fields.values()])
        if isinstance(kind, BorrowedArray):
            return ir.LiteralStructType([_ADDRESS] + [_WORD] * kind.ndim)
        return context.get_data_type(kind)

    def _store(context: Any, builder: Any, kind: types.Type, given: types.Type, value: Any, at: Any) -> None:
        """Write a value of Numba's type `given` where its fields are read from."""
        if isinstance(kind, BorrowedTuple):
            parts = cgutils.unpack_tuple(builder, value)
            for k, (each, its, part) in enumerate(zip(kind.fields.values(), given.types, parts, strict=True)):
                _store(context, builder, each, its, part, cgutils.gep_inbounds(builder, at, 0, k))
        elif isinstance(kind, BorrowedArray):
            array = context.make_array(given)(context, builder, value)
            builder.store(builder.bitcast(array.data, _ADDRESS), cgutils.gep_inbounds(builder, at, 0, 0))
            for k, size in enumerate(cgutils.unpack_tuple(builder, array.shape)):
                builder.store(size, cgutils.gep_inbounds(builder, at, 0, k + 1))
        else:
            builder.store(context.data_model_manager.lookup(kind).as_data(builder, value), at)

    def _load(builder: Any, at: Any) -> Any:
        """Read what never changes: the optimizer need not read it again after a write to elsewhere."""
        found = builder.load(at)
        found.set_metadata("invariant.load", builder.module.add_metadata([]))
        return found

    def _array(context: Any, builder: Any, kind: BorrowedArray, data: Any, shape: list[Any]) -> Any:
        array = context.make_array(kind)(context, builder)
        itemsize = context.get_abi_sizeof(context.get_data_type(kind.dtype))
        strides = [ir.Constant(_WORD, itemsize)]
        for size in shape[:0:-1]:
            strides.insert(0, builder.mul(strides[0], size))
        array.meminfo = array.parent = ir.Constant(_ADDRESS, None)
        array.itemsize = ir.Constant(_WORD, itemsize)
        array.nitems = reduce(builder.mul, shape)
        array.data = builder.bitcast(data, array.data.type)
        array.shape = cgutils.pack_array(builder, shape)
        array.strides = cgutils.pack_array(builder, strides)
        return array._getvalue()  # noqa: SLF001  (numba's way to hand a struct back)

    @infer_getattr
    class _Fields(AttributeTemplate):
        key = BorrowedTuple

        def generic_resolve(self, typ: BorrowedTuple, attr: str) -> types.Type | None:
            return typ.fields.get(attr)

    @lower_getattr_generic(BorrowedTuple)
    def _field(context: Any, builder: Any, typ: BorrowedTuple, value: Any, attr: str) -> Any:
        """Read a field."""
        kind, k = typ.fields[attr], list(typ.fields).index(attr)
        at = builder.bitcast(value, _stored(context, typ).as_pointer())
        at = cgutils.gep_inbounds(builder, at, 0, k)
        if isinstance(kind, BorrowedTuple):
            return builder.bitcast(at, _ADDRESS)
        if isinstance(kind, BorrowedArray):
            parts = [_load(builder, cgutils.gep_inbounds(builder, at, 0, n)) for n in range(kind.ndim + 1)]
            return _array(context, builder, kind, parts[0], parts[1:])
        return context.data_model_manager.lookup(kind).from_data(builder, _load(builder, at))

    @intrinsic
    def borrowed(typingctx: Any, value: Any) -> Any:  # noqa: ARG001  (numba's signature)
        """The same arrays, passed on without an owner."""
        kind = _borrowed_type(value)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            given = signature.args[0]
            if isinstance(kind, BorrowedArray) and kind is not given:
                array = context.make_array(given)(context, builder, args[0])
                return _array(context, builder, kind, array.data, cgutils.unpack_tuple(builder, array.shape))
            if not isinstance(kind, BorrowedTuple):
                return args[0]
            at = cgutils.alloca_once(builder, _stored(context, kind))
            _store(context, builder, kind, given, args[0], at)
            # Behind the assembler's back, as it were: else the optimizer may take a load of what is declared not to
            # change for one from before it was written.
            through = ir.InlineAsm(ir.FunctionType(_ADDRESS, [_ADDRESS]), "", "=r,0,~{memory}", side_effect=True)
            return builder.call(through, [builder.bitcast(at, _ADDRESS)])

        return kind(value), generate
