"""What is not posted as it should be: one owned exception per line and class, until what is missing has come."""

from __future__ import annotations

import msgspec

from accounting.trace import UNTRACED, Trace
from dataflows.exception_desk import Coordinates, ExceptionDesk
from dataflows.posting_terms import Missing
from state import codec, keys
from state.store import ShardStore

CLASSES = ("product_unmapped", "fx_rate_missing", "estimate_missing", "treatment_undecidable", "unsupported")
_BOOKED = {
    "product_unmapped": "it is booked under the default names",
    "estimate_missing": "it is priced as incurred",
    "treatment_undecidable": "it is accounted for alone",
}


class _Held(msgspec.Struct, array_like=True):
    """Where the exception was raised."""

    customer_id: str
    contract_id: str
    line_id: str
    cls: str
    topic: str
    partition: int
    offset: int


_Name = tuple[str, str, str, str]  # customer, contract, line or version, class


class Holds:
    """The open exceptions about lines of one shard."""

    def __init__(self, store: ShardStore, desk: ExceptionDesk) -> None:
        self._store, self._desk = store, desk
        self._open: dict[_Name, Coordinates] = {}
        for _, value in store.scan(keys.HELD):
            one = codec.decode(_Held, value)
            name = (one.customer_id, one.contract_id, one.line_id, one.cls)
            self._open[name] = Coordinates(one.topic, one.partition, one.offset)

    def is_held(self, customer_id: str, contract_id: str, subject: str) -> bool:
        """Whether an exception about the line or version is open."""
        return bool(self._open) and any((customer_id, contract_id, subject, cls) in self._open for cls in CLASSES)

    def hold(
        self, customer_id: str, contract_id: str, subject: str, missing: Missing, at: Coordinates, since: int,
        severity: str = "error", trace: Trace = UNTRACED,
    ) -> None:  # fmt: skip
        """Raise it about a line, or about a version where its treatment is what is missing; unless it is open."""
        name = (customer_id, contract_id, subject, missing.cls)
        if name in self._open:
            return
        self._open[name] = at
        self._store.put(_key(name), codec.encode(_Held(*name, at.topic, at.partition, at.offset)))
        booked = "it is kept and booked then" if severity == "error" else _BOOKED[missing.cls]
        what = subject if missing.cls == "treatment_undecidable" else f"line {subject}"
        about = f"{what} of contract {contract_id}" if subject else f"contract {contract_id}"
        self._desk.raise_one(
            missing.cls, at, f"{about}: {missing.reason}; {booked}", b"", since=since,
            customer_id=customer_id, contract_id=contract_id, trace=trace, resolvable=True,
            subject=subject, severity=severity,
        )  # fmt: skip

    def settle(self, customer_id: str, contract_id: str, subject: str, still: set[str]) -> None:
        """Resolve what is not missing any more; `still` names the classes that are."""
        for cls in CLASSES if self._open else ():
            name = (customer_id, contract_id, subject, cls)
            if cls in still or name not in self._open:
                continue
            self._desk.resolve(cls, self._open.pop(name), "what was missing arrived", subject=subject)
            self._store.delete(_key(name))

    def forget(self, customer_id: str, contract_id: str) -> None:
        """The contract has been let go: what is open about it stays open."""
        for name in [name for name in self._open if name[:2] == (customer_id, contract_id)]:
            self._desk.forget(name[3], self._open.pop(name), subject=name[2])
            self._store.delete(_key(name))


def _key(name: _Name) -> bytes:
    return keys.HELD + keys.name(*name)
