"""Settings, from a TOML file and the environment: `docs/settings.md` has a heading for each."""

from __future__ import annotations

import math
import os
import tomllib
from contextlib import contextmanager
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from casework.address import MUST_BE as CASEWORK_URL
from casework.address import check_url as check_casework_url
from detectors.registry import make_detectors
from domain.errors import TillwatchError
from domain.secrets import masked_url
from engine.control_kinds.registry import INSTALLED, KINDS
from streams.addresses import address_of, check_url
from streams.endpoint import LOOPBACK, Endpoint, first_line, read_token
from streams.kafka.options import COMPRESSIONS, MECHANISMS, PROTOCOLS
from streams.topics import TOPICS, Topics
from tillwatch.log_lines import LogFormat  # noqa: TC001  pydantic reads the annotation
from tillwatch.start import TRACE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from detectors.contract import Detector
    from notices.channels.contract import Channel
    from streams.log_address import LogAddress

DEFAULT_FILE = "tillwatch.toml"
PREFIX = "TILLWATCH_"
FOR_TESTS = frozenset({"TILLWATCH_REQUIRE_ALL", "TILLWATCH_DRAWS", "TILLWATCH_SEED", "TILLWATCH_FAULT_SEEDS"})
"""Environment variables that our tests read; the commands that they call see them too."""
NO_SETTINGS = frozenset({"TILLWATCH_CONFIG", "TILLWATCH_CACHE", "TILLWATCH_LANG", TRACE}) | FOR_TESTS
"""Environment variables that are ours and no settings."""


class SettingsError(TillwatchError):
    """Settings that cannot be; the message has a line for each fault."""


def _number(value: object) -> object:
    """A detector's setting, which is neither true or false, which pydantic takes for 1 and 0, nor nan or inf."""
    if isinstance(value, bool) or (isinstance(value, (str, float)) and not math.isfinite(float(value))):
        raise ValueError
    return value


Number = Annotated[int | float, BeforeValidator(_number)]


