"""How much a run reads at once."""

import pytest

from ops.job import SERVICE_ROWS, Job
from ops.settings import load


@pytest.mark.parametrize(
    "asked, follow, expected",
    [(40_000, False, 40_000), (40_000, True, SERVICE_ROWS), (50, False, 50), (50, True, 50)],
)
def test_a_service_takes_no_more_at_once_than_what_is_urgent_may_wait_for(tmp_path, asked, follow, expected):
    (tmp_path / "usage.events.jsonl").touch()
    job = Job.of(f"files:{tmp_path}", f"files:{tmp_path}/out", None, None, load(batch_rows=asked), follow=follow)
    plan = job.plan()
    assert expected == job.build_source(plan, {}).batch_rows
    plan.close()
