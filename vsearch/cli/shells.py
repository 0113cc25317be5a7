"""What each shell is told, beyond what typer tells it: values after "=", and after ":" in bash."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

# typer keeps them there, and gives no other way to these.
from typer._click.shell_completion import ShellComplete, add_completion_class, split_arg_string
from typer._completion_classes import (
    BashComplete,
    FishComplete,
    PowerShellComplete,
    ZshComplete,
)
from typer._completion_shared import Shells

if TYPE_CHECKING:
    from typer._click.shell_completion import CompletionItem


class _AfterEquals(ShellComplete):
    """Offers `--option=value` as a whole: shells look for what begins as the word does."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        found = super().get_completions(args, incomplete)
        option, equals, _ = incomplete.partition("=")
        if equals and option.startswith("-"):
            for item in found:
                item.value = f"{option}={item.value}"
        return found


class _Bash(_AfterEquals, BashComplete):
    """Bash, whose words end at "=" and ":": it wants only what comes behind the last of them."""

    def get_completion_args(self) -> tuple[list[str], str]:
        words = split_arg_string(line := os.environ["COMP_LINE"])
        begun = words.pop() if words and not line[-1:].isspace() else ""
        return words[1:], begun

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        found = super().get_completions(args, incomplete)
        word = split_arg_string(os.environ["COMP_WORDS"].split("\n")[int(os.environ["COMP_CWORD"])])
        kept = "".join(word).strip("=:")
        if incomplete.endswith(kept):
            for item in found:
                item.value = item.value[len(incomplete) - len(kept) :]
        return found


class _Zsh(_AfterEquals, ZshComplete):
    """Zsh, which completes files by itself only where they are all of the word."""

    def complete(self) -> str:
        said = super().complete()
        _, incomplete = self.get_completion_args()
        after_equals = incomplete.startswith("-") and "=" in incomplete
        return f"compset -P '*='; {said}" if said == "_files" and after_equals else said


class _Fish(_AfterEquals, FishComplete):
    pass


class _PowerShell(_AfterEquals, PowerShellComplete):
    pass


def register() -> None:
    """Let these be the ones that answer."""
    add_completion_class(_Bash, Shells.bash.value)
    add_completion_class(_Zsh, Shells.zsh.value)
    add_completion_class(_Fish, Shells.fish.value)
    add_completion_class(_PowerShell, Shells.powershell.value)
    add_completion_class(_PowerShell, Shells.pwsh.value)
