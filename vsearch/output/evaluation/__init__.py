"""An evaluation for a person (table), for programs (lines, JSON), for CI (JUnit, Markdown)."""
