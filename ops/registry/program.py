"""The program of Apicurio Registry, from Maven Central, fetched once into a folder that git ignores, and a Java that runs it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ops.maven import fetched
from ops.registry.errors import RegistryMissing

POM = Path(__file__).with_name("pom.xml")
CACHE = Path(__file__).parents[2] / ".cache" / "apicurio"
INSTALLED = Path("/usr/lib/jvm")  # where Linux distributions put each Java
JAVA = 21


def java(installed: Path = INSTALLED) -> str:
    """The path of a Java program that is new enough; RegistryMissing without one."""
    found = []
    for path in _javas(installed):
        said = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stderr
        version = re.search(r'version "(\d+)', said)
        if version and int(version[1]) >= JAVA:
            return path
        found.append(f"{path} is {version[1] if version else 'none'}")
    raise RegistryMissing(
        f"Apicurio Registry needs Java {JAVA} or later ({', '.join(found) or 'there is no java'}): install one, and name "
        "its folder in JAVA_HOME"
    )


def _javas(installed: Path) -> Iterator[str]:
    """The one that is named, the one that is called by its name, all others."""
    home = os.environ.get("JAVA_HOME")
    paths = [f"{home}/bin"] if home else []
    paths += [os.environ.get("PATH", "")] + [str(one / "bin") for one in sorted(installed.glob("*"), reverse=True)]
    yield from dict.fromkeys(os.path.realpath(one) for path in paths if (one := shutil.which("java", path=path)))


def apicurio(cache: Path = CACHE) -> Path:
    """The jar to start, of the version that pom.xml names; the first call fetches it (150 MB).

    Processes that ask at once wait for the one that fetches. RegistryMissing when Maven is absent or fails.
    """
    return fetched(POM, cache, "unpack-dependencies", "Apicurio Registry", RegistryMissing) / "quarkus-run.jar"
