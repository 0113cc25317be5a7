"""The `vsearch` command, and `python -m vsearch`."""

import signal

# Importing takes a moment in which there is nothing to lose: Ctrl-C then ends it without a
# traceback. Where it is ignored, as in the background of a shell, that stays so.
_interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
if _interruptible:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from vsearch.cli import main as command  # noqa: E402  # after the above


def main() -> None:
    """Run the command line and exit."""
    if _interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    command.main()


if __name__ == "__main__":
    main()
