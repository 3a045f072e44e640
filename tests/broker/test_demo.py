"""The demo through a real Kafka says what the demo on files says."""

import re

from tests.support.process import here

WORDS = ("events read", "counted", "duplicates", "journal entries", "books digest")


def facts(printed: str) -> dict[str, str]:
    """What was counted, and the digest of the books."""
    return {name: re.search(rf"^{name} +(\S+)", printed, re.MULTILINE)[1] for name in WORDS}


def test_the_demo_through_kafka_makes_the_same_books_and_both_parts_tie_out(tmp_path):
    files = here("demo", "--out", "files", cwd=tmp_path)
    kafka = here("demo", "--kafka", "--out", "kafka", cwd=tmp_path)
    assert 0 == kafka.code, kafka.said
    assert facts(files.printed) == facts(kafka.printed)
    assert "1,641 records sent to an Apache Kafka" in kafka.printed
    assert 6 == kafka.printed.count("✓")
