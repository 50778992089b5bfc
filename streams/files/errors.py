"""What a file, a mapping or a row is refused for."""

from __future__ import annotations

from domain.errors import RecordError, TillwatchError


class FileRefused(TillwatchError):
    """A file that cannot be read: what it seems to be, and what to do."""


class UnknownEncoding(FileRefused):
    """A text in an encoding that its bytes do not tell."""


class NoHeader(FileRefused):
    """A file in which no row has the columns that are wanted."""


class MappingRefused(TillwatchError):
    """A mapping that says something that cannot be, or does not fit its file."""


class BadRow(RecordError):
    """A row that makes no event.

    Attributes:
        field: the field at fault; "" where the row as a whole is.
        message: what was expected and what came, without card numbers.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field, self.message = field, message
