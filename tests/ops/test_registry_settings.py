"""The schema registry's settings: where it is, who asks, and that no password is ever shown."""

import pytest

from ops.places.registry import registry_server
from ops.settings import SettingsWrong, load
from tests.support.process import here

URL = "http://registry:8081"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_a_registry_there_is_no_address():
    assert load().registry_address() is None


def test_credentials_come_from_a_file_and_those_of_the_environment_win(folder, monkeypatch):
    (folder / "secrets.toml").write_text('user = "u"\npassword = "of the file"\n')
    settings = load(registry=URL, registry_secrets=folder / "secrets.toml")
    assert {"user": "u", "password": "of the file"} == settings.registry_address().secrets
    monkeypatch.setenv("ACCRUAL_REGISTRY_PASSWORD", "of the environment")
    assert {"user": "u", "password": "of the environment"} == settings.registry_address().secrets
    assert "of the" not in repr(settings.registry_address()) + repr(settings)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('pass = "geheim"', "pass is none of user, password, token"),
        ("password = 17041704", "password is not one text in quotes"),
        ('password = "geheim', "does not read: TOMLDecodeError"),
    ],
)
def test_a_file_of_secrets_that_is_wrong_is_refused_and_not_shown(folder, text, why):
    (folder / "secrets.toml").write_text(text)
    with pytest.raises(SettingsWrong, match=why) as caught:
        load(registry=URL, registry_secrets=folder / "secrets.toml").registry_address()
    assert "geheim" not in str(caught.value)
    assert "17041704" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://u:geheim@registry:8081", "https://geheim@registry", "u:geheim@registry", "//u:geheim@registry"]
)
@pytest.mark.parametrize("way", ["flag", "environment", "file"])
def test_credentials_in_the_url_are_refused_and_not_shown(folder, monkeypatch, url, way):
    if way == "environment":
        monkeypatch.setenv("ACCRUAL_REGISTRY", url)
    if way == "file":
        (folder / "accrual.toml").write_text(f'registry = "{url}"\n')
    with pytest.raises(SettingsWrong, match=r"setting registry .*\*\*\*@registry") as caught:
        load(registry=url if way == "flag" else None)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("url", ["registry:8081", "ftp://registry", "http://", "http://registry:99999", "http://r?a=b"])
def test_what_is_no_url_is_refused_with_an_example(url):
    with pytest.raises(SettingsWrong, match="must be a URL such as http://host:8081"):
        load(registry=url)


def test_certificates_that_do_not_read_are_a_wrong_setting(folder):
    (folder / "ca.pem").write_text("no certificate")
    for file in ("ca.pem", "none.pem"):
        with pytest.raises(SettingsWrong, match=f"registry_ca names .*{file}, which is no readable file"):
            registry_server(load(registry=URL, registry_ca=folder / file).registry_address())


def test_registering_without_a_registry_says_how_to_name_one(folder):
    ended = here("schemas", "register", cwd=folder)
    assert (2, "accrual schemas register: there is no schema registry: name one by --registry URL, or by the setting "
            "registry") == (ended.code, ended.said.strip())  # fmt: skip


def test_registering_at_a_registry_that_is_away_names_it_and_the_remedy(folder):
    ended = here("schemas", "register", "--registry", "http://127.0.0.1:1", cwd=folder)
    assert (1, "accrual schemas register: the schema registry http://127.0.0.1:1 gives no answer: Connection refused; "
            "start it, or correct the setting registry") == (ended.code, ended.said.strip())  # fmt: skip
