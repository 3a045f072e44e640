"""The peers: which versions, which settings, and what each does not do that accrual does."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from ops.bench.peers.environment import HERE, classes_of, python_with
from ops.broker.jars import java

REQUIREMENTS = HERE / "requirements"
STREAMS = HERE / "kafka_streams"
JAVA = ("-XX:+UseSerialGC", "-Xmx1g")


@dataclass(frozen=True, slots=True)
class Peer:
    """One engine with its program."""

    name: str
    title: str
    program: Path
    version: Callable[[], str]
    launch: Callable[[], list[str]]  # fetches what it runs on
    settings: str
    lacks: tuple[str, ...]
    reads_json: bool = False


def pinned(name: str) -> str:
    """The version of a package in the requirements of its peer."""
    text = (REQUIREMENTS / f"{name}.txt").read_text()
    found = re.search(rf"^{name}==(\S+)", text, re.MULTILINE)
    assert found, name
    return found[1]


def streams_version() -> str:
    """The version of Kafka Streams in its pom."""
    found = re.search(
        r"<artifactId>kafka-streams</artifactId>\s*<version>([^<]+)</version>", (STREAMS / "pom.xml").read_text()
    )
    assert found
    return found[1]


def _python(name: str, program: Path) -> Callable[[], list[str]]:
    return lambda: [str(python_with(REQUIREMENTS / f"{name}.txt")), str(program)]


COMMON = (
    "books: it gives counts and sums by day; no balanced entries, no rounding to the minor unit, no month that closes",
    "contracts in force: it joins the newest version that has come; no effective time, and no amendment corrects a result",
    "bad records: the program ends or skips them, and nothing tells which record was refused and why",
    "conflicts: a second event with a known identity and another content passes for a duplicate",
    "replay: nothing compares a second run with what was said",
)
LATE = "late usage: what comes after its window is closed is dropped, and no result is corrected"
WAITS = (
    "the end: a window closes when later events come; the feed has one for each partition, a day without usage has none"
)

PEERS = (
    Peer(
        "bytewax", "Bytewax, stock", HERE / "bytewax_stock.py", lambda: version("bytewax"),
        lambda: [sys.executable, str(HERE / "bytewax_stock.py")],
        "KafkaSource in batches of 10,000 (1,000 is its default), fastavro, stateful_map with a set of identities "
        "for each customer, fold_window (unordered, waits a day) that folds the meters of a customer, join, KafkaSink; recovery "
        "store with epochs of 10 s (its default); one worker, for its threads share the interpreter; ends at the end of input",
        (
            "exactly-once output: KafkaSink has no transactions and checks no delivery; after a crash lines are missing or twice",
            f"{LATE}; its watermark follows the wall clock, so what is late depends on when it runs",
            "growth: the identities of a customer are one pickled value that each epoch writes anew",
            *COMMON,
        ),
    ),
    Peer(
        "quix", "Quix Streams", HERE / "quix_streams.py", lambda: pinned("quixstreams"),
        _python("quixstreams", HERE / "quix_streams.py"),
        "exactly-once (at least once is no faster), commits every 5 s (its default), AvroDeserializer (fastavro), stateful "
        "filter and tumbling window (grace of a day, closed by partition) in RocksDB with changelogs, the meters of a customer "
        "in one window: no repartition topic; join_asof on the closed windows",
        (
            LATE, WAITS, "decimals: its state is JSON; sums are kept as texts by the program, or they would be floats",
            "growth: identities are kept for ever, or dropped by a time to live, exact or bounded", *COMMON,
        ),
    ),
    Peer(
        "pathway", "Pathway", HERE / "pathway_tables.py", lambda: pinned("pathway"),
        _python("pathway", HERE / "pathway_tables.py"),
        "streaming, commits every 1.5 s (its default), the same events as JSON, which its engine parses (Avro would be a Python "
        "function for each record); groupby, windowby without a behavior, join_left; persistence of the input on disk every 5 s",
        (
            "Avro: it reads the events from a second topic, as JSON",
            "decimals: it has floats only",
            "exactly-once output: it writes to Kafka without transactions, and says each change of a window anew",
            "state that survives: without a licence key its input is kept and computed again from the beginning",
            "windows that close: its watermark is one for all partitions and drops events of those read later, so none is used; "
            "every unique event stays in memory",
            *COMMON,
        ),
        reads_json=True,
    ),
    Peer(
        "kafka_streams", "Kafka Streams", STREAMS / "src" / "main" / "java" / "KafkaStreamsPeer.java", streams_version,
        lambda: [java(), *JAVA, "-cp", classes_of(STREAMS), "KafkaStreamsPeer"],
        "exactly_once_v2, RocksDB stores with changelogs, one thread, commits every 5 s (0.1 s, its default, and 1 s are no "
        "faster), cache of 64 MB, polls of 10,000, linger 100 ms, serial collector; Avro's own reader of the five fields it "
        "needs; dedupe by processValues and the meters of a customer in one window: no repartition topic; grace of a day, "
        "suppress until the window closes, GlobalKTable of contracts",
        (
            LATE, WAITS,
            "growth: its store of identities grows for ever, and so does the changelog that is read back after a move",
            *COMMON,
        ),
    ),
)  # fmt: skip
