"""What keeps a worker from a Kafka cluster: files, certificates, connections, sign-in, brokers, topics, clocks."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from aiokafka.errors import AuthenticationFailedError, SaslAuthenticationFailed, UnsupportedSaslMechanismError
from aiokafka.errors import KafkaError as ConnectionFailed
from kafka.errors import KafkaError  # type: ignore[import-untyped]

from streams.certificates import BadCertificate, validities, validity_of
from streams.diagnosis import clock_finding, fault, ok, skipped, topic_findings
from streams.errors import LogFailed, UnknownFormat
from streams.kafka.admin import KafkaAdmin
from streams.kafka.aiokafka_compat import create_conn
from streams.kafka.result_writer import TRANSACTION_S
from streams.kafka.topic_faults import KafkaTopicFaults
from streams.log import now_utc_ms
from streams.topic_faults import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.certificates import Validity
    from streams.diagnosis import Finding
    from streams.kafka.options import KafkaOptions
    from streams.topics import Topics

_CONNECT_S, _GREET_S = 5.0, 10.0
_CLOCK_KEY = b":clock-check"
_EXPIRED, _NOT_YET, _WRONG_HOST, _WRONG_ADDRESS = 10, 9, 62, 64
"""OpenSSL's X509_V_ERR_* codes; others say that no authority of ours has signed it."""


class _Probe(NamedTuple):
    """A broker that was connected to.

    Attributes:
        address: its address.
        finding: what came of it.
        can_go_on: whether the client can go on from there.
    """

    address: str
    finding: Finding
    can_go_on: bool


