"""One request to a far side over HTTP, within bounds: 5 seconds, 64 KB, no redirect, no proxy, no cookie."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
from yarl import URL

from domain.errors import TillwatchError
from notices.channels.guard import Barred, GuardedResolver

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notices.channels.contract import Status
    from notices.channels.guard import Bounds

MOST_ANSWER_BYTES = 64 * 1024
TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: of HTTP.
        body: what it says, read as JSON; None where it is none.
        text: its first characters.
        retry_after: the header of that name, "" for none.
    """

    status: int
    body: Any
    text: str
    retry_after: str = ""

    def retry_after_s(self, now_s: float) -> float | None:
        """Seconds that the far side asks to wait; None where it does not say.

        >>> Answer(429, None, "", "30").retry_after_s(0.0), Answer(429, None, "", "soon").retry_after_s(0.0)
        (30.0, None)
        >>> Answer(503, None, "", "Thu, 01 Jan 1970 00:01:00 GMT").retry_after_s(15.0)
        45.0
        """
        words = self.retry_after.strip()
        if words.isascii() and words.isdecimal():
            return float(words)
        try:
            return max(0.0, parsedate_to_datetime(words).timestamp() - now_s)
        except ValueError:
            return None


class Unanswered(TillwatchError):
    """No answer that can be read.

    Attributes:
        status: `retry` where the request did not leave, `unknown` where it may have arrived, `refused` where it may
            not go.
    """

    def __init__(self, status: Status, said: str) -> None:
        super().__init__(said)
        self.status: Status = status


@dataclass(frozen=True, kw_only=True)
class Poster:
    """Sends requests of one channel.

    Attributes:
        bounds: where they may go.
        ca_file: certificates in PEM that the far side's must come from; "" for the system's.
        timeout_s: for all of a request.
    """

    bounds: Bounds
    ca_file: str = ""
    timeout_s: float = TIMEOUT_S

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post a body; raises Unanswered."""
        timeout = aiohttp.ClientTimeout(total=self.timeout_s)
        try:
            self.bounds.check_url(url)
            connector = aiohttp.TCPConnector(
                resolver=GuardedResolver(self.bounds), use_dns_cache=False, ssl=self._tls(), force_close=True
            )
        except (ValueError, OSError) as error:
            raise Unanswered("refused", str(error)) from error
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, trust_env=False, cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False, headers={"User-Agent": "tillwatch", "Accept-Encoding": "identity"},
        ) as session:  # fmt: skip
            try:
                async with session.post(
                    URL(url, encoded=True), data=body, headers=headers, allow_redirects=False
                ) as response:
                    return await _read(response)
            except (aiohttp.ClientError, OSError) as error:
                raise _unanswered(error, self.timeout_s) from error

    def _tls(self) -> ssl.SSLContext | bool:
        return ssl.create_default_context(cafile=self.ca_file) if self.ca_file else True


async def _read(response: aiohttp.ClientResponse) -> Answer:
    data = bytearray()
    async for each in response.content.iter_chunked(8_192):
        data += each
        if len(data) > MOST_ANSWER_BYTES:
            raise Unanswered("unknown", f"answered {response.status} with more than {MOST_ANSWER_BYTES} bytes")
    try:
        body = msgspec.json.decode(bytes(data))
    except msgspec.DecodeError:
        body = None
    text = bytes(data[:1_200]).decode(errors="replace")
    return Answer(response.status, body, text, response.headers.get("Retry-After", ""))


def _unanswered(error: BaseException, timeout_s: float) -> Unanswered:
    inner = getattr(error, "os_error", None)
    if isinstance(error, Barred) or isinstance(inner, Barred):
        return Unanswered("refused", str(inner or error))
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return Unanswered("retry", "its certificate could not be verified")
    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
        reason = (inner.strerror or type(inner).__name__) if isinstance(inner, OSError) else "no connection in time"
        return Unanswered("retry", f"could not be reached: {reason}")
    if isinstance(error, TimeoutError):
        return Unanswered("unknown", f"no answer within {timeout_s:g} s")
    return Unanswered("unknown", f"the connection was cut before an answer: {type(error).__name__}")
