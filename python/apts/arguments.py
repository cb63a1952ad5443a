"""Checks of what a caller passes, so that a wrong argument is an answer and not an exception."""

from __future__ import annotations

import functools
from typing import Any, Callable, Sequence, TypeVar, cast

from .result import Refusal, quote

F = TypeVar("F", bound=Callable[..., Any])


def answers(function: F) -> F:
    """Makes a public function answer with a :class:`~apts.result.Failure` where it would raise a
    ``Refusal``.

    Unknown, missing, doubled and surplus arguments are answered with ``argument.invalid`` too: what
    the command line gets from a JSON object, and what an agent writes, is data.
    """
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    required = positional[: len(positional) - len(function.__defaults__ or ())]

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            _check_call(function.__name__, names, positional, required, args, kwargs)
            return function(*args, **kwargs)
        except Refusal as refusal:
            return refusal.failure

    return cast(F, call)


def _check_call(
    what: str,
    names: Sequence[str],
    positional: Sequence[str],
    required: Sequence[str],
    args: Any,
    kwargs: Any,
) -> None:
    hint = "The arguments of %s are: %s." % (what, ", ".join(names))
    if len(args) > len(positional):
        expected = "at most %d; the others by name" % len(positional)
        raise Refusal(
            "argument.invalid",
            "%s positional arguments: %d (expected %s)." % (what, len(args), expected),
            hint,
        )
    for name in kwargs:
        if name not in names:
            raise Refusal(
                "argument.invalid",
                "%s argument: %s (expected a known name)." % (what, quote(name)),
                hint,
            )
        if name in positional[: len(args)]:
            raise Refusal(
                "argument.invalid",
                "%s argument: %s given twice (expected once)." % (what, quote(name)),
                hint,
            )
    for name in required[len(args) :]:
        if name not in kwargs:
            raise Refusal(
                "argument.invalid", "%s %s: missing (expected a value)." % (what, name), hint
            )


def invalid(what: str, value: object, expected: str, hint: str = "") -> Refusal:
    """The refusal of one argument's value."""
    message = "%s: %s (expected %s)." % (what, quote(value), expected)
    return Refusal("argument.invalid", message, hint or "Pass %s." % expected)


def check_integer(what: str, value: object, low: int, high: int) -> int:
    """``value`` when it is an int from ``low`` to ``high``. A bool is not one, although Python's
    ``True`` is."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise invalid(what, value, "an integer from %d to %d" % (low, high))
    return int(value)


def check_boolean(what: str, value: object) -> bool:
    """``value`` when it is a bool: a truthy string such as ``"false"`` must not switch anything
    on."""
    if not isinstance(value, bool):
        raise invalid(what, value, "True or False")
    return value


def check_seconds(what: str, value: object, high: float) -> float:
    """``value`` when it is a number above 0 and at most ``high``; NaN is not."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value <= high:
        raise invalid(what, value, "seconds above 0, at most %g" % high)
    return float(value)


def check_string(what: str, value: object, max_characters: int) -> str:
    """``value`` when it is a str of 1 to ``max_characters`` that has a UTF-8 or file-system
    form."""
    if not isinstance(value, str) or not 0 < len(value) <= max_characters:
        raise invalid(what, value, "a string of 1 to %d characters" % max_characters)
    return value