class KafkaDiagnosis:
    """Looks for faults from the files on this machine to the clocks of the brokers.

    Args:
        options: how the cluster is reached.
        topics: the log's topics.
        partitions: of each topic that says nothing else.
        keep_events_days: how long events are kept, 0 for ever.
        certificate_days: a certificate must be valid this long still, days.
    """

    def __init__(
        self, options: KafkaOptions, topics: Topics, partitions: int, keep_events_days: int, certificate_days: float
    ) -> None:
        self._options, self._topics = options, topics
        self._partitions, self._keep_events_days = partitions, keep_events_days
        self._margin = timedelta(days=certificate_days)

    def findings(self) -> Iterator[Finding]:
        """What was found, check by check; what cannot be looked at for an earlier fault is said to be skipped."""
        yield from self._certificate_files()
        probes = [self._probe(each) for each in self._options.bootstrap]
        yield from (each.finding for each in probes)
        reached = next((each.address for each in probes if each.can_go_on), None)
        if reached is None:
            for check in ("sign-in", "brokers", "topics", "clock"):
                yield skipped(check, "no broker can be spoken to")
            return
        sign_in = self._sign_in(reached)
        yield sign_in
        if sign_in.cure:
            for check in ("brokers", "topics", "clock"):
                yield skipped(check, "the brokers do not let us in")
            return
        yield from self._brokers()
        try:
            faults = KafkaTopicFaults(self._options, self._topics, self._partitions, self._keep_events_days).find()
        except LogFailed as error:
            yield fault("topics", f"the topics must be readable, they are not: {error}", "see the brokers' own logs")
            return
        yield from topic_findings(faults, len([*self._topics]))
        missing = {each.topic for each in faults if each.kind == MISSING}
        yield from self._log(missing)

    # -- files

    def _certificate_files(self) -> Iterator[Finding]:
        for name, file in (("kafka_ca_file", self._options.ca_file), ("kafka_cert_file", self._options.cert_file)):
            if file is not None:
                yield self._certificate_file(name, file)

    def _certificate_file(self, name: str, file: Path) -> Finding:
        try:
            found = validities(file)
        except (BadCertificate, OSError) as error:
            return fault("certificates", f"{name}: {error}", f"put the certificate in PEM there, or correct {name}")
        said = self._validity(min(found, key=lambda each: each.ends))
        if said is None:
            return ok("certificates", f"{name} {file} is valid until {min(each.ends for each in found):%Y-%m-%d}")
        return fault(
            "certificates", f"{name} {file} {said}", f"ask whoever issued it for a new one, and replace {file}"
        )

    def _validity(self, found: Validity) -> str | None:
        """What is wrong with a certificate's time; None for nothing."""
        now = datetime.now(UTC)
        if found.begins > now:
            return f"must be valid by now, it is from {found.begins:%Y-%m-%d %H:%M} UTC on"
        if found.ends <= now:
            return f"must be valid, it expired {found.ends:%Y-%m-%d %H:%M} UTC"
        if found.ends <= now + self._margin:
            return f"must be valid for {self._margin.days} days still, it expires {found.ends:%Y-%m-%d %H:%M} UTC"
        return None

    # -- connections

    def _probe(self, address: str) -> _Probe:
        host, port = address.rsplit(":", 1)
        host = host.strip("[]")
        try:
            with socket.create_connection((host, int(port)), timeout=_CONNECT_S) as connection:
                if self._options.ssl_context is None:
                    return _Probe(address, ok("connection", f"{address} can be reached, without TLS"), can_go_on=True)
                with self._options.ssl_context.wrap_socket(connection, server_hostname=host) as wrapped:
                    return self._served(address, wrapped.getpeercert(binary_form=True) or b"", wrapped.version() or "")
        except ssl.SSLCertVerificationError as error:
            return _Probe(address, self._mistrusted(address, host, error), can_go_on=False)
        except ssl.SSLError as error:
            finding = fault(
                "connection", f"{address} must speak TLS, it does not: {error.reason}",
                "name the brokers' TLS port in log_url, or set kafka_security to plaintext or sasl_plaintext",
            )  # fmt: skip
            return _Probe(address, finding, can_go_on=False)
        except socket.gaierror as error:
            finding = fault(
                "connection", f"{address} must be a host that is known: {error.strerror}",
                "correct the host's name in log_url, or this machine's DNS (/etc/resolv.conf, /etc/hosts)",
            )  # fmt: skip
            return _Probe(address, finding, can_go_on=False)
        except OSError as error:
            finding = fault(
                "connection", f"{address} must answer, it does not: {error.strerror or error}",
                "start the broker, correct log_url, or open the port in the firewall between",
            )  # fmt: skip
            return _Probe(address, finding, can_go_on=False)

    def _served(self, address: str, certificate: bytes, version: str) -> _Probe:
        validity = validity_of(certificate)
        said = self._validity(validity)
        if said is None:
            message = f"{address} can be reached by {version}; its certificate is valid until {validity.ends:%Y-%m-%d}"
            return _Probe(address, ok("connection", message), can_go_on=True)
        finding = fault("connection", f"the certificate of {address} {said}", "have the broker's certificate renewed")
        return _Probe(address, finding, can_go_on=True)

    def _mistrusted(self, address: str, host: str, error: ssl.SSLCertVerificationError) -> Finding:
        """Why the broker's certificate is not trusted."""
        what = f"the certificate of {address}"
        if error.verify_code in {_EXPIRED, _NOT_YET}:
            when = "has expired" if error.verify_code == _EXPIRED else "is not valid yet"
            return fault(
                "connection", f"{what} must be valid now, it {when}",
                "have the broker's certificate renewed; if it is valid, set this machine's clock",
            )  # fmt: skip
        if error.verify_code in {_WRONG_HOST, _WRONG_ADDRESS}:
            return fault(
                "connection", f"{what} must name {host}, it does not: {error.verify_message}",
                "use a name in log_url that the certificate has (subjectAltName), or have the broker's renewed with it",
            )  # fmt: skip
        return fault(
            "connection", f"{what} must be signed by an authority of kafka_ca_file: {error.verify_message}",
            "name the certificate of the brokers' authority in kafka_ca_file",
        )  # fmt: skip

    # -- sign-in

    def _sign_in(self, address: str) -> Finding:
        """Whether a broker lets us in."""
        options, who = self._options, self._options.user or "this machine"
        try:
            asyncio.run(self._greet(address))
        except UnsupportedSaslMechanismError as error:
            mechanism = options.sasl_mechanism
            return fault(
                "sign-in", f"kafka_sasl_mechanism must be one that the brokers have, got {mechanism}: {error}",
                "set kafka_sasl_mechanism to what the brokers' sasl.enabled.mechanisms has",
            )  # fmt: skip
        except (AuthenticationFailedError, SaslAuthenticationFailed) as error:
            return fault(
                "sign-in", f"the brokers must let {who} in, they do not: {str(error) or type(error).__name__}",
                "correct kafka_user and kafka_password_file; a new password: kafka-configs.sh --bootstrap-server"
                f" {options.bootstrap[0]} --alter --entity-type users --entity-name {who} --add-config"
                f" '{options.sasl_mechanism}=[password=...]'",
            )  # fmt: skip
        except (ConnectionFailed, OSError, TimeoutError) as error:
            return self._no_answer(address, error)
        return ok("sign-in", f"{address} lets {who} in")

    async def _greet(self, address: str) -> None:
        """Ask a broker which requests it takes, and sign in where that is set."""
        host, port = address.rsplit(":", 1)
        known = self._options.client_kwargs()
        del known["bootstrap_servers"]
        async with asyncio.timeout(_GREET_S):
            connection = await create_conn(
                host.strip("[]"), int(port), request_timeout_ms=int(_GREET_S * 1000), **known
            )
        closed = connection.close()
        if closed is not None:
            await closed

    def _no_answer(self, address: str, error: Exception) -> Finding:
        """What is likely where a broker can be connected to, and does not speak."""
        message = f"{address} must answer a request, it does not: {str(error) or type(error).__name__}"
        if self._options.ssl_context is not None and not self._options.cert_file and not self._options.has_sasl:
            cure = "set kafka_cert_file and kafka_key_file, or name a port that wants no certificate of ours"
        elif self._options.ssl_context is None and _speaks_tls(address):
            message = f"{address} must speak without TLS, it speaks TLS"
            cure = "set kafka_security to tls or sasl_tls, and kafka_ca_file"
        else:
            cure = "see that kafka_security is what this port of the brokers is set to (listener.security.protocol.map)"
        return fault("sign-in", message, cure)

    # -- brokers, log and clock

    def _brokers(self) -> Iterator[Finding]:
        name, least = "transaction.max.timeout.ms", int(TRANSACTION_S * 1000)
        try:
            got = KafkaAdmin(self._options).broker_configs().get(name, "0")
        except KafkaError as error:
            yield skipped("brokers", f"their settings cannot be read: {str(error) or type(error).__name__}")
            return
        if int(got) < least:
            yield fault(
                "brokers", f"{name} must be at least {least}, got {got}",
                f"set {name}={least} in server.properties of each broker, and restart them one by one",
            )  # fmt: skip
        else:
            yield ok("brokers", f"transactions may last {int(got) // 1000:,} s, {least // 1000:,} s are needed")

    def _log(self, missing: set[str]) -> Iterator[Finding]:
        """The format of what is there, and the brokers' clock."""
        from streams.kafka.log import KafkaLog  # noqa: PLC0415  it reads this module's neighbours

        positions = self._topics.positions.name
        if positions in missing:
            yield skipped("log", "there is no topic of positions yet")
            yield skipped(
                "clock", "there is no topic of positions yet, in which a record would show the brokers' clock"
            )
            return
        try:
            with KafkaLog(self._options, self._topics) as log:
                log.check_format()
                yield ok("log", "its format is one that this version reads")
                before_ms = now_utc_ms()
                offset = log.append(positions, 0, [b"%d" % before_ms], keys=[_CLOCK_KEY])
                sent_ms = (before_ms + now_utc_ms()) // 2
                (record, *_) = log.read_keyed(positions, 0, offset, 1)
                yield clock_finding(record.appended_ms - sent_ms, "the brokers' clock")
        except UnknownFormat as error:
            yield fault("log", str(error), "install the version of Tillwatch that has written it, or a later one")
        except LogFailed as error:
            yield fault("log", str(error), "see the faults of topics above, and the brokers' own logs")


def _speaks_tls(address: str) -> bool:
    """Whether a port speaks TLS, whoever is behind it: nothing is sent there."""
    host, port = address.rsplit(":", 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        suppress(OSError),
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S) as connection,
        context.wrap_socket(connection),
    ):
        return True
    return False
