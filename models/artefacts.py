"""What artefacts of models have in common: arrays as text without pickles, their digest, and damage that is refused.

An artefact's bytes are JSON: the number of its format, a manifest that people read, and the arrays.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import math
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, NamedTuple, Protocol, Self, TypeVar

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

FORMAT = 1
MOST_BYTES = 700_000
"""Of an artefact: it travels as one record of the log, and a Kafka broker takes up to 1,048,576 bytes by default."""
MOST_UNPACKED = 16_000_000
"""Bytes of its arrays: ten times those of the largest model that training makes."""
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, KeyError, TypeError, SyntaxError, OverflowError,
    MemoryError, RuntimeError,
)  # fmt: skip
"""What zipfile and NumPy raise of damaged bytes beside ValueError: a header may ask for any memory or a password."""


class Spec(NamedTuple):
    """How an array is stored; a name in `shape` is a number that arrays share."""

    dtype: str
    shape: tuple[int | str, ...]


class Described(Protocol):
    """What every manifest says."""

    @property
    def version(self) -> str:
        """The model's name."""
        ...

    @property
    def sha256(self) -> str:
        """Of the arrays."""
        ...


D = TypeVar("D", bound=Described)
P = TypeVar("P")


class _Head(msgspec.Struct):
    format: Any = None


class Body(msgspec.Struct, Generic[D], forbid_unknown_fields=True):
    """An artefact's JSON."""

    format: Literal[1]
    manifest: D
    arrays: str


