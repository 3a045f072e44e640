"""What lies in the source and is not read is said, so that a misspelt topic does not pass for an empty one."""

from __future__ import annotations

from ops.job import Job
from ops.settings import load


def unread(tmp_path) -> list[str]:
    return Job.of(f"files:{tmp_path}", f"files:{tmp_path}/out", None, None, load()).source.unread()


def test_a_misspelt_topic_is_named(tmp_path):
    (tmp_path / "usage.event.jsonl").touch()
    found = unread(tmp_path)
    assert found[0].startswith("usage.event.jsonl is not read: no topic has that name; topics are usage.events, ")
    assert 1 == len(found)


def test_topics_in_every_form_and_hidden_files_are_not_named(tmp_path):
    for name in (
        "usage.events.jsonl.gz",
        "contracts.events.avro",
        "billing.events.jsonl",
        "control.events.jsonl",
        "erp.postings.jsonl",
        ".hidden",
    ):
        (tmp_path / name).touch()
    (tmp_path / "usage.events").mkdir()
    assert [] == unread(tmp_path)
