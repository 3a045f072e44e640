"""Which interpreter the environment is made of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHOICE = Path(__file__).parents[2] / "ops" / "fastest_python.sh"
SHELL = "/bin/sh"
BASE = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"


def _chosen(*folders: Path) -> str:
    path = ":".join([*map(str, folders), "/usr/bin", "/bin"])
    ran = subprocess.run([SHELL, CHOICE], env={"PATH": path}, capture_output=True, text=True, timeout=60, check=True)
    return ran.stdout.strip()


@pytest.fixture
def told(tmp_path):
    """A folder with an interpreter that says what it is told to say, in place of its own figures."""

    def made(name: str, line: str) -> Path:
        folder = tmp_path / line.replace("/", "-")
        folder.mkdir()
        (folder / name).write_text(f"#!/bin/sh\necho '{line}'\n")
        (folder / name).chmod(0o755)
        return folder

    return made


def test_the_one_that_takes_the_least_time_is_chosen(told):
    slow, fast = told("python3.12", "3 /opt/my python/slow"), told("python3", "2 /opt/my python/fast")
    assert "/opt/my python/fast" == _chosen(slow, fast) == _chosen(fast, slow)


def test_what_does_not_run_accrual_is_passed_over(told):
    broken = told("python3.11", "1 /opt/old")
    (broken / "python3.11").write_text("#!/bin/sh\nexit 1\n")
    assert "/opt/able" == _chosen(broken, told("python3", "2 /opt/able"))


def test_an_environment_is_not_made_of_an_environment(tmp_path):
    assert BASE.resolve() == Path(_alone(tmp_path / "one", BASE))
    assert Path() == Path(_alone(tmp_path / "other", Path(sys.prefix) / "bin" / BASE.name))


def _alone(folder: Path, python: Path) -> str:
    """What is chosen where there is one interpreter and nothing else."""
    folder.mkdir()
    for tool in ("sort", "head", "cut"):
        (folder / tool).symlink_to(f"/usr/bin/{tool}")
    (folder / "python3").write_text(f'#!/bin/sh\nexec {python} "$@"\n')
    (folder / "python3").chmod(0o755)
    ran = subprocess.run(
        [SHELL, CHOICE], env={"PATH": str(folder)}, capture_output=True, text=True, timeout=60, check=True
    )
    return ran.stdout.strip()


def test_the_test_of_speed_gives_its_time_and_where_the_interpreter_is():
    test = CHOICE.read_text().split("test='")[1].split("\n'\n")[0]
    ran = subprocess.run([BASE, "-I", "-c", test], capture_output=True, text=True, timeout=60, check=True)
    took, _, found = ran.stdout.strip().partition(" ")
    assert int(took) > 0
    assert BASE.resolve() == Path(found)
