"""Gates as JUnit XML, which CI systems show: a test case for each, failed where it is not met."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from vsearch.files.whole import require_place, whole
from vsearch.output.terminal import printable

if TYPE_CHECKING:
    from pathlib import Path

    from vsearch.evaluation.results import Evaluation

_NAME = "vsearch evaluate"
_NOUN, _KIND = "report", "vsearch's, as JUnit XML"


def require_junit(target: Path) -> None:
    """Look whether it can be written to `target`, see `write_junit`."""
    require_place(target, _is_ours, noun=_NOUN, kind=_KIND)


def write_junit(evaluation: Evaluation, target: Path) -> None:
    """Write the gates to `target`, whole or not at all, in the place of an earlier one or nothing.

    The form is the one that Jenkins, GitHub and GitLab read: testsuites, testsuite, testcase with a
    failure. Raises UsageError when something else is there, OSError that names `target`.
    """
    gates = evaluation.gates
    failed = sum(not gate.passed for gate in gates)
    counts = {"tests": str(len(gates)), "failures": str(failed)}
    suites = ET.Element("testsuites", {"name": _NAME, **counts})
    suite = ET.SubElement(
        suites,
        "testsuite",
        {"name": printable(evaluation.truth), "timestamp": evaluation.created, **counts},
    )
    for gate in gates:
        case = ET.SubElement(
            suite, "testcase", {"classname": _NAME, "name": printable(gate.requirement)}
        )
        if not gate.passed:
            ET.SubElement(case, "failure", {"message": printable(gate.line)})
        else:
            ET.SubElement(case, "system-out").text = printable(gate.line)
    ET.indent(suites)
    data = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    with whole(target, _is_ours, folder=False, replace=True, noun=_NOUN, kind=_KIND) as place:
        place.write_bytes(data + b"\n")


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return f'<testsuites name="{_NAME}"'.encode() in file.read(200)
    except OSError:
        return False
