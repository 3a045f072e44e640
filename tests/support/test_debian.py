"""Programs from Debian's packages come without root, once, and say which version they are."""

import subprocess
from pathlib import Path

import pytest

from tests.support import debian


@pytest.mark.parametrize("name", ["prometheus", "promtool", "alertmanager", "amtool"])
def test_each_program_runs_and_is_of_the_version_that_its_package_has(name: str) -> None:
    ran = subprocess.run([debian.tool(name), "--version"], capture_output=True, text=True, check=False)
    told = (ran.stdout + ran.stderr).splitlines()[0]
    expected = debian.version(name).partition("+")[0].partition("-")[0]
    assert (0, f"version {expected}") == (
        ran.returncode,
        told[told.index("version ") :].split("+")[0].split(" (")[0],
    ), told


def test_a_package_that_debian_does_not_have_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(debian.PackageMissing, match="accrual-no-such-package"):
        debian.unpacked("accrual-no-such-package", tmp_path)
    assert [] == [one.name for one in tmp_path.iterdir() if one.name.startswith("accrual")]


def test_what_is_there_is_not_looked_for_again(tmp_path: Path) -> None:
    (tmp_path / "accrual-no-such-package=1").mkdir()
    assert tmp_path / "accrual-no-such-package=1" == debian.unpacked("accrual-no-such-package", tmp_path)