class Settings(BaseSettings):
    """What an acquirer sets. `load` reads them, for it lets the environment count before the file.

    Each description says what the value must be; errors and the documentation use it.
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix=PREFIX, env_nested_delimiter="__")

    log_url: str = Field(
        "sqlite:///var/tillwatch.db",
        description="sqlite:///folder/file.db, sqlite:////folder/file.db from the root, or kafka://host:9092,host2:9092",
    )
    kafka_security: str = Field("plaintext", description=f"one of {', '.join(PROTOCOLS)}")
    kafka_user: str = Field("", description="a name, empty without SASL")
    kafka_password_file: str = Field("", description="a file whose first line is the password, empty without SASL")
    kafka_sasl_mechanism: str = Field("SCRAM-SHA-512", description=f"one of {', '.join(MECHANISMS)}")
    kafka_ca_file: str = Field("", description="a file of certificates in PEM, empty for the system's")
    kafka_cert_file: str = Field("", description="a file of our certificate in PEM, empty for none")
    kafka_key_file: str = Field("", description="a file of that certificate's key in PEM, empty for none")
    kafka_allow_plaintext: bool = Field(False, description="true or false")  # noqa: FBT003  a default, by its name
    kafka_compression: str = Field("zstd", description=f"one of {', '.join(COMPRESSIONS)}")
    kafka_replication: int = Field(-1, ge=-1, le=32_767, description="1 to 32767 brokers, -1 for the brokers' default")
    partitions: int = Field(4, ge=1, le=1024, description="1 to 1024")
    batch_records: int = Field(5_000, ge=1, le=1_000_000, description="1 to 1000000 records")
    checkpoint_every_s: float = Field(5.0, gt=0, le=3_600, description="above 0, at most 3600 seconds")
    keep_events_days: int = Field(0, ge=0, le=36_500, description="0 to 36500 days, 0 for ever")
    file_mode: str = Field("0600", pattern="^06[06]0$", description="0600 or 0660")
    health_port: int = Field(9464, ge=0, le=65_535, description="1 to 65535, 0 for none")
    health_host: str = Field(LOOPBACK, description="an IP address of this machine, 0.0.0.0 or :: for all it has")
    health_token_file: str = Field(
        "", description="a file of mode 0600 whose first line is a token of 16 characters or more, empty for none"
    )
    log_format: LogFormat = Field("text", description="text or json")
    capacity: int = Field(1_000_000, ge=1, le=2**31 - 1, description="1 to 2147483647 merchants")
    late_s: int = Field(86_400, ge=0, le=30 * 86_400, description="0 to 2592000 seconds")
    time_zone: str = Field("Asia/Shanghai", description="an IANA name such as Asia/Shanghai")
    country: str = Field("CN", pattern="^[A-Z]{2}$", description="two capital letters, ISO 3166 alpha-2")
    foreign_topic: str = Field("", max_length=249, pattern="^[A-Za-z0-9._-]*$", description="a topic, empty for none")
    casework_url: str = Field("sqlite:///var/casework.db", description=CASEWORK_URL)
    casework_password_file: str = Field("", description="a file whose first line is the password, empty for none")
    casework_files: str = Field("var/casework-files", min_length=1, description="a folder")
    casework_keep_transactions_days: int = Field(400, ge=1, le=36_500, description="1 to 36500 days")
    casework_health_port: int = Field(9465, ge=0, le=65_535, description="1 to 65535, 0 for none")
    console_host: str = Field(LOOPBACK, description="an IP address of this machine, 0.0.0.0 or :: for all it has")
    console_port: int = Field(8643, ge=1, le=65_535, description="1 to 65535")
    console_url: str = Field(
        "", pattern="^(https?://[^/?#]+/?)?$", description="http://host or https://host as browsers reach the console"
    )
    console_cert_file: str = Field("", description="a file of the console's certificate in PEM, empty for none")
    console_key_file: str = Field("", description="a file of that certificate's key in PEM, empty for none")
    console_proxies: str = Field("", description="IP addresses of proxies, parted by commas, empty for none")
    notices_routing: str = Field("", description="a YAML file of routing, empty for the one that is shipped")
    notices_health_port: int = Field(9467, ge=0, le=65_535, description="1 to 65535, 0 for none")
    intake_feeds: str = Field("main", min_length=1, description="names of feeds, parted by commas")
    intake_host: str = Field(LOOPBACK, description="an IP address of this machine, 0.0.0.0 or :: for all it has")
    intake_port: int = Field(8644, ge=1, le=65_535, description="1 to 65535")
    intake_url: str = Field(
        "", pattern="^(https?://[^/?#]+/?)?$", description="http://host or https://host as programs reach the intake"
    )
    intake_token_file: str = Field(
        "", description="a file of mode 0600 whose first line is a token of 16 characters or more, empty for none"
    )
    intake_cert_file: str = Field("", description="a file of the intake's certificate in PEM, empty for none")
    intake_key_file: str = Field("", description="a file of that certificate's key in PEM, empty for none")
    peers: str = Field("", description="a file of tillwatch peers build, empty for the generic prior")
    profiles: str = Field("", description="a file of `tillwatch profiles build`, empty for none")
    model: str = Field("", description="a file of `tillwatch model train`, empty for none")
    trade: str = Field("", description="a file of `tillwatch profiles train`, empty for none")
    channels: dict[str, dict[str, bool | int | float | str]] = Field(
        {}, description="tables, one for each channel of notices"
    )
    detectors: dict[str, dict[str, Number]] = Field({}, description="tables of numbers, one for each detector")

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_values(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation is not bool:
            raise ValueError  # pydantic takes true for 1
        return value

    @field_validator("log_url")
    @classmethod
    def _names_a_log(cls, value: str) -> str:
        check_url(value)
        return value

    @field_validator("casework_url")
    @classmethod
    def _names_a_store(cls, value: str) -> str:
        check_casework_url(value)
        return value

    @field_validator("kafka_replication")
    @classmethod
    def _is_a_number_of_brokers(cls, value: int) -> int:
        if value == 0:
            raise ValueError
        return value

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, OSError) as error:
            raise ValueError from error
        return value

    @field_validator("health_host", "console_host", "intake_host")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        ip_address(value)
        return value

    def topics(self) -> Topics:
        """The log's topics; events are read from the foreign topic, if one is named.

        Raises:
            ValueError: that is one of our own.
        """
        return TOPICS.reading(self.foreign_topic) if self.foreign_topic else TOPICS

    def address(self) -> LogAddress:
        """Where the log is.

        Raises:
            ValueError: the settings of its kind of log do not fit together.
            OSError: a file that they name cannot be read.
        """
        return address_of(self.log_url, dict(self))

    def casework_password(self) -> str:
        """The password of the casework store's user, "" for none.

        Raises:
            SettingsError: its file cannot be read.
        """
        if not self.casework_password_file:
            return ""
        with naming("casework_password_file", self):
            return first_line(Path(self.casework_password_file))

    def endpoint(self) -> Endpoint:
        """Where a worker answers, with the token that is asked for there.

        A port that was not chosen is no reason to keep a second worker of one machine from starting.

        Raises:
            ValueError: the file of the token may be read by others, or holds none, or there is none and must be.
            SettingsError: it cannot be read.
        """
        return self._endpoint("health_port")

    def casework_endpoint(self) -> Endpoint:
        """Where casework's filing agent answers; as `endpoint`."""
        return self._endpoint("casework_health_port")

    def notices_endpoint(self) -> Endpoint:
        """Where the sender of notices answers; as `endpoint`."""
        return self._endpoint("notices_health_port")

    def health_token(self) -> str:
        """The token that is asked for where figures are shown, "" for none; raises as `endpoint`."""
        with naming("health_token_file", self):
            return read_token(Path(self.health_token_file)) if self.health_token_file else ""

    def _endpoint(self, setting: str) -> Endpoint:
        token = self.health_token()
        return Endpoint(getattr(self, setting), self.health_host, token, required=setting in self.model_fields_set)

    def control(self, kind: str) -> bytes:
        """Version 0 of a kind of control, JSON: what the settings say, or else what the product has.

        Raises:
            ValueError: a file that a setting names is not JSON.
            OSError: it cannot be read.
        """
        return KINDS[kind].default(self.model_dump())

    def feeds(self) -> tuple[str, ...]:
        """The feeds of posted events, the first for those that name none; raises SettingsError."""
        found = tuple(each.strip() for each in self.intake_feeds.split(",") if each.strip())
        if not found:
            raise SettingsError(f"intake_feeds must name a feed, got {self.intake_feeds!r}")
        return found

    def controls(self) -> dict[str, Any]:
        """Version 0 of every kind that features depend on and the settings say something of.

        Raises:
            SettingsError: a file that a setting names cannot be read, or is not what it must be.
        """
        found, faults = {}, []
        for name in INSTALLED:
            kind = KINDS[name]
            if not kind.settings:
                continue
            try:
                found[name] = kind.decode(self.control(name))
            except (ValueError, OSError) as error:
                faults.append(f"{', '.join(f'{each} {getattr(self, each)}' for each in kind.settings)}: {error}")
        if faults:
            raise SettingsError("\n".join(faults))
        return found

    def make_channels(self) -> dict[str, Channel]:
        """The channels of notices, by name.

        Raises:
            ValueError: a file of a secret may be read by others, or is not what it must be.
        """
        made: dict[str, Channel] = _registry().make_channels(self.channels)
        return made

    def make_detectors(self) -> tuple[Detector, ...]:
        """One of each detector, as it is set."""
        return make_detectors(self.detectors)


