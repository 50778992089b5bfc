from __future__ import annotations

from pathlib import Path

import pytest

from streams.sqlite.address import SqliteAddress
from tests.tillwatch.conftest import call
from tillwatch.settings import Settings, SettingsError, load


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "given.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_without_file_and_environment_everything_has_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TILLWATCH_HEALTH_PORT")
    assert load() == Settings()
    assert Settings().address() == SqliteAddress(Path("var/tillwatch.db"))


def test_the_environment_counts_before_the_file_and_the_command_line_before_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, 'partitions = 2\nlate_s = 60\ncapacity = 10\ncountry = "DE"\n')
    monkeypatch.setenv("TILLWATCH_LATE_S", "120")
    monkeypatch.setenv("TILLWATCH_CAPACITY", "20")
    settings = load(file, capacity=30, country=None)
    assert (settings.partitions, settings.late_s, settings.capacity, settings.country) == (2, 120, 30, "DE")


def test_a_detectors_settings_are_joined_from_file_and_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, "[detectors.mcc_jump]\nbase = 0.1\nquiet_gap_s = 3600\n")
    monkeypatch.setenv("TILLWATCH_DETECTORS__MCC_JUMP__BASE", "0.4")
    settings = load(file)
    assert settings.detectors == {"mcc_jump": {"base": 0.4, "quiet_gap_s": 3600}}
    detector = next(each for each in settings.make_detectors() if each.name == "mcc_jump")
    assert detector.quiet_gap_s == 3600


def test_the_file_in_the_working_directory_is_read(tmp_path: Path) -> None:
    (tmp_path / "tillwatch.toml").write_text("partitions = 7\n", encoding="utf-8")
    assert load().partitions == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("partitions = 0", "partitions must be 1 to 1024, got 0"),
        ("partitions = true", "partitions must be 1 to 1024, got True"),
        ('batch_records = "many"', "batch_records must be 1 to 1000000 records, got 'many'"),
        ("capacity = 0", "capacity must be 1 to 2147483647 merchants, got 0"),
        ("late_s = 3000000", "late_s must be 0 to 2592000 seconds, got 3000000"),
        ('time_zone = "Mars"', "time_zone must be an IANA name such as Asia/Shanghai, got 'Mars'"),
        ('country = "cn"', "country must be two capital letters, ISO 3166 alpha-2, got 'cn'"),
        ('log_url = "redis://host"', "log_url must be sqlite:///folder/file.db, .*, got 'redis://host'"),
        ('log_url = "kafka://a@host"', "log_url must be .* kafka://host:9092,host2:9092, got 'kafka:..[*]{3}@host'"),
        ('log_url = "kafka://host:x"', "log_url must be .* kafka://host:9092,host2:9092, got 'kafka://host:x'"),
        ('log_url = "kafka://example.org"', "kafka_security must be tls or sasl_tls for example.org:9092"),
        (
            'log_url = "kafka://localhost"\nkafka_ca_file = "none.pem"\nkafka_security = "tls"',
            "kafka_ca_file must be .*No such",
        ),
        ("kafka_replication = 0", "kafka_replication must be 1 to 32767 brokers, -1 for .*, got 0"),
        ('kafka_allow_plaintext = "perhaps"', "kafka_allow_plaintext must be true or false, got 'perhaps'"),
        ('foreign_topic = "dead-letters"', "foreign_topic must be none of our own topics .*, got 'dead-letters'"),
        ("partition = 1", "partition is no setting; there are log_url, kafka_security, "),
        ("channels = 1", "channels must be tables, one for each channel of notices, got 1"),
        ("[channels.desk]\nkind = 'fax'", "channels.desk: kind must be one of email, wecom.*, got 'fax'"),
        ("[channels.desk]\nkind = ['fax']", "channels.desk.kind must be true, false, a number or words, got"),
        ("[channels.desk]\nkind = 'wecom'", "channels.desk: Object missing required field `key_file`"),
        ("detectors = 1", "detectors must be tables of numbers, one for each detector, got 1"),
        ("[detectors.mcc_jump]\nbase = 'x'", "detectors.mcc_jump.base must be a number, got 'x'"),
        ("[detectors.mcc_jump]\nbase = 2", "detectors.mcc_jump.base must be 0 to 1, got 2"),
        ("[detectors.mcc_jump]\nbasis = 1", "detectors.mcc_jump must have .*basis"),
        ("[detectors.mcc_jumps]\nbase = 1", "detectors must be among mcc_jump.*, got mcc_jumps"),
        ("partitions = ", "given.toml must be TOML in UTF-8: "),
    ],
)
def test_a_fault_names_the_key_what_was_expected_and_what_came(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as failed:
        load(written(tmp_path, text))
    assert "pydantic" not in str(failed.value)
    assert "\n" not in str(failed.value)


def test_every_fault_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILLWATCH_PARTITIONS", "x")
    monkeypatch.setenv("TILLWATCH_COLOUR", "blue")
    with pytest.raises(SettingsError) as failed:
        load(written(tmp_path, "late_s = -1"))
    assert str(failed.value).splitlines() == [
        "TILLWATCH_COLOUR is no setting",
        "partitions must be 1 to 1024, got 'x'",
        "late_s must be 0 to 2592000 seconds, got -1",
    ]


def test_bad_settings_end_a_command_with_code_2_and_no_traceback(tmp_path: Path) -> None:
    file = written(tmp_path, "late_s = -1")
    result = call("--config", file, "tail")
    assert result.exit_code == 2
    assert result.output == "Error: late_s must be 0 to 2592000 seconds, got -1\n"


def test_help_needs_no_settings(tmp_path: Path) -> None:
    assert call("--config", written(tmp_path, "late_s = -1"), "tail", "--help").exit_code == 0


@pytest.mark.parametrize("name", ["plain.db", "with space.db", "商户#1?.db", "100%25.db"])
def test_any_file_name_survives_its_url(name: str, tmp_path: Path) -> None:
    assert load(log_url=SqliteAddress(tmp_path / name).url).address() == SqliteAddress(tmp_path / name)
    assert load(log_url=SqliteAddress(Path("var") / name).url).address() == SqliteAddress(Path("var") / name)


def test_a_channel_is_joined_from_file_and_environment_and_reads_its_secret_when_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key"
    file = written(tmp_path, f"[channels.desk]\nkind = 'wecom'\nkey_file = '{key}'\n")
    monkeypatch.setenv("TILLWATCH_CHANNELS__DESK__PER_MINUTE", "7")
    settings = load(file)
    with pytest.raises(ValueError, match="key must be readable, it is not"):
        settings.make_channels()
    key.touch(mode=0o600)
    key.write_text("0123456789\n")
    (channel,) = settings.make_channels().values()
    assert (channel.name, channel.kind, [each.most for each in channel.budgets]) == ("desk", "wecom", [7])
