"""Kafka connection settings: brokers, user, credentials, certificates."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from domain.secrets import masked_url

if TYPE_CHECKING:
    from pathlib import Path

SCHEME = "kafka://"
PORT = 9092
PROTOCOLS = {"plaintext": "PLAINTEXT", "tls": "SSL", "sasl_plaintext": "SASL_PLAINTEXT", "sasl_tls": "SASL_SSL"}
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
COMPRESSIONS = ("zstd", "lz4", "snappy", "gzip", "none")
FETCH_WAIT_MS = 100
"""A broker with nothing new answers a fetch after so long, and only then what else it is asked on that connection. At
aiokafka's 500 ms, a recovery took a second for each idle partition, to ask for its first offset and its end."""


class _Secret(str):
    """A text that shows itself nowhere: client libraries log their arguments."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaOptions:
    """How a Kafka cluster is reached.

    Attributes:
        bootstrap: brokers to begin with, `host:port`.
        security: one of `PROTOCOLS`.
        user: who we are, with SASL.
        password: what proves it.
        sasl_mechanism: one of `MECHANISMS`.
        ca_file: certificates that a broker's may be signed by; the system's by default.
        cert_file: our own certificate, where brokers want one.
        key_file: its key.
        allow_plaintext: whether brokers beyond this machine may be spoken to without TLS.
        compression: of what is appended, one of `COMPRESSIONS`.
        replication: on how many brokers new topics are kept; -1 for the brokers' own default.

    Raises:
        ValueError: they do not fit together; the message names the setting.
        OSError: a file of certificates cannot be read.
    """

    bootstrap: tuple[str, ...]
    security: str = "plaintext"
    user: str = ""
    password: str = field(default="", repr=False)
    sasl_mechanism: str = MECHANISMS[0]
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    allow_plaintext: bool = False
    compression: str = "zstd"
    replication: int = -1
    ssl_context: ssl.SSLContext | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        for name, value, among in (
            ("security", self.security, tuple(PROTOCOLS)),
            ("sasl_mechanism", self.sasl_mechanism, MECHANISMS),
            ("compression", self.compression, COMPRESSIONS),
        ):
            if value not in among:
                raise ValueError(f"kafka_{name} must be one of {', '.join(among)}, got {value!r}")
        if (bool(self.user), bool(self.password)) != (self.has_sasl, self.has_sasl):
            wanted = "both be given" if self.has_sasl else "not be given"
            raise ValueError(f"kafka_user and kafka_password_file must {wanted} with kafka_security {self.security!r}")
        if not self.has_tls and any((self.ca_file, self.cert_file, self.key_file)):
            raise ValueError(f"kafka_*_file of TLS must not be given with kafka_security {self.security!r}")
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("kafka_cert_file and kafka_key_file must be given together or not at all")
        far = [each for each in self.bootstrap if not _is_loopback(each)]
        if far and not self.has_tls and not self.allow_plaintext:
            raise ValueError(
                f"kafka_security must be tls or sasl_tls for {far[0]}, which is not this machine,"
                f" got {self.security!r}; kafka_allow_plaintext = true sends everything unencrypted"
            )
        object.__setattr__(self, "password", _Secret(self.password))
        object.__setattr__(self, "ssl_context", self._ssl_context() if self.has_tls else None)

    @property
    def has_tls(self) -> bool:
        """Whether connections are encrypted and brokers prove who they are."""
        return self.security in {"tls", "sasl_tls"}

    @property
    def has_sasl(self) -> bool:
        """Whether we say who we are by a password."""
        return self.security in {"sasl_plaintext", "sasl_tls"}

    @property
    def url(self) -> str:
        """The cluster's `log_url`."""
        return SCHEME + ",".join(self.bootstrap)

    def client_kwargs(self) -> dict[str, Any]:
        """What clients of aiokafka and of kafka-python take alike."""
        found: dict[str, Any] = {
            "bootstrap_servers": list(self.bootstrap),
            "security_protocol": PROTOCOLS[self.security],
            "ssl_context": self.ssl_context,
        }
        if self.has_sasl:
            found |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return found

    def _ssl_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca_file)  # checks the chain and the host's name
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.cert_file:
            context.load_cert_chain(self.cert_file, self.key_file)
        return context


def brokers_of(url: str) -> tuple[str, ...]:
    """The addresses of a `log_url`, each with its port.

    >>> brokers_of("kafka://localhost,[::1]:19092")
    ('localhost:9092', '[::1]:19092')

    Raises:
        ValueError: it is none of Kafka.
    """
    if not url.startswith(SCHEME):
        raise ValueError(f"log_url must begin with {SCHEME}, got {masked_url(url)!r}")
    return tuple(_address(each, url) for each in url.removeprefix(SCHEME).split(","))


def _address(text: str, url: str) -> str:
    fault = f"log_url must be kafka://host:port,host:port, got {masked_url(url)!r}"
    try:
        parts = urlsplit(f"//{text}")
        port = PORT if parts.port is None else parts.port
    except ValueError as error:
        raise ValueError(fault) from error
    if not parts.hostname or parts.netloc != text or "@" in text or text.endswith(":"):
        raise ValueError(fault)
    if port == 0:
        raise ValueError(f"log_url must name ports from 1 to 65535, got {masked_url(url)!r}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{port}"


def _is_loopback(address: str) -> bool:
    host = urlsplit(f"//{address}").hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
