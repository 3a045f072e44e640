"""A shard's parts on a store of the test's own."""

import pytest

from tests.dataflows.stores import Parts


@pytest.fixture
def parts(tmp_path):
    """The parts; the store is closed at the end."""
    made = Parts(tmp_path / "shard")
    yield made
    made.store.close()