def load(file: Path | None = None, **overrides: object) -> Settings:
    """The settings: `overrides` that are not None, before the environment, before the file.

    Args:
        file: a TOML file; `tillwatch.toml` of the working directory, if there is one, by default.
        overrides: settings given on the command line.

    Raises:
        SettingsError: a key is unknown, or a value is not what it must be; the message names it.
        OSError: the file cannot be read.
    """
    values = _read(file or Path(DEFAULT_FILE)) if file or Path(DEFAULT_FILE).exists() else {}
    try:
        environment = EnvSettingsSource(Settings)()
    except ValueError as error:
        raise SettingsError(f"{PREFIX}*: {error}") from error
    values = _merged(values, environment)
    values |= {name: value for name, value in overrides.items() if value is not None}
    faults = [f"{name} is no setting" for name in _unknown_variables()]
    try:
        settings = Settings(**values)
    except ValidationError as error:
        faults += [_fault(each["loc"], each["type"], each["input"]) for each in error.errors()]
        raise SettingsError("\n".join(dict.fromkeys(faults))) from error
    try:
        settings.make_detectors()
    except ValueError as error:
        faults.append(str(error))
    faults += _registry().check_channels(settings.channels) if settings.channels else []
    try:
        settings.topics()
    except ValueError as error:
        faults.append(str(error))
    faults += _faults_of_address(settings)
    try:
        settings.controls()
    except SettingsError as error:
        faults.append(str(error))
    if faults:
        raise SettingsError("\n".join(faults))
    return settings


