"""The quick cut of ring R3: a service on a real Kafka through kills, restarts, a cut commit and a zombie. The long one is
`python -m tests.campaign kafka`."""

from pathlib import Path

import pytest

from ops.broker.errors import BrokerMissing
from tests.campaign.kafka import run_one
from tests.campaign.kafka_plan import Plan
from tests.support.lacking import lacking

pytestmark = pytest.mark.slow
SEED = 1


def test_the_books_survive_whatever_happens_to_processor_network_and_broker(tmp_path: Path) -> None:
    try:
        outcome = run_one(SEED, tmp_path, Plan.quick(SEED))
    except BrokerMissing as error:
        lacking(error)
    print(outcome.plan)
    assert () == outcome.problems
    assert {"kill of a worker": 2, "bounce": 1, "reset at commit": 1, "kill": 1, "zombie": 1} == outcome.faults
