"""Where channels may connect to, so that nobody makes them ask something inside: https, named hosts, public addresses.

A host is resolved once, every address is checked, and the connection goes to one of those. There is no proxy, no
redirect, and no address of this machine, of a private network or of a cloud's metadata, unless a setting names it.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from domain.errors import TillwatchError

Ip = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
_NAT64 = ip_network("64:ff9b::/96")
_METADATA = frozenset({ip_address("169.254.169.254"), ip_address("100.100.100.200"), ip_address("fd00:ec2::254")})
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Barred(TillwatchError, OSError):
    """A host leads where channels may not connect to."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Where one channel may connect to.

    Attributes:
        hosts: names, in small letters.
        networks: private networks whose addresses are allowed beside public ones.
        loopback: whether this machine may be asked, without TLS too; for tests.
    """

    hosts: frozenset[str]
    networks: tuple[Network, ...] = ()
    loopback: bool = False

    def check_url(self, url: str) -> None:
        """Refuse a URL that is not https, or of another host; raises ValueError, which never has the URL's path."""
        found = URL(url)
        host = (found.host or "").lower()
        if found.user or found.password or found.fragment:
            raise ValueError(f"url must have no user, password or fragment, got one for {host}")
        in_the_clear = self.loopback and found.scheme == "http" and host in LOOPBACK_NAMES
        if not host or not (found.scheme == "https" or in_the_clear):
            raise ValueError(f"url must be https://host/path, got {found.scheme or 'none'} for {host or 'no host'}")
        if host not in self.hosts:
            raise ValueError(f"url must be of one of the hosts {', '.join(sorted(self.hosts)) or '(none)'}, got {host}")
        if _is_ip(host) and not self.allows(ip_address(host)):
            raise ValueError(f"url must lead to a public address, got {host}")

    def allows(self, address: Ip) -> bool:
        """Whether an address may be connected to."""
        inner = _inner(address)
        if inner in _METADATA or inner.is_link_local or inner.is_multicast or inner.is_unspecified:
            return False
        if inner.is_loopback:
            return self.loopback
        if any(inner in each for each in self.networks if each.version == inner.version):
            return True
        return inner.is_global and not inner.is_reserved


class GuardedResolver(AbstractResolver):
    """Resolves a host once, and gives its addresses only if all of them are allowed."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host; raises Barred if one of them is not allowed, OSError if there is none."""
        if host.lower() not in self._bounds.hosts:
            raise Barred(f"{host} is not among the hosts of the channel")
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        names = list(dict.fromkeys((each[0], str(each[4][0])) for each in found))
        for _, name in names:
            if not self._bounds.allows(ip_address(name.partition("%")[0])):
                raise Barred(f"{host} leads to an address that is not public")
        return [
            ResolveResult(hostname=host, host=name, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for kind, name in names
        ]

    async def close(self) -> None:
        """Nothing is open."""


def networks_of(words: str) -> tuple[Network, ...]:
    """Networks parted by commas; raises ValueError for what is none.

    >>> networks_of("10.1.2.0/24, fd00:1::/64")
    (IPv4Network('10.1.2.0/24'), IPv6Network('fd00:1::/64'))
    """
    return tuple(ip_network(each.strip()) for each in words.split(",") if each.strip())


def hosts_of(words: str) -> frozenset[str]:
    """Names parted by commas, in small letters."""
    return frozenset(each.strip().lower() for each in words.split(",") if each.strip())


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _inner(address: Ip) -> Ip:
    """The IPv4 address that an IPv6 one leads to, where it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)
