"""The address of a log on a Kafka cluster: `kafka://host:9092,host2:9092`."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streams.endpoint import first_line
from streams.errors import NoLog
from streams.kafka.options import KafkaOptions, brokers_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from domain.alerts import Text
    from streams.app import WorkerSettings
    from streams.diagnosis import Finding
    from streams.kafka.backend import KafkaBackend
    from streams.kafka.checkpoints import KafkaStateView
    from streams.kafka.log import KafkaLog
    from streams.stage import Stage
    from streams.state_rebuild import RebuildRequest
    from streams.topic_faults import TopicFault
    from streams.topics import Topics

MOST_CHECKPOINT_EVERY_S = 300.0
"""A checkpoint may come later where checkpoints take long, and must still end before its transaction's time is up."""


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """A log on a Kafka cluster, with its state in topics; see `streams.log_address.LogAddress`.

    Attributes:
        options: how the cluster is reached.
    """

    options: KafkaOptions

    @classmethod
    def of(
        cls, url: str, *, password_file: str = "", ca_file: str = "", cert_file: str = "", key_file: str = "",
        **options: Any,
    ) -> KafkaAddress:  # fmt: skip
        """The address that a URL and the settings of Kafka name.

        Args:
            url: with the brokers to begin with.
            password_file: a file whose first line is the password, empty without SASL.
            ca_file: a file of certificates, empty for the system's.
            cert_file: a file of our certificate, empty for none.
            key_file: a file of its key, empty for none.
            options: others of `KafkaOptions`.

        Raises:
            ValueError: the URL names no brokers, or the settings do not fit together.
            OSError: the password or a certificate cannot be read.
        """
        return cls(
            KafkaOptions(
                bootstrap=brokers_of(url),
                password=first_line(Path(password_file)) if password_file else "",
                ca_file=_path(ca_file),
                cert_file=_path(cert_file),
                key_file=_path(key_file),
                **options,
            )
        )

    def __str__(self) -> str:
        return self.url

    @property
    def url(self) -> str:
        """As the setting `log_url` has it."""
        return self.options.url

    @property
    def broker_url(self) -> str:
        """The URL by which Faust finds the transport; one broker, for Faust splits URLs by itself."""
        return "tillwatch-" + self.url.split(",")[0]

    def exists(self) -> bool:
        """A cluster is taken to be there."""
        return True

    def open(self, topics: Topics, *, make: bool = True) -> KafkaLog:
        """Connect to the cluster; `make` makes nothing, but does without events. Raises NoLog, LogFailed."""
        from streams.kafka.log import KafkaLog

        with ExitStack() as on_failure:
            log = KafkaLog(self.options, topics)
            on_failure.callback(log.close)
            if not make and topics.events.name not in log.topic_names():
                raise NoLog(self)
            on_failure.pop_all()
        return log

    def topic_faults(self, topics: Topics, partitions: int, keep_events_days: int) -> list[TopicFault]:
        """What is wrong with the topics, each with the command that cures it. Raises LogFailed."""
        from streams.kafka.topic_faults import KafkaTopicFaults

        return KafkaTopicFaults(self.options, topics, partitions, keep_events_days).find()

    def diagnose(
        self, topics: Topics, partitions: int, keep_events_days: int, certificate_days: float
    ) -> Iterator[Finding]:
        """Certificates, connections, sign-in, brokers, topics, format and clock."""
        from streams.kafka.diagnosis import KafkaDiagnosis

        return KafkaDiagnosis(self.options, topics, partitions, keep_events_days, certificate_days).findings()

    def check_worker(self, settings: WorkerSettings) -> None:
        """Refuse checkpoints that come too late for a transaction, or never; raises ValueError."""
        every_s = settings.checkpoint_every_s
        if not 0 < (every_s or 0) <= MOST_CHECKPOINT_EVERY_S:
            raise ValueError(
                f"checkpoint_every_s must be above 0 and at most {MOST_CHECKPOINT_EVERY_S:g} on Kafka, where a"
                f" transaction lasts from checkpoint to checkpoint, got {every_s}"
            )

    def backend(self, settings: WorkerSettings, stage: Stage) -> KafkaBackend:
        """The backend of a member of the workers' group."""
        from streams.kafka.backend import KafkaBackend

        return KafkaBackend(self.options, settings, stage)

    def checkpoints(self, topics: Topics) -> AbstractContextManager[KafkaStateView]:
        """The checkpoints as they are committed."""
        from streams.kafka.checkpoints import KafkaStateView

        return nullcontext(KafkaStateView(self.options, topics))

    def rebuild_state(self, request: RebuildRequest) -> list[Text]:
        """Forget the state of partitions, so that a worker reads them again."""
        from streams.kafka.state_rebuild import rebuild

        return rebuild(self.options, request)


def _path(text: str) -> Path | None:
    return Path(text) if text else None