class Artefact(Generic[D, P]):
    """A model that does not change; of one kind, those with equal arrays are equal.

    Attributes:
        manifest: what it was trained on.
        arrays: as they are stored, by the names of `specs`; read-only.
        parts: what it judges by.
        kind: the control that it is published as.
        called: what it is, for errors.
        command: what trains it.
        specs: all arrays of an artefact.
    """

    __slots__ = ("arrays", "manifest", "parts")

    manifest: D
    arrays: Mapping[str, NDArray[Any]]
    parts: P
    kind: ClassVar[str]
    called: ClassVar[str]
    command: ClassVar[str]
    specs: ClassVar[Mapping[str, Spec]]

    def __init__(self, manifest: D, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Build a model of what its artefact holds.

        Raises:
            ValueError: arrays contradict themselves.
        """
        for name, value in (("manifest", manifest), ("arrays", arrays), ("parts", self._parts_of(arrays))):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a model does not change, got a new {name}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.version!r}, {self.digest[:12]!r})"

    @property
    def version(self) -> str:
        """Its name."""
        return self.manifest.version

    @property
    def digest(self) -> str:
        """SHA-256 of its arrays."""
        return self.manifest.sha256

    @classmethod
    def decoded(cls, body: bytes) -> Self:
        """The model of an artefact's bytes.

        Raises:
            ValueError: they are none of this format, damaged, of other habits, or judge the golden batch otherwise.
        """
        try:
            return cls._decoded(body)
        except (ValueError, OverflowError, RecursionError) as error:  # msgspec's own are ValueErrors
            raise ValueError(f"{cls.kind} must be an artefact of `{cls.command}`: {error}") from error

    def encoded(self) -> bytes:
        """The artefact's bytes.

        Raises:
            ValueError: they would be more than `MOST_BYTES`.
        """
        body = msgspec.json.encode(Body(1, self.manifest, pack(self.arrays, self.specs)))
        if len(body) > MOST_BYTES:
            raise ValueError(f"{self.called} must have at most {MOST_BYTES} bytes, got {len(body)}")
        return body

    @staticmethod
    def _parts_of(arrays: Mapping[str, NDArray[Any]]) -> P:
        """What it judges by; raises ValueError where arrays contradict themselves."""
        raise NotImplementedError

    @classmethod
    def _decoded(cls, body: bytes) -> Self:
        """As `decoded`, with what is wrong alone as the error's message."""
        raise NotImplementedError


def opened(body: bytes, kind: type[Body[D]]) -> Body[D]:
    """An artefact's JSON.

    Raises:
        ValueError: it is too large, of another format, or none.
    """
    if len(body) > MOST_BYTES:
        raise ValueError(f"at most {MOST_BYTES} bytes expected, got {len(body)}")
    came = msgspec.json.decode(body, type=_Head).format
    if came != FORMAT:
        raise ValueError(f"format must be {FORMAT}, got {came!r}")
    return msgspec.json.decode(body, type=kind)


def check_digest(arrays: Mapping[str, NDArray[Any]], specs: Mapping[str, Spec], sha256: str) -> None:
    """Refuse arrays of another digest than a manifest names; raises ValueError."""
    found = digest(arrays, specs)
    if found != sha256:
        raise ValueError(f"arrays must have the SHA-256 {sha256}, got {found}")


def pack(arrays: Mapping[str, NDArray[Any]], specs: Mapping[str, Spec]) -> str:
    """Arrays as text: base64 of a compressed npz."""
    into = io.BytesIO()
    np.savez_compressed(into, allow_pickle=False, **{name: arrays[name] for name in specs})
    return base64.b64encode(into.getvalue()).decode("ascii")


def unpack(text: str, specs: Mapping[str, Spec]) -> tuple[dict[str, NDArray[Any]], dict[str, int]]:
    """The arrays of `pack`, and the numbers that they share.

    Args:
        text: what `pack` made.
        specs: the arrays of the format.

    Raises:
        ValueError: the text is no base64 of an npz with exactly the arrays of `specs`, or too large.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"arrays must be base64: {error}") from error
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            unpacked = sum(each.file_size for each in archive.infolist())
        if unpacked > MOST_UNPACKED:
            raise ValueError(f"arrays must have at most {MOST_UNPACKED} bytes, got {unpacked}")
        with np.load(io.BytesIO(raw), allow_pickle=False) as held:
            return _checked({name: held[name] for name in held.files}, specs)
    except _DAMAGED as error:
        raise ValueError(f"arrays must be an npz: {error}") from error


def _checked(
    arrays: dict[str, Any], specs: Mapping[str, Spec]
) -> tuple[dict[str, NDArray[Any]], dict[str, int]]:  # fmt: skip
    if set(arrays) != set(specs):
        missing, others = sorted(set(specs) - set(arrays)), sorted(set(arrays) - set(specs))
        raise ValueError(f"arrays must be those of format {FORMAT}, got {others} instead of {missing}")
    sizes: dict[str, int] = {}
    for name, spec in specs.items():
        array = arrays[name]
        if not isinstance(array, np.ndarray) or array.dtype != spec.dtype or array.ndim != len(spec.shape):
            came = f"{array.ndim}-dimensional {array.dtype}" if isinstance(array, np.ndarray) else "no array"
            raise ValueError(f"{name} must be {len(spec.shape)}-dimensional {spec.dtype}, got {came}")
        for size, expected in zip(array.shape, spec.shape, strict=True):
            wanted = sizes.setdefault(expected, size) if isinstance(expected, str) else expected
            if size != wanted:
                raise ValueError(f"{name} must have {wanted} entries along {expected}, got {size}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite, got {array[~np.isfinite(array)][0]}")
    return arrays, sizes


def digest(arrays: Mapping[str, NDArray[Any]], specs: Mapping[str, Spec]) -> str:
    """SHA-256 of the arrays: of names, types, shapes and bytes, for compressed bytes follow the library."""
    made = hashlib.sha256()
    for name in specs:
        array = arrays[name]
        made.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        made.update(np.ascontiguousarray(array).tobytes())
    return made.hexdigest()


def nullable(values: NDArray[np.float64]) -> tuple[Any, ...]:
    """Numbers for JSON, in tuples: null for NaN."""
    if values.ndim > 1:
        return tuple(nullable(row) for row in values)
    return tuple(None if math.isnan(each) else each for each in values.tolist())
