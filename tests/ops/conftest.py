"""What the tests of the command line share."""

import pytest

from tests.support.world import World


@pytest.fixture
def world(tmp_path):
    """A small source, a sink and a state, and the command over them."""
    return World(tmp_path)


@pytest.fixture(params=[1, 2])
def served(request, tmp_path):
    """With one worker and with two; ended with the test."""
    from tests.ops.test_supervisor import Served

    one = Served(tmp_path, request.param)
    yield one
    if one.process is not None and one.process.poll() is None:
        one.process.kill()
        one.process.wait()
