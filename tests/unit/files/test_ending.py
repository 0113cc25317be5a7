"""What a signal that ends the process leaves."""

import subprocess
import sys

SCRIPT = """
import signal
from vsearch.files.ending import ended_cleanly

signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
try:
    with ended_cleanly():
        signal.raise_signal(signal.SIGHUP)
        with ended_cleanly():
            pass
        print("goes on")
        signal.raise_signal(signal.SIGTERM)
        print("never")
finally:
    print("put away")
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
"""


def test_sigterm_lets_all_be_put_away_and_what_is_ignored_stays_so() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, check=False)
    assert (done.returncode, done.stdout) == (143, b"goes on\nput away\n")
