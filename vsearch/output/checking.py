"""What checking, forgetting and compacting came to."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from vsearch.output.terminal import count_of, printable, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsearch.records import Finding

_SHOWN = 10  # faults of one part; --json has them all


def print_finding(finding: Finding, *, as_json: bool) -> None:
    """Print one part on stdout: a line, and a line for each fault; or one JSON object."""
    if as_json:
        print(json.dumps(asdict(finding)), flush=True)
        return
    print(f"{printable(finding.part):<10}{printable(finding.told)}")
    for fault in finding.faults[:_SHOWN]:
        print(f"  fault   {printable(fault.what)}")
    if len(finding.faults) > _SHOWN:
        print(f"          and {len(finding.faults) - _SHOWN:,} more; --json lists them")
    for repair in dict.fromkeys(fault.repair for fault in finding.faults):
        print(f"  mend    {printable(repair)}")
    sys.stdout.flush()


def print_outcome(faults: int, *, repaired: bool) -> None:
    """Say on stderr what it comes to."""
    if not faults:
        say("all is well")
    elif repaired:
        say(f"vsearch: {count_of(faults, 'fault')} left that could not be mended; see above")
    else:
        say(f"vsearch: {count_of(faults, 'fault')} found; see above for what mends them")


def print_paths(paths: Sequence[str], *, nul: bool) -> None:
    """Print paths on stdout, a line each or ended by NUL; a terminal gets them written out."""
    terminal = sys.stdout.isatty()
    for path in paths:
        shown = printable(path) if terminal else path
        sys.stdout.buffer.write(os.fsencode(shown) + (b"\0" if nul else b"\n"))
    sys.stdout.buffer.flush()


def print_forgotten(files: int, returning: Sequence[str]) -> None:
    """Say on stderr what was forgotten, and what will be found again."""
    say(f"forgot {count_of(files, 'file')}; `vsearch compact` frees their vectors")
    for root in returning:
        say(
            f"those that are still below {root} are found again by the next `vsearch index`, "
            "unless .vsearchignore names them"
        )
