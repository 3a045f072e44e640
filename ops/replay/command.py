"""What `accrual replay` does."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.kafka.client import Brokers
from connectors.kafka.plan import READ
from connectors.kafka.topics import TopicAdmin
from connectors.kafka.transactions import fence_off
from connectors.source import Progress
from ops.books_digest import journal_books
from ops.failures import DONE, exit_code
from ops.failures import told as told_of
from ops.places.registry import Schemas
from ops.progress import ProgressLine
from ops.replay.books import ComparedBooks
from ops.replay.bounds import END, START, Bound, resolved
from ops.replay.cut import Cut, comparable, plain, whole
from ops.replay.differences import Difference, Outside, differences, explained
from ops.replay.job import ReplayJob
from ops.replay.posting import Sent, post
from ops.replay.rebuild import check_whole, hand_over, rebuilt_words
from ops.replay.replay_facts import ReplayFacts, told
from ops.replay.report import record, show, write
from ops.replay.service import Service
from ops.run import Result
from ops.settings import load
from ops.show.text import out

DIFFERENCES = "differences.jsonl"


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of the command."""

    source: str
    begin: str
    end: str
    compare: bool
    post: bool
    rebuild: bool
    state: Path
    as_of: int | None
    as_json: bool
    metrics_port: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What came of it."""

    cut: Cut
    result: Result
    digest: str
    differences: list[Difference] | None = None  # None: nothing was compared
    posted: int = 0  # entries on either side
    replayed: int = 0
    outside: int = 0
    sent: Sent | None = None


def replay_command(asked: Asked) -> int:
    """Replay, compare and post as asked; the exit code."""
    try:
        check_whole(asked.rebuild, asked.post, asked.begin, asked.end)
        begin, end = Bound.parse(asked.begin, "--from", START), Bound.parse(asked.end, "--to", END)
        # A port that the settings name is the service's.
        settings = load(workers=1, metrics_port=asked.metrics_port or 0, clock_every_s=0)
        brokers, schemas = Brokers.of(asked.source, settings.kafka_options()), Schemas.of(settings)
        service = Service(brokers, settings.kafka_group, schemas)
        own = settings.model_copy(update={"shards": service.shards, "metrics_port": 0})
        job, facts = ReplayJob(asked.state, brokers, schemas, own), ReplayFacts()
        with told(facts, settings), ProgressLine() as line:
            found = _replay(asked, begin, end, service, job, Watch(line, facts))
    except Exception as error:
        print(f"accrual replay: {told_of(error)}", file=sys.stderr)
        return exit_code(error)
    if asked.as_json:
        print(json.dumps(_as_json(asked, found)))
    else:
        _print(asked, found, job)
    return DONE


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is shown how far it is."""

    line: ProgressLine
    facts: ReplayFacts

    def show(self, progress: Progress) -> None:
        """For people and for scrapers."""
        self.line.show(progress.read, progress.total, progress.rows_read)
        self.facts.show(progress)


def _replay(asked: Asked, begin: Bound, end: Bound, service: Service, job: ReplayJob, watch: Watch) -> Found:
    if asked.rebuild:  # before the end is looked up: what a service would post after it would be posted twice
        fence_off(service.brokers, service.group, job.settings.shards)
    topics = TopicAdmin(service.brokers).readable(READ)
    places = [(name, number) for name, topic in topics.items() for number in range(topic.partitions)]
    spans = resolved(service.brokers, places, begin, end)
    begins = job.begin(asked.begin, {place: low for place, (low, _) in spans.items()})
    spans = {place: (begins[place], high) for place, (_, high) in spans.items()}
    compares = asked.compare or asked.post or asked.rebuild
    if asked.rebuild:
        cut = whole(service, spans)
    else:
        cut = comparable(service, spans, watch.line.say) if compares else plain(service, spans)

    result = job.run(cut, asked.as_of, watch.show)
    digest = journal_books(job.out).digest()
    if not compares:
        return Found(cut, result, digest)
    return _compared(asked, service, job, cut, Found(cut, result, digest), watch)


def _compared(asked: Asked, service: Service, job: ReplayJob, cut: Cut, found: Found, watch: Watch) -> Found:
    say = watch.line.say
    say("comparing the journals")
    outside = Outside({place: low for place, (low, _) in cut.spans.items()})
    posted = ComparedBooks.of(service.entries(cut.posted), outside.see)
    posted.correct(cut.pending)
    replayed = ComparedBooks.of(job.entries())
    differ = differences(posted, replayed, outside.contracts)
    why = explained(differ, service.entries(cut.posted) if differ else (), job.entries() if differ else ())
    watch.facts.differences = Counter(one.key.account for one in differ)
    write(job.folder / DIFFERENCES, differ, why)
    sent = post(service, differ, say) if asked.post and differ else None
    if asked.rebuild:
        say("handing the state over")
        hand_over(service, job, cut)
    if not asked.as_json:
        show(out(), differ, why, job.folder / DIFFERENCES)
    return Found(
        cut, found.result, found.digest, differ, posted.entries, replayed.entries, len(outside.contracts), sent
    )  # fmt: skip


def _as_json(asked: Asked, found: Found) -> dict[str, Any]:
    result = found.result
    told: dict[str, Any] = {
        "from": {f"{topic}/{number}": low for (topic, number), (low, _) in found.cut.spans.items()},
        "to": {f"{topic}/{number}": high for (topic, number), (_, high) in found.cut.spans.items()},
        "stands_at": found.cut.told,
        "rows": result.rows, "seconds": round(result.seconds, 3), "digest": found.digest,
        "read": result.tally.read, "counted": result.tally.counted, "duplicates": result.tally.duplicates,
    }  # fmt: skip
    if found.differences is not None:
        told |= {
            "differences": len(found.differences), "posted_entries": found.posted, "replayed_entries": found.replayed,
            "contracts_not_compared": found.outside, "rows_that_differ": [record(one) for one in found.differences],
            "file": str(asked.state / DIFFERENCES),
        }  # fmt: skip
    if asked.post:
        told["posted"] = None if found.sent is None else {
            "reference": found.sent.reference, "offsets": list(found.sent.offsets), "applied": found.sent.applied,
        }  # fmt: skip
    return told


def _print(asked: Asked, found: Found, job: ReplayJob) -> None:
    console, result = out(), found.result
    rate = f", {result.rows / result.seconds:,.0f} rows/s" if result.rows and result.seconds else ""
    console.print(f"replayed {result.rows:,} rows in {result.seconds:.1f} s{rate}; books digest {found.digest}")
    console.print(f"look at them: accrual show journal --sink files:{job.out}", soft_wrap=True)
    if found.differences is None:
        return
    console.print(
        f"compared at {found.cut.told}: {found.posted:,} posted entries with {found.replayed:,} replayed ones",
        soft_wrap=True,
    )
    if found.outside:
        console.print(
            f"{found.outside:,} contracts are not compared: entries of theirs count usage from before the range",
            soft_wrap=True,
        )
    if asked.rebuild:
        console.print(rebuilt_words(job, len(found.differences)), soft_wrap=True)
    if asked.post:
        console.print(_sent_words(found.sent), soft_wrap=True)


def _sent_words(sent: Sent | None) -> str:
    if sent is None:
        return "nothing to post"
    where = f"control.events at offset{'s' * (len(sent.offsets) > 1)} {', '.join(map(str, sent.offsets))}"
    if sent.applied:
        return f"corrections {sent.reference} are in {where}, and the service has taken them up"
    return f"corrections {sent.reference} are in {where}; no service has taken them up yet: it posts them when it runs"
