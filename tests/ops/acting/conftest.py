"""What the tests of the acting commands share."""

from __future__ import annotations

import pytest

from tests.ops.acting.excepted import MENDED, with_bad
from tests.support.world import World, usage


@pytest.fixture(scope="session")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A run over every kind of record that is excepted."""
    world = World(tmp_path_factory.mktemp("spoilt")).contract()
    world.contract(version=2, contract_id="gap", event_id="g")
    for name in ("d1", "d2"):
        world.contract(contract_id=name, event_id=name, customer_id="d")
    return with_bad(
        world,
        *(bad for bad, _, _ in MENDED.values()),
        usage("m", 1, contract_id=None, meter="other"),
        usage("s", 1, customer_id="stranger", contract_id=None),
        usage("d", 1, customer_id="d", contract_id=None),
    )
