"""The addresses of logs by the scheme of their URLs, one line for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from domain.secrets import masked_url
from streams.kafka.address import KafkaAddress
from streams.kafka.options import brokers_of
from streams.sqlite.address import SqliteAddress, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streams.log_address import LogAddress


class Scheme(NamedTuple):
    """What a URL of a scheme names.

    Attributes:
        make: makes the address out of a URL and the settings of the scheme.
        check: raises ValueError where a URL is not as the scheme has it.
    """

    make: Callable[..., LogAddress]
    check: Callable[[str], object]


SCHEMES = {
    "kafka": Scheme(KafkaAddress.of, brokers_of),
    "sqlite": Scheme(SqliteAddress.of, path_of),
}


def check_url(url: str) -> None:
    """Raises ValueError where a URL names no log, whatever else is set."""
    SCHEMES[_scheme_of(url)].check(url)


def address_of(url: str, settings: Mapping[str, Any]) -> LogAddress:
    """The address that a URL names.

    Args:
        url: the URL.
        settings: by name. Those of the URL's scheme begin with it, such as `kafka_user`; others are passed over.

    Raises:
        ValueError: the URL names no log, or the settings do not fit together.
        OSError: a file that the settings name cannot be read.

    >>> address_of("sqlite:///var/tillwatch.db", {"kafka_user": "", "partitions": 4}).url
    'sqlite:///var/tillwatch.db'
    """
    scheme = _scheme_of(url)
    own = {name.removeprefix(f"{scheme}_"): each for name, each in settings.items() if name.startswith(f"{scheme}_")}
    return SCHEMES[scheme].make(url, **own)


def _scheme_of(url: str) -> str:
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in SCHEMES:
        raise ValueError(
            f"log_url must begin with {' or '.join(f'{each}://' for each in SCHEMES)}, got {masked_url(url)!r}"
        )
    return scheme
