"""Glob patterns, matched one path component at a time, so that directories that cannot match are
never opened."""

from __future__ import annotations

import fnmatch
import re
from typing import FrozenSet, List, Optional, Pattern

from .arguments import check_string, invalid

MAX_PATTERN_CHARACTERS = 1024

#: Positions in a pattern that the components so far have reached.
Positions = FrozenSet[int]


class GlobPattern:
    """A compiled pattern.

    ``*``, ``?``, ``[a-z]`` and ``[!a-z]`` match within one component; a component ``**`` matches
    any number of them, also none; ``**`` at the end means every file below. ``[*]`` is a literal
    star. Braces and backslashes have no meaning. Case counts on every system.

    Names that begin with a dot match only a component that begins with a dot, unless hidden ones
    are included.
    """

    def __init__(self, what: str, pattern: object, include_hidden: bool) -> None:
        text = check_string(what, pattern, MAX_PATTERN_CHARACTERS)
        parts = [part for part in text.split("/") if part != "."]
        if text.startswith("/") or ".." in parts:
            raise invalid(
                what,
                text,
                "a pattern below root",
                "Pass the directory as root and the rest as pattern.",
            )
        if "" in parts or not parts or "\0" in text:
            raise invalid(
                what,
                text,
                "a pattern for files such as '**/*.py'",
                "End the pattern in a file name or '**'.",
            )
        if parts[-1] == "**":
            parts.append("*")
        self.is_recursive = "**" in parts
        self._include_hidden = include_hidden
        self._is_dotted: List[bool] = []
        self._tests: List[Optional[Pattern[str]]] = []
        for part in parts:
            if part == "**" and self._tests and self._tests[-1] is None:
                continue
            self._is_dotted.append(part.startswith("."))
            try:
                self._tests.append(None if part == "**" else re.compile(fnmatch.translate(part)))
            except re.error:
                raise invalid(what, text, "valid character ranges in '[...]'") from None

    def start(self) -> Positions:
        """The positions at the root."""
        return self._skip_stars({0})

    def step(self, positions: Positions, name: str) -> Positions:
        """The positions after the component ``name``; empty when no path through it can match."""
        reached = set()
        is_shown = self._include_hidden or not name.startswith(".")
        for position in positions:
            if position == len(self._tests):
                continue
            test = self._tests[position]
            if test is None:
                if is_shown:
                    reached.add(position)
            elif (is_shown or self._is_dotted[position]) and test.match(name):
                reached.add(position + 1)
        return self._skip_stars(reached)

    def is_match(self, positions: Positions) -> bool:
        """True when the components so far are a whole match."""
        return len(self._tests) in positions

    def can_continue(self, positions: Positions) -> bool:
        """True when a longer path can match."""
        return any(position < len(self._tests) for position in positions)

    def _skip_stars(self, positions: set[int]) -> Positions:
        # Neighbouring "**" are merged and the last component is none, so one step is enough.
        skipped = {at + 1 for at in positions if at < len(self._tests) and self._tests[at] is None}
        return frozenset(positions | skipped)
