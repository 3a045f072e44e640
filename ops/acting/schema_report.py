"""The verdict on the schemas as a table for people, or as one JSON object."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from ops.acting.schema_check import TopicVerdict, remedy
from ops.show.text import grid, out, plain


def schema_report(verdicts: Sequence[TopicVerdict], as_json: bool) -> None:
    """Print what was found about each topic, and what to do about each problem."""
    problems = [one for verdict in verdicts for one in verdict.problems]
    if as_json:
        topics = [
            {
                "topic": one.topic,
                "releases": one.releases,
                "current_is": one.released_current,
                "compatible": not one.problems,
            }
            for one in verdicts
        ]
        told = [{**asdict(one), "remedy": remedy(one) or None} for one in problems]
        print(json.dumps({"compatible": not problems, "topics": topics, "problems": told}))
        return
    table = grid("Schemas, current and released, read each other (FULL_TRANSITIVE)")
    for heading in ("topic", "releases", "current is", "result"):
        table.add_column(heading)
    for one in verdicts:
        releases = ", ".join(map(str, one.releases)) or "none"
        current = "not released yet" if one.released_current is None else f"release {one.released_current}"
        result = f"{len(one.problems)} problems" if one.problems else "compatible"
        table.add_row(*map(plain, (one.topic, releases, current, result)))
    console = out()
    console.print(table)
    for problem in problems:
        about = f"{problem.topic}, release {problem.release}, {problem.direction}" if problem.release else problem.topic
        cure = remedy(problem)
        console.print(plain(f"✗ {about}: {problem.what}" + (f"; {cure}" if cure else "")), soft_wrap=True)
    if not problems:
        console.print(
            plain("✓ every release of every topic is read by this program, and reads what it writes"), style="green"
        )
