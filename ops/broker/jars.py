"""The jars of Apache Kafka, from Maven Central, fetched once into a folder that git ignores."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ops.broker.errors import BrokerMissing
from ops.maven import fetched

POM = Path(__file__).with_name("pom.xml")
CACHE = Path(__file__).parents[2] / ".cache" / "kafka"
ELSEWHERE = "or name a broker that runs elsewhere: ACCRUAL_KAFKA=host:port"


def java() -> str:
    """The path of the Java program; BrokerMissing without one."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if found is None:
        raise BrokerMissing(f"Apache Kafka needs Java 17 or later, and there is no java: install one, {ELSEWHERE}")
    return found


def kafka_jars(cache: Path = CACHE) -> Path:
    """The folder with all jars of the versions that pom.xml names; the first call fetches them (54 MB).

    Processes that ask at once wait for the one that fetches. BrokerMissing when Maven is absent or fails.
    """
    return fetched(POM, cache, "copy-dependencies", "Apache Kafka", lambda why: BrokerMissing(f"{why}, {ELSEWHERE}"))
