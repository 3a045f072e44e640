"""Every sabotaged build is reported, by the invariant that is there for it; the product as it is passes the same harness."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaign.disturbed import Disturbed
from tests.campaign.invariants import INVARIANTS, names
from tests.campaign.sabotage import peaceful, reported
from tests.campaign.sabotaged import BUILDS

pytestmark = pytest.mark.slow

DEFECTS = [name for name in BUILDS if name != "nothing"]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Disturbed:
    """What every build is given."""
    return peaceful(tmp_path_factory.mktemp("peace"))


def test_there_is_a_defect_for_every_invariant() -> None:
    assert set(INVARIANTS) == {BUILDS[name].caught_by for name in DEFECTS}
    assert len(DEFECTS) >= 14


def test_the_product_as_it_is_is_not_reported(case: Disturbed, tmp_path: Path) -> None:
    assert () == reported("nothing", case, tmp_path)


@pytest.mark.parametrize("name", DEFECTS)
def test_a_sabotaged_build_is_reported_by_its_invariant(name: str, case: Disturbed, tmp_path: Path) -> None:
    found = reported(name, case, tmp_path)
    assert BUILDS[name].caught_by in names(found), found
