"""A shard's parts, and whole shards driven by timelines, on stores of the test's own."""

import pytest

from tests.dataflows.stores import Parts
from tests.support.driven import DrivenShard


@pytest.fixture
def parts(tmp_path):
    """The parts; the store is closed at the end."""
    made = Parts(tmp_path / "shard")
    yield made
    made.store.close()


@pytest.fixture
def driven(tmp_path):
    """Opens shards on stores of the test's own, and closes them."""
    opened = []

    def drive(story, as_of=None, **settings):
        shard = DrivenShard(tmp_path / f"state-{len(opened)}", story, as_of, **settings)
        opened.append(shard)
        return shard

    yield drive
    for shard in opened:
        shard.close()
