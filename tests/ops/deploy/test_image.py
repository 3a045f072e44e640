"""The image, as far as it can be made without an engine: its file, what it copies, and the environment that its steps build."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import pytest

from ops.ports import free_ports
from tests.ops.deploy.composed import DOCKERFILE, ROOT, dockerfile_runs, dockerfile_words
from tests.support.lacking import lacking
from tests.support.process import environment

NOBODY = 65_534
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
END_S = 10  # what the README promises
RUN, BUILD, ALL = (ROOT / f"requirements{one}.txt" for one in ("-run", "-build", ""))


def test_hadolint_has_nothing_to_say():
    done = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), DOCKERFILE], capture_output=True, text=True, check=False
    )
    assert (0, "") == (done.returncode, done.stdout)


def test_its_bases_are_one_exact_glibc_python_and_one_exact_rust():
    rust, build, run = re.findall(r"^FROM (\S+)", DOCKERFILE.read_text(), flags=re.MULTILINE)
    assert re.fullmatch(r"rust:1\.\d+\.\d+-bookworm", rust)
    assert re.fullmatch(r"python:3\.1[12]\.\d+-slim-bookworm", run)
    assert run == build.replace("-bookworm", "-slim-bookworm")


def test_it_runs_as_a_user_that_is_not_root_in_exec_form():
    text = DOCKERFILE.read_text().splitlines()
    users = [one.partition(" ")[2] for one in text if one.startswith("USER")]
    assert ["10001:10001"] == users
    assert ["accrual"] == dockerfile_words("ENTRYPOINT")


def test_what_it_copies_is_let_in_and_nothing_else():
    rules = [one for one in (ROOT / ".dockerignore").read_text().splitlines() if one and not one.startswith("#")]
    allowed = {one[1:] for one in rules if one.startswith("!")}
    assert "*" == rules[0]
    copied = copies()
    assert copied == allowed
    assert all((ROOT / one).exists() for one in copied)
    maturin = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["maturin"]
    sources = {*maturin["python-packages"], Path(maturin["manifest-path"]).parts[0]}
    assert sources == {one for one in copied if (ROOT / one).is_dir()}
    assert not any(fnmatch.fnmatch("secrets", one) for one in allowed)


def test_what_it_installs_is_what_tests_use_without_what_only_tests_need():
    run, build, every = (dict(PINNED.findall(path.read_text())) for path in (RUN, BUILD, ALL))
    assert run.items() | build.items() <= every.items()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = dict(
        PINNED.findall(
            "\n".join(project["project"]["dependencies"] + project["project"]["optional-dependencies"]["traces"])
        )
    )
    assert wanted.items() <= run.items()
    assert {"pytest", "mypy", "ruff", "hypothesis", "noida-db"}.isdisjoint(run)
    assert project["build-system"]["requires"] == [f"maturin=={build['maturin']}"]
    for path in (RUN, BUILD):
        assert len(PINNED.findall(path.read_text())) <= path.read_text().count("--hash=sha256:")


@pytest.fixture(scope="module")
def built() -> Iterator[Path]:
    """What the first stage builds, below a folder that every user may read."""
    python = interpreter()
    folder = Path(tempfile.mkdtemp(prefix="accrual-image-"))
    folder.chmod(0o755)
    try:
        (folder / "src").mkdir()
        for one in copies():
            there = folder / "src" / one
            if (ROOT / one).is_dir():
                shutil.copytree(
                    ROOT / one,
                    there,
                    ignore=shutil.ignore_patterns("__pycache__", "node_modules", "screenshots", "*.so", "target"),
                )
            else:
                shutil.copy(ROOT / one, there)
        for command in dockerfile_runs(1):
            by_hand = command.replace("/opt/", f"{folder}/opt/").replace("python -m venv", f"{python} -m venv")
            done = subprocess.run(
                ["sh", "-euc", by_hand],
                cwd=folder / "src",
                env=building(folder),
                capture_output=True,
                text=True,
                check=False,
            )
            if "Could not find a version" in done.stderr or "NewConnectionError" in done.stderr:
                lacking(f"a package index: {done.stderr.splitlines()[-1]}")
            assert 0 == done.returncode, done.stdout[-2_000:] + done.stderr[-2_000:]
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.mark.slow
def test_what_its_steps_build_runs_as_nobody_and_installs_nothing(built):
    program = built / "opt" / "accrual" / "bin"
    said = as_nobody([program / dockerfile_words("ENTRYPOINT")[0], *dockerfile_words("CMD")], Path("/"))
    assert (0, True) == (said.returncode, "A streaming revenue subledger" in said.stdout), said.stderr
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    asked = "import importlib.metadata as m, ops, schemas; print(m.version('accrual'), ops.__file__, schemas.__file__)"
    told = as_nobody([program / "python", "-c", asked], Path("/")).stdout.split()
    assert version == told[0]
    assert all(one.startswith(str(built / "opt" / "accrual")) for one in told[1:]), told
    assert not (program / "pip").exists()
    assert 0 != as_nobody([program / "python", "-m", "pip"], Path("/")).returncode
    assert 0 == as_nobody([program / "accrual", "schemas", "check"], Path("/")).returncode


@pytest.mark.slow
def test_sigterm_reaches_its_process_which_ends_well(built):
    home = built / "home"
    home.mkdir()
    (home / "in").mkdir()
    (home / "in" / "usage.events.jsonl").touch()
    for one in (home, home / "in"):
        os.chown(one, *([NOBODY, NOBODY] if os.geteuid() == 0 else [-1, -1]))
    (port,) = free_ports(1)
    words = [built / "opt/accrual/bin/accrual", "run", "--source", "files:in", "--sink", "files:out", "--follow"]
    process = subprocess.Popen(
        words, cwd=home, env=alone(ACCRUAL_METRICS_PORT=str(port)), stderr=subprocess.PIPE, **nobody()
    )
    try:
        direct, ready = build_opener(ProxyHandler({})), False
        while not ready:
            assert process.poll() is None, process.stderr.read()
            try:
                with direct.open(f"http://127.0.0.1:{port}/ready", timeout=5):
                    ready = True
            except (URLError, OSError):
                pass
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(END_S)
    finally:
        process.kill()
        process.wait()


def copies() -> set[str]:
    """What the first stage copies from the repository."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE.read_text(), flags=re.MULTILINE)
    return {one for line in lines for one in line.split()[:-1]}


def interpreter() -> str:
    """A Python of the image's version, or the other one that we support, which others than root may start."""
    for name in ("/usr/bin/python3.12", "/usr/bin/python3.11", sys._base_executable):
        if Path(name).exists() and 0 == as_nobody([name, "-c", "import ensurepip, venv"], Path("/")).returncode:
            return name
    lacking("a Python 3.11 or 3.12 with venv that others than root may start")


def alone(**settings: str) -> dict[str, str]:
    """The environment without the tree that is tested: what is not installed must not be found."""
    return {name: value for name, value in environment(**settings).items() if name != "PYTHONPATH"}


def building(folder: Path) -> dict[str, str]:
    """The same, with the build's own programs first, as the file's PATH has them."""
    env = alone()
    return env | {"PATH": f"{folder}/opt/build/bin:{env['PATH']}:{Path.home()}/.cargo/bin"}


def as_nobody(words: list[str | Path], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run it as a user without rights."""
    try:
        return subprocess.run(words, cwd=cwd, env=alone(), capture_output=True, text=True, check=False, **nobody())
    except PermissionError as error:
        return subprocess.CompletedProcess(words, 126, "", str(error))


def nobody() -> dict[str, object]:
    """Who runs it: nobody, where root runs the tests; else whoever does."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
