"""What settings say of a channel: one table of TOML each, read strictly."""

from __future__ import annotations

from typing import Any

import msgspec

from notices.channels.guard import Bounds, hosts_of, networks_of
from notices.channels.post import Poster


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every channel has besides its kind: nothing."""

    def check(self) -> None:
        """Refuse what does not fit together, without reading a file; raises ValueError."""


class Remote(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What channels have that ask over HTTP.

    Attributes:
        url: without the key.
        hosts: names that it may be of, parted by commas.
        networks: private networks that may be connected to besides public addresses, parted by commas.
        loopback: whether this machine may be asked, without TLS too.
        ca_file: certificates in PEM; "" for the system's.
    """

    url: str = ""
    hosts: str = ""
    networks: str = ""
    loopback: bool = False
    ca_file: str = ""

    @property
    def bounds(self) -> Bounds:
        """Where requests may go; raises ValueError."""
        return Bounds(hosts=hosts_of(self.hosts), networks=networks_of(self.networks), loopback=self.loopback)

    def poster(self) -> Poster:
        """What sends its requests."""
        return Poster(bounds=self.bounds, ca_file=self.ca_file)

    def check(self) -> None:
        """Refuse a URL that leads elsewhere; raises ValueError."""
        self.bounds.check_url(self.url)


def at_least(name: str, value: float, least: float) -> None:
    """Refuse a setting that is below its least; raises ValueError."""
    if not value >= least:
        raise ValueError(f"{name} must be at least {least:g}, got {value!r}")


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse a setting that is none of some words; raises ValueError."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")


def read_options(kind: type[Options], table: dict[str, Any]) -> Options:
    """A table as the options of a kind; figures may be words, as they come from the environment.

    Raises:
        ValueError: a key is unknown or missing, or a value is not what it must be.
    """
    try:
        found = msgspec.convert(table, kind, strict=False)
    except msgspec.ValidationError as error:
        fields = ", ".join(each.name for each in msgspec.structs.fields(kind))
        raise ValueError(f"{error}; there are {fields}") from error
    found.check()
    return found
