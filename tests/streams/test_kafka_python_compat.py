"""The contract with kafka-python: what `streams.kafka.kafka_python_compat` touches is there, as it was."""

from __future__ import annotations

import inspect
from importlib.metadata import version

from kafka.admin import KafkaAdminClient  # type: ignore[import-untyped]
from kafka.net.compat import KafkaNetClient  # type: ignore[import-untyped]

from streams.kafka import kafka_python_compat
from tests.streams.compat import signature_faults, version_fault

KAFKA_PYTHON = "kafka-python"


def test_the_installed_version_is_the_one_that_was_read() -> None:
    assert version_fault(kafka_python_compat, KAFKA_PYTHON, kafka_python_compat.READ_FOR) == ""


def test_an_admin_client_is_given_the_client_beneath_it() -> None:
    found = version(KAFKA_PYTHON)
    assert KafkaAdminClient.DEFAULT_CONFIG["kafka_client"] is KafkaNetClient, f"{KAFKA_PYTHON} {found}"
    assert "self.config['kafka_client'](" in inspect.getsource(KafkaAdminClient.__init__), f"{KAFKA_PYTHON} {found}"


def test_the_client_beneath_can_be_closed() -> None:
    assert signature_faults(KAFKA_PYTHON, {KafkaNetClient.close: "node_id"}) == []
