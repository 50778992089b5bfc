from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import pytest

from streams.kafka.options import KafkaOptions, brokers_of

if TYPE_CHECKING:
    from pathlib import Path

HERE = ("localhost:9092",)
FAR = ("10.0.0.7:9092",)
SECRET = "correct horse"


@pytest.mark.parametrize("host", ["localhost:9092", "127.0.0.1:9092", "127.1.2.3:9092", "[::1]:9092"])
def test_this_machine_is_spoken_to_in_plaintext(host: str) -> None:
    assert KafkaOptions(bootstrap=(host,)).client_kwargs()["security_protocol"] == "PLAINTEXT"


@pytest.mark.parametrize("host", ["10.0.0.7:9092", "kafka:9092", "localhost.example.org:9092", "[fd00::1]:9092"])
@pytest.mark.parametrize("given", [{}, {"security": "sasl_plaintext", "user": "a", "password": SECRET}])
def test_another_machine_is_not_spoken_to_in_plaintext_unless_that_is_allowed(host: str, given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"kafka_security must be tls or sasl_tls for .* not this machine") as failed:
        KafkaOptions(bootstrap=(*HERE, host), **given)
    assert SECRET not in str(failed.value)
    KafkaOptions(bootstrap=(*HERE, host), allow_plaintext=True, **given)


def test_a_broker_must_prove_its_hosts_name() -> None:
    context = KafkaOptions(bootstrap=FAR, security="tls").client_kwargs()["ssl_context"]
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_the_password_shows_itself_nowhere() -> None:
    options = KafkaOptions(bootstrap=FAR, security="sasl_tls", user="reader", password=SECRET)
    assert SECRET not in f"{options!r} {options} {options.client_kwargs()}"
    assert options.client_kwargs()["sasl_plain_password"] == SECRET


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"security": "ssl"}, "kafka_security must be one of plaintext, tls, .*, got 'ssl'"),
        ({"sasl_mechanism": "MD5"}, "kafka_sasl_mechanism must be one of .*, got 'MD5'"),
        ({"compression": "rar"}, "kafka_compression must be one of .*, got 'rar'"),
        (
            {"security": "sasl_tls", "user": "a"},
            "kafka_user and kafka_password_file must both be given with .*sasl_tls",
        ),
        ({"security": "tls", "user": "a", "password": SECRET}, "must not be given with kafka_security 'tls'"),
        ({"user": "a"}, "must not be given with kafka_security 'plaintext'"),
        ({"ca_file": "x"}, "of TLS must not be given with kafka_security 'plaintext'"),
        ({"security": "tls", "cert_file": "x"}, "kafka_cert_file and kafka_key_file must be given together"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as failed:
        KafkaOptions(bootstrap=HERE, **given)
    assert SECRET not in str(failed.value)


def test_a_file_of_certificates_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        KafkaOptions(bootstrap=FAR, security="tls", ca_file=tmp_path / "none.pem")


@pytest.mark.parametrize("url", ["kafka://", "kafka://a,", "kafka://a/b", "kafka://a@b", "kafka://a:b", "sqlite:///a"])
def test_a_url_that_names_no_brokers_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"log_url must|[Pp]ort"):
        brokers_of(url)
