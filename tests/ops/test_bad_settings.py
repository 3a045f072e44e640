"""Wrong settings and wrong usage: each message names what, where it was set, the value and what is allowed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from ops.settings import Settings
from tests.support.process import here
from tests.support.world import START, World

# -- wrong settings: each message names the setting, where it was set, the value and what is allowed

NUMBERS = {
    "batch_rows": ("0", "input should be greater than or equal to 1"),
    "workers": ("65", "input should be less than or equal to 64"),
    "shards": ("-1", "input should be greater than or equal to 1"),
}


@pytest.mark.parametrize(("name", "value", "allowed"), [(n, v, a) for n, (v, a) in NUMBERS.items()])
@pytest.mark.parametrize("way", ["flag", "environment", "file"])
def test_a_setting_out_of_range_is_refused(world: World, way: str, name: str, value: str, allowed: str) -> None:
    world.days(1, 3)
    flags, settings, origin, shown = [], {}, "accrual.toml", value
    if way == "flag":
        origin, shown = f"--{name.replace('_', '-')}", repr(value)
        flags = [origin, value]
    elif way == "environment":
        origin, shown = f"ACCRUAL_{name.upper()}", repr(value)
        settings = {origin: value}
    else:
        (world.root / "accrual.toml").write_text(f"{name} = {value}\n")
    ended = world.run(*flags, **settings)
    told = f"setting {name} ({origin}) has the value {shown}: {allowed}"
    assert (2, f"accrual run: {told}") == (ended.code, ended.told)
    assert not world.sink.exists()
    (world.root / "accrual.toml").unlink(missing_ok=True)
    world.booked_right()


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("batch_rows", "many", "input should be a valid integer, unable to parse string as an integer"),
        ("epoch_ms", "9", "input should be greater than or equal to 10"),
        ("lateness_s", "-1", "input should be greater than or equal to 0"),
        ("horizon_days", "401", "input should be less than or equal to 400"),
        ("usage_window", "week", "input should be 'hour', 'day' or 'month'"),
        ("time_zone", "Mars/Base", "must be a name of the tz database, such as Europe/Berlin"),
        ("exception_owner", "", "string should have at least 1 character"),
        (
            "exception_sla_hours",
            "1.5",
            "input should be a valid integer, unable to parse string as an integer",
        ),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(world: World, name: str, value: str, allowed: str) -> None:
    world.days(1, 3)
    variable = f"ACCRUAL_{name.upper()}"
    ended = world.run(**{variable: value})
    assert (2, f"accrual run: setting {name} ({variable}) has the value {value!r}: {allowed}") == (
        ended.code, ended.told,
    )  # fmt: skip


def test_a_flag_that_is_no_number_is_refused(world: World) -> None:
    world.days(1, 3)
    ended = world.process("--batch-rows", "many")
    told = "has the value 'many': input should be a valid integer, unable to parse string as an integer"
    assert (2, f"accrual run: setting batch_rows (--batch-rows) {told}") == (ended.code, ended.told)


def test_every_wrong_setting_is_named(world: World) -> None:
    ended = world.run(ACCRUAL_SHARDS="0", ACCRUAL_WORKERS="none")
    assert ended.code == 2
    assert "setting shards (ACCRUAL_SHARDS) has the value '0'" in ended.told
    assert "; setting workers (ACCRUAL_WORKERS) has the value 'none'" in ended.told


def test_a_setting_that_does_not_exist_is_refused(world: World) -> None:
    world.days(1, 3)
    (world.root / "accrual.toml").write_text("shard = 4\n")
    ended = world.run()
    known = ", ".join(sorted(Settings.model_fields))
    assert (2, f"accrual run: setting shard in accrual.toml is not known; known are {known}") == (
        ended.code, ended.told,
    )  # fmt: skip


def test_a_settings_file_that_is_no_toml_is_refused(world: World) -> None:
    (world.root / "mine.toml").write_text("shards = \n")
    ended = world.run(ACCRUAL_CONFIG="mine.toml")
    assert ended.code == 2
    assert ended.told.startswith("accrual run: the settings file mine.toml is not TOML: ")


def test_a_settings_file_that_is_not_there_is_refused(world: World) -> None:
    ended = world.run(ACCRUAL_CONFIG="nowhere.toml")
    told = "ACCRUAL_CONFIG names nowhere.toml, which is no file: correct it, or unset it"
    assert (2, f"accrual run: {told}") == (ended.code, ended.told)


def test_flag_over_environment_over_file(world: World) -> None:
    world.days(1, 3)
    (world.root / "accrual.toml").write_text("shards = 3\n")
    world.booked_right("--shards", "2", ACCRUAL_SHARDS="4")
    assert json.loads((world.state / "accrual-state.json").read_text())["shards"] == 2


# -- wrong usage of the command


def instead(words: list[str], option: str, value: str) -> list[str]:
    at = words.index(option)
    return [*words[: at + 1], value, *words[at + 2 :]]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda words: [*words, "--follow"],
            "--as-of closes the books after the last input, --follow has none: leave one of them out",
        ),
        (
            lambda words: instead(words, "--source", "kafka://localhost"),
            "'kafka://localhost' is not an address of the form kafka://host:port",
        ),
        (
            lambda words: instead(words, "--sink", "kafka://localhost:9092")[:5],
            "--state DIR is missing: beside kafka://localhost:9092 there is no place for the state",
        ),
        (
            lambda words: instead(words, "--source", "in"),
            "'in' is not an address: allowed are files:DIR and kafka://host:port",
        ),
        (lambda words: instead(words, "--sink", "files:"), "'files:' is not an address of the form files:DIR"),
        (
            lambda words: instead(words, "--as-of", "yesterday"),
            "--as-of 'yesterday' is no instant: must be an RFC 3339 time with Z or an offset, such as "
            '"2024-01-31T23:59:59.5Z"; write 2026-01-31T00:00:00Z or 2026-01-31',
        ),
        (
            lambda words: instead(words, "--as-of", "2025-02-30"),
            "--as-of '2025-02-30' is no instant: must be a date that exists; write 2026-01-31T00:00:00Z or 2026-01-31",
        ),
        (
            lambda words: instead(words, "--as-of", "2025-02-01T00:00:00"),
            "--as-of '2025-02-01T00:00:00' is no instant: must be an RFC 3339 time with Z or an offset, such as "
            '"2024-01-31T23:59:59.5Z"; write 2026-01-31T00:00:00Z or 2026-01-31',
        ),
    ],
    ids=[
        "follow with as-of", "kafka source without a port", "kafka sink without state", "a bare source",
        "a sink without directory", "as-of in words", "as-of on no day", "as-of without zone",
    ],
)  # fmt: skip
def test_wrong_usage_is_refused(world: World, change: Callable[[list[str]], list[str]], told: str) -> None:
    world.days(1, 3)
    ended = here(*change(world.words()), cwd=world.root)
    assert (2, f"accrual run: {told}", "") == (ended.code, ended.told, ended.printed)
    assert not world.sink.exists()
    world.booked_right()


def test_a_clock_behind_the_books_does_nothing(world: World) -> None:
    world.days(1, 3)
    ended = world.booked_right()
    before = world.lines("revenue.journal")
    again = world.run(as_of=START)
    assert world.problems(again) == []
    assert ended.result.tally == again.result.tally
    assert before == world.lines("revenue.journal")


@pytest.mark.parametrize("way", ["environment", "no JSON", "file", "not a table", "secrets", "secrets not TOML", "own"])
def test_whatever_is_wrong_with_options_of_kafka_no_password_is_shown(world: World, way: str) -> None:
    world.days(1, 3)
    hush, settings, named = "hush4711", {}, "kafka"
    secrets, file = world.root / "secrets.toml", world.root / "accrual.toml"
    if way == "environment":
        settings = {"ACCRUAL_KAFKA_CLIENT": json.dumps({"sasl.password": [hush]})}
    elif way == "no JSON":
        settings = {"ACCRUAL_KAFKA_CLIENT": '{"sasl.password": "' + hush}
    elif way == "file":
        file.write_text(f'[kafka]\n"sasl.password" = ["{hush}"]\n')
    elif way == "not a table":
        file.write_text(f'kafka = "{hush}"\n')
    else:
        settings, named = {"ACCRUAL_KAFKA_SECRETS": str(secrets)}, "secrets.toml"
        secrets.write_text({
            "secrets": f'"sasl.password" = ["{hush}"]\n', "secrets not TOML": f'"sasl.password" = "{hush}\n',
            "own": f'acks = "{hush}"\n',
        }[way])  # fmt: skip
        named = "kafka option acks is the product's own" if way == "own" else named
    ended = here("run", "--source", "kafka://127.0.0.1:9", "--sink", "kafka://127.0.0.1:9", "--state", "s",
                 cwd=world.root, **settings)  # fmt: skip
    assert (2, True) == (ended.code, named in ended.told)
    assert hush not in ended.said + ended.printed
