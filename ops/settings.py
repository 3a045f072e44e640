"""The one settings model: file, environment, flags, in rising order of strength."""

from __future__ import annotations

import os
import re
import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from connectors.kafka.rest import RegistryAddress

FILE = Path("accrual.toml")
PREFIX = "ACCRUAL_"
CREDENTIALS = ("user", "password", "token")
TOKEN_VARIABLE, TOKEN_MIN = f"{PREFIX}METRICS_TOKEN", 16
_TOKEN = re.compile(rf"[A-Za-z0-9._~+/-]{{{TOKEN_MIN},}}=*")  # RFC 6750, 2.1
_SECRET = re.compile(
    r"(password|secret|token|credential|\.pem|\.key|oauthbearer\.config)(?!.*\.location$)", re.I
)  # of librdkafka
DECIDING = ("lateness_s", "horizon_days", "retention_days", "parked_days", "usage_window", "time_zone")


class SettingsWrong(Exception):
    """A setting has a value that is not allowed; the message names it, the value and what is allowed."""


class Settings(BaseSettings):
    """Everything that can be set. File: accrual.toml (or the one ACCRUAL_CONFIG names); environment: ACCRUAL_<NAME>."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    shards: int = Field(
        8, ge=1, le=64, description="shards of the state, fixed at creation; at least the most processes"
    )
    batch_rows: int = Field(
        40_000, ge=1, le=1_000_000, description="most rows of a batch; of a service 10,000 at the most"
    )
    workers: int = Field(1, ge=1, le=64, description="processes, one per core")
    epoch_ms: int = Field(
        200, ge=10, le=10_000, description="between two moments at which everything is durable, milliseconds"
    )
    hang_s: int = Field(
        # No step of a flow takes so long: it waits for brokers for a minute at the most before it comes by, and a policy that
        # has all books looked at again works for some minutes. A watcher that ends it too early makes it begin that anew.
        600, ge=1, le=86_400,
        description="seconds without a step after which a worker process hangs: a service ends it and starts all of them again",
    )  # fmt: skip
    restarts: int = Field(
        10, ge=0, le=1_000,
        description="how often in a row a service starts its workers again where they die without getting any further",
    )  # fmt: skip
    poll_ms: int = Field(200, ge=10, le=60_000, description="between two looks at what is followed, milliseconds")
    metrics_port: int = Field(
        0, ge=0, le=65_535,
        description="port with metrics, /status, /live and /ready, 0 = none; of several processes each takes the next one",
    )  # fmt: skip
    metrics_address: str = Field(
        "127.0.0.1", description="IP address of that port; one that others reach asks for a token"
    )
    metrics_token_file: Path | None = Field(
        None, description="a file with the token that /metrics and /status ask for, and nothing else"
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="what a service says: lines for people, or JSON objects"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the least that JSON lines tell"
    )
    traces_endpoint: str | None = Field(
        None, description="URL to which a span per batch is sent (OTLP over HTTP, such as http://host:4318/v1/traces)"
    )
    cloudevent_meters: dict[str, Annotated[str, Field(min_length=1)]] = Field(
        {}, description="the meter of a CloudEvents type; a type that is not named here is the meter"
    )
    kafka_client: dict[str, str] = Field(
        {}, repr=False, description="librdkafka's options for SASL, TLS and the like; secrets: see kafka_secrets"
    )
    kafka_secrets: Path | None = Field(None, description="a TOML file with more of them: passwords, keys")
    kafka_group: str = Field(
        "accrual", min_length=1, pattern=r"^[A-Za-z0-9._-]+$",
        description="consumer group whose lag Kafka shows, and prefix of transactions: one for each deployment",
    )  # fmt: skip
    kafka_usage_days: int = Field(
        400, ge=1, le=36_500, description="how long a Kafka keeps usage.events, days; a rebuild needs all of it"
    )
    clock_every_s: int = Field(
        0, ge=0, le=86_400,
        description="seconds between clock records that a service on Kafka writes itself, so that windows close and the "
        "business date goes on where no usage comes; 0 = none, somebody else writes them",
    )  # fmt: skip
    registry: str | None = Field(
        None, description="URL of a schema registry (Confluent's API); without, schemas are this program's own files"
    )
    registry_secrets: Path | None = Field(None, description="a TOML file with its user and password, or its token")
    registry_ca: Path | None = Field(None, description="a PEM file of whom an https:// registry is believed")
    lateness_s: int = Field(3600, ge=0, le=2_592_000, description="allowed out-of-orderness of usage, seconds")
    horizon_days: int = Field(35, ge=1, le=400, description="how long identities of usage are remembered, days")
    retention_days: int = Field(
        400,
        ge=32,
        le=36_500,
        description="how long books are kept after a contract's term, or without an end at all, days",
    )
    parked_days: int = Field(400, ge=32, le=36_500, description="how long usage without a contract is kept, days")
    usage_window: Literal["hour", "day", "month"] = Field("day", description="what one usage entry summarises")
    time_zone: str = Field("UTC", description="of entities without reference data")
    exception_owner: str = Field("revenue-operations", min_length=1, description="of classes without reference data")
    exception_sla_hours: int = Field(24, ge=1, le=8760, description="from an exception to its due time, hours")

    def kafka_options(self) -> dict[str, str]:
        """Those of the settings and those of the secrets' file. SettingsWrong when it does not read."""
        return {**self.kafka_client, **_secrets("kafka_secrets", self.kafka_secrets)}

    def registry_address(self) -> RegistryAddress | None:
        """Where the schema registry is and who asks: credentials of the file, over them those of the environment.

        None without a registry; SettingsWrong when the file does not read or says something else.
        """
        if self.registry is None:
            return None
        secrets = _secrets("registry_secrets", self.registry_secrets)
        if strange := sorted(set(secrets).difference(CREDENTIALS)):
            raise SettingsWrong(f"{self.registry_secrets}: {strange[0]} is none of {', '.join(CREDENTIALS)}")
        named = {name: os.environ.get(f"{PREFIX}REGISTRY_{name.upper()}") for name in CREDENTIALS}
        given = {**secrets, **{name: value for name, value in named.items() if value}}
        return RegistryAddress(self.registry, given, self.registry_ca)

    def metrics_token(self) -> str | None:
        """Whoever asks for figures has to know it: of the file, over it that of the environment; None: nobody has to.

        SettingsWrong when the file does not read or holds something else; it never says what is in there.
        """
        origin, token = TOKEN_VARIABLE, os.environ.get(TOKEN_VARIABLE)
        if not token:
            if self.metrics_token_file is None:
                return None
            origin = str(self.metrics_token_file)
            try:
                token = self.metrics_token_file.read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsWrong(
                    f"metrics_token_file names {origin}, which does not read: {type(error).__name__}"
                ) from None
        if not _TOKEN.fullmatch(token):
            raise SettingsWrong(
                f"{origin} holds no token: at least {TOKEN_MIN} letters, digits or -._~+/ without spaces (openssl rand -hex 32 "
                "makes one)"
            )
        return token

    def secrets(self) -> frozenset[str]:
        """What must never be said, whoever says it: every value that opens something. SettingsWrong as above."""
        registry = self.registry_address()
        given = [value for name, value in self.kafka_client.items() if _SECRET.search(name)]
        kept = _secrets("kafka_secrets", self.kafka_secrets).items()
        given += [value for name, value in kept if not name.endswith((".username", ".location"))]
        given += [value for name, value in registry.secrets.items() if name != "user"] if registry is not None else []
        given += [self.metrics_token() or ""]
        return frozenset(one for one in given if one)

    def deciding(self) -> dict[str, str]:
        """The settings that decide what the books say; a state keeps those it was built with."""
        return {name: str(getattr(self, name)) for name in DECIDING}

    @field_validator("retention_days")
    @classmethod
    def _outlasts_identities(cls, value: int, info: ValidationInfo) -> int:
        # Usage is accepted as far back as its identity is remembered: it must find its books there.
        if value < info.data.get("horizon_days", 0):
            raise ValueError(f"must be at least horizon_days, {info.data['horizon_days']}")
        return value

    @field_validator("registry")
    @classmethod
    def _plain_url(cls, value: str | None) -> str | None:
        try:
            parts = urlsplit(value or "http://none")
            whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            whole = False
        if not whole or parts.query or parts.fragment:
            raise ValueError("must be a URL such as http://host:8081 (Apicurio: http://host:8080/apis/ccompat/v7)")
        if "@" in parts.netloc:  # what is in an address ends up in logs
            raise ValueError("must hold no user or password: put them into the file that registry_secrets names")
        return value

    @field_validator("metrics_address")
    @classmethod
    def _address(cls, value: str) -> str:
        try:
            return str(ip_address(value))
        except ValueError:
            raise ValueError("must be an IP address of this machine, such as 127.0.0.1 or 0.0.0.0") from None

    @field_validator("traces_endpoint")
    @classmethod
    def _whole_url(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "http://none")
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError("must be a URL such as http://host:4318/v1/traces, without user and password")
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("must be a name of the tz database, such as Europe/Berlin")
        return ZoneInfo(value).key

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags over environment over file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=settings_file())


