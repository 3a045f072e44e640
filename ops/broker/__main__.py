"""`python -m ops.broker [FOLDER]`: an Apache Kafka to play with, until Ctrl-C."""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path

from ops.broker.apache import ApacheKafka
from ops.broker.errors import BrokerMissing


def main() -> int:
    """Start it, say where it is, wait; with FOLDER what it holds is there the next time."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="accrual-kafka-"))
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # waited for below; before, they would leave it running
    broker = ApacheKafka(folder)
    try:
        broker.start()
    except BrokerMissing as error:
        print(f"accrual: {error}", file=sys.stderr)
        return 1
    print(f"Apache Kafka listens on {broker.address}, its data is in {folder}. Ctrl-C stops it.\n", flush=True)
    print(f"  accrual topics create --broker {broker.address}")
    print(f"  accrual run --source kafka://{broker.address} --sink kafka://{broker.address} --follow", flush=True)
    signal.sigwait(signals)
    broker.stop()
    return 0


sys.exit(main())
