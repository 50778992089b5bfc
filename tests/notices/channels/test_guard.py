"""Channels connect where they may, to the address that was checked, and read no more than they must."""

from __future__ import annotations

import asyncio
import socket
import ssl
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest

from notices.channels import guard
from notices.channels.guard import Barred, Bounds, GuardedResolver, networks_of
from notices.channels.post import MOST_ANSWER_BYTES, Poster, Unanswered
from tests.kafka.certificates import Certificates
from tests.notices.channels.far_side import MESSAGE, OK, WANG, Bench, FarSide, Say
from tests.parts import require

if TYPE_CHECKING:
    from pathlib import Path

INSIDE = [
    "10.0.0.5", "172.16.0.1", "192.168.1.1", "127.0.0.1", "127.8.8.8", "0.0.0.0", "169.254.169.254", "169.254.1.1",
    "100.64.0.1", "100.100.100.200", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1",
    "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "::ffff:10.0.0.5", "::ffff:127.0.0.1",
    "64:ff9b::a00:5", "64:ff9b::7f00:1", "2002:a00:5::1", "2002:7f00:1::",
]  # fmt: skip
PUBLIC = ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
BOUNDS = Bounds(hosts=frozenset({"far.example"}))


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_not_allowed(address: str) -> None:
    assert not BOUNDS.allows(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address: str) -> None:
    assert BOUNDS.allows(ip_address(address))


def test_a_private_network_is_allowed_by_its_name_and_metadata_never() -> None:
    wide = Bounds(hosts=BOUNDS.hosts, networks=networks_of("10.1.0.0/16, 169.254.0.0/16, 100.64.0.0/10, 127.0.0.0/8"))
    assert wide.allows(ip_address("10.1.2.3"))
    assert wide.allows(ip_address("::ffff:10.1.2.3"))
    inside = ["10.2.0.1", "169.254.169.254", "100.100.100.200", "127.0.0.1"]
    assert not any(wide.allows(ip_address(each)) for each in inside)


URLS = [
    ("http://far.example/hook", "url must be https://host/path, got http for far.example"),
    ("ftp://far.example/hook", "got ftp"),
    ("https://other.example/hook", "url must be of one of the hosts far.example, got other.example"),
    ("https://far.example.evil.example/hook", "got far.example.evil.example"),
    ("https://far.example@evil.example/hook", "url must have no user"),
    ("https://u:p@far.example/hook", "url must have no user"),
    ("https:///hook", "got https for no host"),
    ("", "got none for no host"),
]


@pytest.mark.parametrize(("url", "said"), URLS)
def test_a_url_that_leads_elsewhere_is_refused(url: str, said: str) -> None:
    with pytest.raises(ValueError, match="url must") as error:
        BOUNDS.check_url(url)
    assert said in str(error.value)
    assert "/hook" not in str(error.value)


def test_an_address_in_the_url_is_checked_like_a_resolved_one() -> None:
    bounds = Bounds(hosts=frozenset({"10.0.0.5", "93.184.216.34"}))
    with pytest.raises(ValueError, match=r"url must lead to a public address, got 10\.0\.0\.5"):
        bounds.check_url("https://10.0.0.5/hook")
    bounds.check_url("https://93.184.216.34/hook")


def test_http_is_for_this_machine_alone_and_only_where_it_is_set() -> None:
    here = Bounds(hosts=frozenset({"127.0.0.1", "far.example"}), loopback=True)
    here.check_url("http://127.0.0.1:8080/hook")
    with pytest.raises(ValueError, match="url must be https"):
        here.check_url("http://far.example/hook")
    with pytest.raises(ValueError, match="url must be https"):
        Bounds(hosts=frozenset({"127.0.0.1"})).check_url("http://127.0.0.1:8080/hook")


def resolved(addresses: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], int]:
    """Where a connection would go, and how often the name was looked up."""
    asked = 0

    async def scene() -> list[str]:
        async def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
            nonlocal asked
            asked += 1
            return [(socket.AF_INET6 if ":" in each else socket.AF_INET, 1, 6, "", (each, 443)) for each in addresses]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
        return [each["host"] for each in await GuardedResolver(BOUNDS).resolve("far.example", 443)]

    return asyncio.run(scene()), asked