def _secrets(name: str, file: Path | None) -> dict[str, str]:
    """What a file of secrets holds, {} without one. SettingsWrong when it does not read; it never says what is in there."""
    if file is None:
        return {}
    try:
        secrets = tomllib.loads(file.read_text())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsWrong(f"{name} names {file}, which does not read: {type(error).__name__}") from None
    if strange := [key for key, value in secrets.items() if not isinstance(value, str)]:
        raise SettingsWrong(f"{file}: {strange[0]} is not one text in quotes")
    return secrets


def settings_file() -> Path:
    """The settings file in force, which need not exist unless ACCRUAL_CONFIG names it."""
    return Path(os.environ.get(f"{PREFIX}CONFIG", FILE))


def load(**flags: Any) -> Settings:
    """The settings in force; a flag of None was not given. SettingsWrong names what is wrong and what is allowed."""
    named = os.environ.get(f"{PREFIX}CONFIG")
    if named and not Path(named).is_file():
        raise SettingsWrong(f"{PREFIX}CONFIG names {named}, which is no file: correct it, or unset it")
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        raise SettingsWrong("; ".join(_told(one, flags) for one in error.errors())) from error
    except SettingsError as error:
        # A table in the environment that is no JSON is refused before any field sees it.
        raise SettingsWrong(f"{error} ({PREFIX}<NAME>): {error.__cause__}; a table is one JSON object") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsWrong(f"the settings file {settings_file()} is not TOML: {error}") from error


def _told(error: Any, flags: dict[str, Any]) -> str:
    name = str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        return f"setting {name} in {settings_file()} is not known; known are {', '.join(sorted(Settings.model_fields))}"
    origin = f"{settings_file()}"
    if flags.get(name) is not None:
        origin = "--" + name.replace("_", "-")
    elif f"{PREFIX}{name}".upper() in {key.upper() for key in os.environ}:
        origin = f"{PREFIX}{name.upper()}"
    if name == "kafka_client":  # a password in it is not to be shown, whatever is wrong
        option = f" {error['loc'][1]}" if len(error["loc"]) > 1 else ""
        return f"setting kafka_client ({origin}):{option or ' it'} is not as it has to be: a table of texts in quotes"
    allowed = error["msg"].removeprefix("Value error, ")
    value = repr(error["input"])
    if name == "registry":
        value = re.sub(r"^'(\w+://)?.*@", r"'\1***@", value)
    return f"setting {name} ({origin}) has the value {value}: {allowed[0].lower()}{allowed[1:]}"
