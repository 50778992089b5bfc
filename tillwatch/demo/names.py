"""What merchants are called, by the master data in a log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.decoding.records import Records
    from streams.log import Log

_MASTER_DATA = re.compile(rb'"type"\s*:\s*"merchant"')
_TWO = re.compile(r"(?P<zh>\S*[^\x00-\x7f]\S*) (?P<en>[\x20-\x7e]*[A-Za-z][\x20-\x7e]*)")
_READS = 8
"""Reads of each partition in one call, so that a view that calls it goes on meanwhile."""


class _Named(msgspec.Struct):
    """What is read of a `merchant` event."""

    type: str
    merchant_id: str
    name: str = ""


class Names:
    """Names of merchants, the newest that `events` of a log has told."""

    def __init__(self, log: Log) -> None:
        self._log, self._topic = log, log.topics.events.name
        self._next = {p: log.first_offset(self._topic, p) for p in range(log.partitions(self._topic))}
        self._names: dict[str, str] = {}

    def refresh(self) -> None:
        """Read on, some way where much has come."""
        for partition in self._next:
            for _ in range(_READS):
                records = self._log.read(self._topic, partition, self._next[partition])
                if not len(records):
                    break
                self._next[partition] = int(records.offsets[-1]) + 1
                self._names.update((each.merchant_id, each.name) for each in _named(records) if each.name)

    def of(self, merchant_id: str, lang: str) -> str:
        """What a merchant is called, in a language where its name has two; "" where nothing was told."""
        return in_language(self._names.get(merchant_id, ""), lang)


def in_language(name: str, lang: str) -> str:
    """The Chinese or the English part of a name that is written in both, else all of it.

    >>> in_language("杭州榆桅珠宝行 Yuwei Jeweller, Hangzhou", "en")
    'Yuwei Jeweller, Hangzhou'
    >>> in_language("杭州榆桅珠宝行 Yuwei Jeweller, Hangzhou", "zh"), in_language("榆桅Cafe", "en")
    ('杭州榆桅珠宝行', '榆桅Cafe')
    """
    both = _TWO.fullmatch(name)
    return both["zh" if lang == "zh" else "en"] if both else name


def _named(records: Records) -> Iterator[_Named]:
    """The records' master data; what is none, but has its words in a text, is passed over."""
    for found in _MASTER_DATA.finditer(records.data[: records.value_bytes].data):
        try:
            event = msgspec.json.decode(
                records.value(int(np.searchsorted(records.ends, found.start(), "right"))), type=_Named
            )
        except msgspec.MsgspecError:  # the worker makes a dead letter of it
            continue
        if event.type == "merchant":
            yield event
