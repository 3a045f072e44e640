"""A Prometheus that knows the past: samples are written into it before it starts, so that nothing waits for a scrape."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ops.ports import free_ports
from tests.support.debian import tool

READY = "Server is ready to receive web requests"


@contextmanager
def remembering(folder: Path, openmetrics: str) -> Iterator[str]:
    """Its address while it runs; the samples as a text of OpenMetrics with a timestamp (seconds) on each."""
    samples, data, settings = folder / "samples", folder / "data", folder / "prometheus.yml"
    samples.write_text(openmetrics)
    settings.write_text("global: {}\n")
    made = subprocess.run(
        [tool("promtool"), "tsdb", "create-blocks-from", "openmetrics", samples, data],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert 0 == made.returncode, made.stdout + made.stderr
    [port] = free_ports(1)
    command = [
        tool("prometheus"), f"--config.file={settings}", f"--storage.tsdb.path={data}", f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            told = []
            for line in process.stderr:  # ends when it ends
                told.append(line)
                if READY in line:
                    break
            else:
                raise AssertionError("".join(told))
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
