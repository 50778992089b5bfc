"""Made-up traffic for benches: Zipf's law over any number of merchants, 356 or 693 bytes a record.

Every record is one template with other digits. Merchants come in the order of a shuffle, so that the busiest ones do
not lie side by side; each comes once at first, so that every one is known when the measuring begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.decoding.hashing import partitions_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from streams.log import Log

_USUAL = (
    '{"txn_id":"t000000000000","merchant_id":"898000000000000","terminal_id":"2d9a11b1","acceptor_id":"898791058131670",'
    '"mcc":"5813","card_token":"f749098c8d0100000000000000000000","received_at":1736092806113,"response_code":"00",'
    '"currency":"CNY","event_time":"2025-01-06T00:00:00.000+08:00","amount":30000,"scheme":"unionpay",'
    '"card_kind":"credit","feed":"sim"}'
)
_MORE = (
    '"card_last4":"3444","card_bin":"62284856","issuer_country":"CN","entry_mode":"051","terminal_sn":"SN14742976",'
    '"rrn":"482248927195","stan":"000000","acquirer_code":"83379100","transmitted_at":1736092805371,'
    '"auth_code":"571327","lat":34.38555,"lon":108.98401,"region":"Xian, Beilin district, south gate 4",'
    '"fee_class":"standard","fee":193,'
)
START_MS = 1_736_092_800_000
"""2025-01-06T00:00+08:00; records are a millisecond or more apart and stay within that day."""
BLOCK = 20_000


def template(size: str) -> bytes:
    """A record of the `usual` fields or of `all`."""
    return (_USUAL if size == "usual" else _USUAL.replace('"feed"', _MORE + '"feed"')).encode()


class Traffic:
    """Records `0` to `records` of a partitioned stream.

    Args:
        merchants: how many there are.
        records: how many follow the first `merchants`, which bring each merchant once.
        size: `usual` or `all`.
        partitions: of the log.
    """

    def __init__(self, merchants: int, records: int, size: str, partitions: int = 4, seed: int = 1) -> None:
        draw = np.random.default_rng(seed)
        self._order = draw.permutation(merchants)
        weights = np.cumsum(1.0 / np.arange(1, merchants + 1))
        self._cumulated = weights / weights[-1]
        self._draw, self._template = draw, np.frombuffer(template(size), np.uint8)
        self.merchants, self.records = merchants, merchants + records
        self._step_ms = min(1_000.0, 86_000_000 / self.records)
        self._partitions = partitions
        ids = self._ids(np.arange(merchants))
        start = np.arange(merchants, dtype=np.int32) * 15
        self._of = partitions_of(ids.reshape(-1), start, np.full(merchants, 15, np.int32), partitions)

    @staticmethod
    def _ids(which: NDArray[np.int64]) -> NDArray[np.uint8]:
        out = np.tile(np.frombuffer(b"898000000000000", np.uint8), (len(which), 1))
        _digits(out, 6, 9, which)
        return out

    def blocks(self) -> Iterator[list[bytes]]:
        """The stream, `BLOCK` records at a time: by partition, the joined records."""
        for first in range(0, self.records, BLOCK):
            number = np.arange(first, min(first + BLOCK, self.records))
            yield self._block(number)

    def _block(self, number: NDArray[np.int64]) -> list[bytes]:
        known = np.searchsorted(self._cumulated, self._draw.random(len(number)))
        merchant = self._order[np.where(number < self.merchants, number % self.merchants, known)]
        out = np.tile(self._template, (len(number), 1))
        text = self._template.tobytes()
        out[:, text.index(b'"898') + 1 :][:, :15] = self._ids(merchant)
        _digits(out, text.index(b'"t0') + 2, 12, number)
        _digits(
            out,
            text.index(b'0000000000"', text.index(b"f749098c8d01")),
            10,
            self._draw.integers(0, 50_000, len(number)),
        )
        _digits(out, text.index(b'"amount":') + 9, 5, self._draw.integers(10_000, 99_999, len(number)))
        if b'"stan"' in text:
            _digits(out, text.index(b'"stan":"') + 8, 6, number % 1_000_000)
            _digits(out, text.index(b'"transmitted_at":') + 17, 13, START_MS + number)
        ms = (number * self._step_ms).astype(np.int64)
        _digits(out, text.index(b'"received_at":') + 14, 13, START_MS + ms + 700)
        at = text.index(b"T00:00:00")
        for place, width, value in (
            (at + 1, 2, ms // 3_600_000), (at + 4, 2, ms // 60_000 % 60), (at + 7, 2, ms // 1_000 % 60),
            (at + 10, 3, ms % 1_000),
        ):  # fmt: skip
            _digits(out, place, width, value)
        part = self._of[merchant]
        return [out[part == each].tobytes() for each in range(self._partitions)]

    @property
    def length(self) -> int:
        """Bytes of each record."""
        return len(self._template)

    def append(self, log: Log, block: list[bytes]) -> None:
        """Append a block to the log's `events`."""
        counts = [len(each) // self.length for each in block]
        log.append_blocks("events", b"".join(block), np.full(sum(counts), self.length, np.int32), counts)


def _digits(out: NDArray[np.uint8], at: int, width: int, value: NDArray[np.int64]) -> None:
    """Write numbers in as many digits into the same place of each record."""
    rest = value.copy()
    for k in range(at + width - 1, at - 1, -1):
        out[:, k] = 48 + rest % 10
        rest //= 10
