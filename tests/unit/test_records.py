"""`records`: travelling values do not change."""

from dataclasses import FrozenInstanceError

import pytest

from vsearch.records import ImageFacts


def test_a_record_cannot_be_changed() -> None:
    facts = ImageFacts(1, 2, "PNG")
    with pytest.raises(FrozenInstanceError):
        facts.width = 3  # type: ignore[misc]  # what is tested