def _faults_of_address(settings: Settings) -> list[str]:
    """What is wrong with where the log is; a file that cannot be read is told by its setting."""
    scheme = settings.log_url.partition(":")[0]
    faults = []
    for name in Settings.model_fields:
        if name.startswith(f"{scheme}_") and name.endswith("_file") and getattr(settings, name):
            try:
                with naming(name, settings), Path(getattr(settings, name)).open("rb") as file:
                    file.read(1)
            except SettingsError as error:
                faults.append(str(error))
    if faults:
        return faults
    try:
        settings.address()
    except (ValueError, OSError) as error:
        return [str(error)]
    return []


@contextmanager
def naming(setting: str, settings: Settings) -> Iterator[None]:
    """Have a file that cannot be read told by its setting. Raises SettingsError."""
    try:
        yield
    except OSError as error:
        must_be, got = Settings.model_fields[setting].description, getattr(settings, setting)
        raise SettingsError(f"{setting} must be {must_be}, got {got!r}: {error.strerror or error}") from error


def _registry() -> ModuleType:
    """The registry of channels; its HTTP client loads for 0.3 s, which commands without channels need not wait for."""
    return import_module("notices.channels.registry")


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise SettingsError(f"{file} must be TOML in UTF-8: {error}") from error


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Both, tables joined; where they disagree, `above` counts."""
    both = below | above
    for name in below.keys() & above.keys():
        if isinstance(below[name], dict) and isinstance(above[name], dict):
            both[name] = _merged(below[name], above[name])
    return both


def _unknown_variables() -> list[str]:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    tables = tuple(f"{PREFIX}{name.upper()}__" for name in ("channels", "detectors"))
    return [
        name
        for name in sorted(os.environ)
        if name.upper().startswith(PREFIX)
        and name.upper() not in NO_SETTINGS
        and name.upper() not in known
        and not name.upper().startswith(tables)
    ]


def _fault(place: tuple[int | str, ...], kind: str, value: object) -> str:
    """One fault in a line: which key, what was expected, what came."""
    name = str(place[0])
    if kind == "extra_forbidden":
        return f"{name} is no setting; there are {', '.join(Settings.model_fields)}"
    if name == "channels" and len(place) > 2:
        return f"{'.'.join(map(str, place[:3]))} must be true, false, a number or words, got {value!r}"
    if name == "detectors" and len(place) > 2:
        return f"{'.'.join(map(str, place[:3]))} must be a number, got {value!r}"
    shown = masked_url(value) if name.endswith("url") and isinstance(value, str) else value
    return f"{name} must be {Settings.model_fields[name].description}, got {shown!r}"
