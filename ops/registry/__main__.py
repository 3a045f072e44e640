"""`python -m ops.registry [FOLDER]`: an Apicurio Registry to play with, until Ctrl-C."""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path

from ops.registry.apicurio import ApicurioRegistry
from ops.registry.errors import RegistryMissing


def main() -> int:
    """Start it, say where it is, wait; with FOLDER what it holds is there the next time."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="accrual-registry-"))
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # waited for below; before, they would leave it running
    registry = ApicurioRegistry(folder)
    try:
        registry.start()
    except RegistryMissing as error:
        print(f"accrual: {error}", file=sys.stderr)
        return 1
    print(f"Apicurio Registry answers on {registry.url}, its data is in {folder}. Ctrl-C stops it.\n", flush=True)
    print(f"  export ACCRUAL_REGISTRY={registry.url}")
    print("  accrual schemas register", flush=True)
    signal.sigwait(signals)
    registry.stop()
    return 0


sys.exit(main())
