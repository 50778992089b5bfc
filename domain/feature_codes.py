"""Codes that feature columns hold, which the engine writes and detectors read."""

from __future__ import annotations

NULL = -(2**63)
"""An int64 column's null; a float64 column's is NaN."""

ROW_TRANSACTION, ROW_SETTLEMENT, ROW_CLOSING, ROW_CONTRACT, ROW_REPORT = range(5)
"""Values of `row_kind`: what a row of features describes. A transaction, a settlement, the end of a merchant's local
day, a new version of its contract, or a report on an earlier transaction."""

REPORT_FRAUD, REPORT_CHARGEBACK, REPORT_RETRIEVAL = 1, 2, 3
"""Values of `report_kind`: a report of fraud, a chargeback, a request for the slip."""

POINT_MERCHANT, POINT_TERMINAL = 1, 2
"""Values of `point_form`: whether the reports gather at the merchant as a whole or at one of its terminals."""

MCC_REGISTERED, MCC_LEARNED = 1, 2
"""Values of `mcc_basis`: whether master data or the merchant's own history says which MCC is the merchant's."""

SOURCE_PRESENTED, SOURCE_ACCEPTOR, SOURCE_CHANNEL, SOURCE_FEE_TYPE, SOURCE_SETTLEMENT = (1 << k for k in range(5))
"""Bits of `mcc_sources`: where a value that is not the merchant's was found. The MCC presented, the MCC inside the
acceptor number, the channel's MCC, the special-fee type, the settlement."""

FEE_BY_CONTRACT, FEE_LEARNED, FEE_ROUGH = 1, 2, 3
"""Values of `fee_basis`: whether a contract, an exact learned tariff or a rough learned rate says what was due."""

RISE_DAY, RISE_THREE_DAYS, RISE_LASTING, RISE_RETURN = range(1, 5)
"""Values of `rise_form`: which view of a day is the rarest. The day, three days, one or two weeks, the first day after
a long closure."""

NUMBER_OF_ACCEPTOR, NUMBER_OF_CHANNEL = 1, 2
"""Values of `number_source`: which kind of merchant number rotates."""

LONG_TERMINAL = 1 << 63
"""Bit of a terminal's code that is set where its id is longer than eight characters: the other bits are a hash."""


def terminal_text(code: int) -> str:
    """The terminal that `terminal_code` means; "" where its id is longer than eight characters.

    >>> terminal_text(int.from_bytes(b"10000001", "little")), terminal_text(-5)
    ('10000001', '')
    """
    return "" if code < 0 else code.to_bytes(8, "little").rstrip(b"\0").decode("ascii", "replace")
