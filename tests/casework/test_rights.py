"""Verdicts on Kafka where somebody else decides who may write events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType  # type: ignore[import-untyped]

from casework.outbox import verdicts_reach_log
from streams.kafka.address import KafkaAddress
from streams.kafka.options import KafkaOptions
from streams.topics import TOPICS, create_topics
from tests.kafka.broker import Cluster
from tests.kafka.jars import jars
from tests.kafka.topics import admin
from tests.parts import require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_RIGHTS = """
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=true
"""


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Cluster]:
    """A broker that asks who may do what; whoever connects without TLS may do everything."""
    require(jars)
    cluster = Cluster(tmp_path / "kafka", sasl_tls=True)
    for each in cluster.brokers:
        with each._settings.open("a") as settings:
            settings.write(_RIGHTS)
    with cluster:
        yield cluster


@pytest.mark.slow
def test_verdicts_reach_a_topic_of_the_acquirers_once_writing_is_allowed(strict: Cluster, tmp_path: Path) -> None:
    secure = strict.secure
    assert secure is not None
    password = tmp_path / "password"
    password.write_text(secure.password)
    topics = TOPICS.reading("switch.out")
    with KafkaAddress(KafkaOptions(bootstrap=(strict.bootstrap,))).open(topics) as owner:
        owner.create_topic("switch.out", 1)
        create_topics(owner, 1)
    allow(strict, secure.user, ACLOperation.READ)
    options = KafkaOptions(
        bootstrap=(secure.scram,), security="sasl_tls", user=secure.user, password=secure.password,
        ca_file=secure.certificates.authority,
    )  # fmt: skip
    with KafkaAddress(options).open(topics) as log:
        assert not verdicts_reach_log(log)
        allow(strict, secure.user, ACLOperation.WRITE)
        assert verdicts_reach_log(log)


def allow(cluster: Cluster, user: str, operation: ACLOperation) -> None:
    rule = ACL(
        f"User:{user}", "*", operation, ACLPermissionType.ALLOW, ResourcePattern(ResourceType.TOPIC, "switch.out")
    )
    with admin(cluster.bootstrap) as client:
        client.create_acls([rule])