def test_a_name_is_looked_up_once_and_the_connection_goes_to_that_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolved(["93.184.216.34", "93.184.216.34"], monkeypatch) == (["93.184.216.34"], 1)


@pytest.mark.parametrize("inside", ["10.0.0.5", "169.254.169.254", "::1", "fe80::1%eth0"])
def test_a_name_that_also_leads_inside_is_refused_whole(inside: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Barred, match=r"far\.example leads to an address that is not public"):
        resolved(["93.184.216.34", inside], monkeypatch)


def test_a_host_beside_the_list_is_not_even_looked_up() -> None:
    with pytest.raises(Barred, match=r"evil\.example is not among the hosts"):
        asyncio.run(GuardedResolver(BOUNDS).resolve("evil.example"))


def posted(poster: Poster, url: str) -> Any:
    return asyncio.run(poster.post(url, b"{}", {}))


def test_a_name_that_leads_to_this_machine_is_refused_before_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        poster = Poster(bounds=Bounds(hosts=frozenset({"localhost"})))
        with pytest.raises(Unanswered, match="localhost leads to an address that is not public") as error:
            posted(poster, f"https://localhost:{server.getsockname()[1]}/hook")
        assert error.value.status == "refused"
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_not_followed(bench: Bench, status: int) -> None:
    async def scene() -> tuple[Any, int, int]:
        async with (
            FarSide(Say(OK["wecom"])) as elsewhere,
            FarSide(Say(b"", status, {"Location": elsewhere.url})) as far,
        ):
            (outcome,) = await bench.channel("wecom", far.url).send(MESSAGE, [WANG])
            return outcome, len(far.asked), len(elsewhere.asked)

    outcome, asked, followed = asyncio.run(scene())
    assert (outcome.status, outcome.said) == ("refused", f"HTTP {status}: redirects are not followed")
    assert (asked, followed) == (1, 0)


def test_no_more_than_64_kb_of_an_answer_are_read(bench: Bench) -> None:
    padded = b'{"errcode":0,"errmsg":"' + b"k" * MOST_ANSWER_BYTES + b'"}'
    (outcome,), _ = bench.ask("wecom", Say(padded))
    assert (outcome.status, outcome.said) == ("unknown", "answered 200 with more than 65536 bytes")
    fits = b'{"errcode":0,"errmsg":"' + b"k" * (MOST_ANSWER_BYTES - 25) + b'"}'
    assert bench.ask("wecom", Say(fits))[0][0].status == "sent"


def test_no_proxy_of_the_environment_is_asked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    (outcome,), far = bench.ask("wecom", Say(OK["wecom"]))
    assert (outcome.status, len(far.asked)) == ("sent", 1)


def test_an_answer_that_is_packed_is_not_unpacked(bench: Bench) -> None:
    _, far = bench.ask("wecom", Say(OK["wecom"]))
    assert far.asked[0].headers["Accept-Encoding"] == "identity"
    (outcome,), _ = bench.ask("wecom", Say(b"\x1f\x8b\x08" + b"\0" * 50, headers={"Content-Encoding": "gzip"}))
    assert outcome.status == "unknown"


def test_a_certificate_that_nobody_vouches_for_ends_the_request(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    require(certificates.make)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.server)

    async def scene(ca_file: str) -> bytes:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"{}")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
        async with server:
            poster = Poster(bounds=Bounds(hosts=frozenset({"localhost"}), loopback=True), ca_file=ca_file)
            url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"
            return (await poster.post(url, b"{}", {})).text.encode()

    assert asyncio.run(scene(str(certificates.authority))) == b"{}"
    with pytest.raises(Unanswered, match="its certificate could not be verified"):
        asyncio.run(scene(""))


def test_networks_and_hosts_are_read_from_words() -> None:
    assert guard.hosts_of(" A.example, b.example ,") == {"a.example", "b.example"}
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 network"):
        partial(networks_of, "10.1.0.0/16, office")()
