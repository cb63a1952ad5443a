"""The command line: ``python3 -m apts <function> [JSON]``."""

from __future__ import annotations

import json
import sys
from typing import Any, BinaryIO, Callable, Dict, List, Tuple

from . import read_file, search_files, write_file
from .arguments import answers, invalid
from .result import Refusal

FUNCTIONS: Dict[str, Callable[..., Any]] = {
    "read_file": read_file,
    "search_files": search_files,
    "write_file": write_file,
}
#: 16 MiB of content, each byte escaped as ``\\u00xx``, and the other arguments.
MAX_INPUT_BYTES = 100 * 1024 * 1024
EXAMPLE = 'Pass for example {"path": "a.txt"}.'

USAGE = """\
usage: python3 -m apts <function> [JSON]

functions: %s
JSON:      an object of arguments; without it, or as "-", it is read from standard input.
           Content belongs on standard input: arguments are visible to other processes and
           limited in length.

Prints one line of JSON. Exit status: 0 ok, 1 the answer is {"ok": false, ...}, 2 wrong usage.
""" % ", ".join(FUNCTIONS)


def main(arguments: List[str], source: BinaryIO, sink: BinaryIO) -> int:
    """Runs one function and writes its answer as one line of ASCII JSON.

    :param arguments: without the program's name.
    :param source: where the JSON object is read from when it is not among the arguments, UTF-8.
    :param sink: where the answer goes.
    :returns: the exit status, as ``USAGE`` says.
    """
    if arguments in (["-h"], ["--help"]):
        sink.write(USAGE.encode())
        return 0
    if not 1 <= len(arguments) <= 2 or arguments[0] not in FUNCTIONS:
        sys.stderr.write(USAGE)
        return 2
    answer = _call(FUNCTIONS[arguments[0]], arguments[1] if len(arguments) == 2 else "-", source)
    sink.write(json.dumps(answer, allow_nan=False).encode("ascii") + b"\n")
    sink.flush()
    return 0 if answer["ok"] else 1


@answers
def _call(function: Callable[..., Any], text: str, source: BinaryIO) -> Any:
    if text == "-":
        data = source.read(MAX_INPUT_BYTES + 1)
        if len(data) > MAX_INPUT_BYTES:
            raise invalid("standard input", len(data), "at most %d bytes" % MAX_INPUT_BYTES)
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise invalid("standard input", len(data), "bytes that are UTF-8") from None
    try:
        given = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, json.JSONDecodeError) else type(error).__name__
        # The text is not repeated: it may hold a secret, and answers are logged.
        message = "JSON arguments: %d characters (expected a JSON object; %s)." % (
            len(text),
            reason,
        )
        raise Refusal("argument.invalid", message, EXAMPLE) from None
    if not isinstance(given, dict):
        raise invalid("JSON arguments", given, "a JSON object", EXAMPLE)
    return function(**given)


def _unique(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    given = dict(pairs)
    if len(given) != len(pairs):
        raise Refusal(
            "argument.invalid",
            "JSON arguments: a key twice (expected each key once).",
            "Remove one of the two.",
        )
    return given


def _refuse_constant(name: str) -> Any:
    raise invalid("JSON arguments", name, "a value that JSON has")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdin.buffer, sys.stdout.buffer))
