"""What the tests of the command line share."""

import pytest

from tests.support.world import World


@pytest.fixture
def world(tmp_path):
    """A small source, a sink and a state, and the command over them."""
    return World(tmp_path)
