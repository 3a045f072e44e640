"""JSON over HTTP to a schema registry: an answer to what was asked, or the reason why there is none now."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any, NoReturn
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, OpenerDirector, Request, build_opener

from connectors.errors import RegistryUnreachable

ANSWER_S = 3
ANSWER_BYTES = 16_000_000
ACCEPTED = "application/vnd.schemaregistry.v1+json, application/json"
_LATER = (408, 425, 429)


@dataclass(frozen=True, slots=True)
class RegistryAddress:
    """Where a registry is, and who asks."""

    url: str  # without credentials, as it is told to people
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)  # user and password, or token
    ca: Path | None = None  # whom an https:// registry is believed; None: whom this machine believes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a registry says."""

    status: int
    body: Any

    @property
    def code(self) -> int | None:
        """What is wrong, by the registry's own numbers; None when nothing is."""
        return int(self.body["error_code"]) if self.status >= 400 else None

    @property
    def reason(self) -> str:
        """What is wrong, in the registry's words."""
        return str(self.body.get("message", f"error {self.code}"))


class Rest:
    """The requests of one registry."""

    def __init__(self, address: RegistryAddress) -> None:
        """OSError when the file of certificates does not read."""
        self.url = address.url.rstrip("/")
        self._headers = {"Accept": ACCEPTED, "Content-Type": ACCEPTED.partition(",")[0], **_who(address.secrets)}
        trust = ssl.create_default_context(cafile=None if address.ca is None else str(address.ca))
        self._opener: OpenerDirector = build_opener(HTTPSHandler(context=trust), _Stay())

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """One request. RegistryUnreachable says why there is no answer: what it refuses to say it may say later."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data, self._headers, method=method)
        try:
            with self._opener.open(request, timeout=ANSWER_S) as reply:
                return Answer(reply.status, self._said(reply.read(ANSWER_BYTES)))
        except HTTPError as error:
            with error:
                return self._refused(error)
        except URLError as error:
            self._silent(error.reason)
        except (OSError, HTTPException) as error:  # a time-out, a reset, half an answer
            self._silent(error)

    def _refused(self, error: HTTPError) -> Answer:
        """What it says with a status that is no success, when that is about what was asked."""
        if error.code in (401, 403):
            self._silent(f"it answers {error.code}: the credentials in registry_secrets are missing or wrong")
        if error.code in _LATER or not 400 <= error.code < 500:
            self._silent(f"it answers {error.code} {error.reason}")
        try:
            said = self._said(error.read(ANSWER_BYTES))
        except (OSError, HTTPException) as broken:
            self._silent(broken)
        # A proxy or a wrong path says 404 too: only the registry's own number tells that a schema is not there.
        if not isinstance(said, dict) or not isinstance(said.get("error_code"), int):
            self._silent(f"it answers {error.code}, and not as a registry does: is the path of the URL right?")
        return Answer(error.code, said)

    def _said(self, text: bytes) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            self._silent("it does not answer in JSON: is the path of the URL right?")

    def _silent(self, why: object) -> NoReturn:
        told = why.strerror if isinstance(why, OSError) and why.strerror else why
        raise RegistryUnreachable(f"the schema registry {self.url} gives no answer: {told}") from None


class _Stay(HTTPRedirectHandler):
    """A redirect is no answer: followed, it would take the credentials to wherever it says."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _who(secrets: Mapping[str, str]) -> dict[str, str]:
    if token := secrets.get("token"):
        return {"Authorization": f"Bearer {token}"}
    if user := secrets.get("user"):
        pair = f"{user}:{secrets.get('password', '')}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    return {}
