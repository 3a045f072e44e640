"""The jars of Apache Kafka, from Maven Central, fetched once into a folder that git ignores."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from ops.broker.errors import BrokerMissing

POM = Path(__file__).with_name("pom.xml")
CACHE = Path(__file__).parents[2] / ".cache" / "kafka"
ELSEWHERE = "or name a broker that runs elsewhere: ACCRUAL_TEST_KAFKA=host:port"


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
    folder = cache / hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _fetch(folder)
    return folder


def _fetch(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokerMissing(f"the jars of Apache Kafka come by Maven, and there is no mvn: install it, {ELSEWHERE}")
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    done = subprocess.run(
        [maven, "-B", "-q", "-f", POM, "dependency:copy-dependencies", f"-DoutputDirectory={partial}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode or not partial.exists():
        said = [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")]
        raise BrokerMissing(f"mvn could not fetch the jars of Apache Kafka ({said[:1]}): try again, {ELSEWHERE}")
    partial.rename(folder)  # whole, or not there
