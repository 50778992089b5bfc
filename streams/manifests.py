"""Manifests of checkpoints: what a checkpoint consists of, sealed by a checksum, as every backend stores them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

import msgspec

from engine.checkpoint.pages import Damaged
from streams.errors import UnknownFormat, WrongParent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FORMAT = 2
REBUILD = "run `tillwatch state rebuild`"


class PageRef(msgspec.Struct, frozen=True, array_like=True):
    """What a manifest knows of a page.

    Attributes:
        id: unique within the partition, greater than those of earlier pages.
        size: bytes.
        crc: crc32 of the page's bytes.
    """

    id: int
    size: int
    crc: int

    @classmethod
    def of(cls, page_id: int, body: bytes) -> PageRef:
        """The reference to `body` as page `page_id`."""
        return cls(page_id, len(body), crc32(body))


_WIRE = {"checkpoint": "cut", "checkpoint_ms": "cut_ms", "epoch": "owner"}
"""What is stored under other names, which states of earlier versions have."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename=_WIRE):
    """What a checkpoint consists of.

    Attributes:
        format: of the manifest.
        partition: whose state was checkpointed.
        checkpoint: number of this checkpoint, above `parent`.
        parent: the checkpoint before, 0 for none.
        offset: the source's offset to read on from.
        source: identity of the log whose offsets it speaks of.
        epoch: that of the partition's owner who wrote it; greater than that of any owner before.
        rows: merchants' rows in the pages.
        checkpoint_ms: when the checkpoint was taken, UTC milliseconds of the wall clock; for people only.
        pages: all live pages, ascending by id.
        notes: the engine's own, opaque here.
    """

    format: int = FORMAT
    partition: int
    checkpoint: int
    parent: int
    offset: int
    source: str
    epoch: int
    rows: int
    checkpoint_ms: int
    pages: tuple[PageRef, ...]
    notes: bytes


class Head(msgspec.Struct, frozen=True, kw_only=True, rename=_WIRE):
    """What is read of a manifest when its pages do not matter."""

    format: int
    partition: int
    checkpoint: int
    offset: int


def sealed(manifest: Manifest) -> bytes:
    """The manifest as it is stored."""
    body = msgspec.msgpack.encode(manifest)
    return crc32(body).to_bytes(4, "little") + body


def unsealed(stored: bytes, partition: int, where: str) -> bytes:
    """The body of a stored manifest, whose checksum, format and partition are right.

    Raises:
        Damaged, UnknownFormat: they are not; the message names `where`.
    """
    who = f"the manifest of partition {partition} in {where}"
    expected, body = int.from_bytes(stored[:4], "little"), stored[4:]
    if (found := crc32(body)) != expected or not body:
        raise Damaged(f"{who} must have crc32 {expected:08x}, got {found:08x}; {REBUILD}")
    head = msgspec.msgpack.decode(body, type=Head)
    if head.format != FORMAT:
        raise UnknownFormat(f"{who} must be of format {FORMAT}, got {head.format}; {REBUILD}")
    if head.partition != partition:
        raise Damaged(f"{who} is that of partition {head.partition}; {REBUILD}")
    return body


def check_page(manifest: Manifest, ref: PageRef, body: bytes | None, where: str) -> bytes:
    """The body of a stored page; raises `Damaged` where it is missing or not what the manifest says."""
    found = None if body is None else PageRef.of(ref.id, body)
    if body is None or found != ref:
        got = "none" if found is None else f"{found.size} bytes with crc32 {found.crc:08x}"
        raise Damaged(
            f"page {ref.id} of partition {manifest.partition} in {where} must have {ref.size} bytes"
            f" with crc32 {ref.crc:08x}, got {got}; {REBUILD}"
        )
    return body


def check_next(manifest: Manifest, epoch: int, checkpoint: int, stored: set[int], fresh: set[int]) -> set[int]:
    """Whether a manifest can follow what is stored; returns the stored pages it no longer lists.

    Args:
        manifest: the next checkpoint.
        epoch: that of the owner who writes it.
        checkpoint: number of the stored checkpoint, 0 for none.
        stored: ids of the stored pages.
        fresh: ids of the pages that come with it.

    Raises:
        WrongParent: the stored checkpoint is not the manifest's parent.
        ValueError: the manifest and the pages contradict each other.
    """
    ids = [ref.id for ref in manifest.pages]
    if manifest.epoch != epoch or manifest.checkpoint <= manifest.parent or ids != sorted(set(ids)):
        raise ValueError(
            f"a manifest must have epoch {epoch}, be above its parent and ascend by page,"
            f" got epoch {manifest.epoch}, checkpoint {manifest.checkpoint}, parent {manifest.parent}, pages {ids}"
        )
    partition, listed = manifest.partition, set(ids)
    if checkpoint != manifest.parent:
        raise WrongParent(
            f"checkpoint {manifest.checkpoint} of partition {partition} must continue checkpoint {checkpoint},"
            f" got parent {manifest.parent}"
        )
    if wrong := (listed - stored - fresh) | (fresh - listed) | (fresh & stored):
        raise ValueError(
            f"pages of partition {partition} must be listed, and either fresh or stored, got {sorted(wrong)}"
        )
    return stored - listed


def sized(manifest: Manifest, fresh: Mapping[int, bytes]) -> Iterator[tuple[int, bytes]]:
    """The fresh pages, ascending by id, each of the size the manifest says."""
    for ref in manifest.pages:
        if ref.id in fresh:
            body = fresh[ref.id]
            if len(body) != ref.size:
                raise ValueError(
                    f"page {ref.id} of partition {manifest.partition} must have {ref.size} bytes, got {len(body)}"
                )
            yield ref.id, body
