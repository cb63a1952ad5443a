"""Actions for Python code that runs inside a sandbox: read, write and search files.

Every function answers with a plain dict that ``json.dumps`` takes: ``{"ok": True, ...}`` or
``{"ok": False, "error": {"code", "message", "hint", "context"}}``. No expected failure is an
exception.

The package is a convenience, not a boundary: it reaches whatever the sandbox lets its process
reach. Importing it has no side effect; it holds no state, needs only the standard library and
writes nothing to its own directory.
"""

from .read_file import ReadFileSuccess, read_file
from .result import ERROR_CODES, ErrorInfo, Failure
from .search_files import SearchFilesSuccess, SearchMatch, search_files
from .write_file import WriteFileSuccess, write_file

__version__ = "0.1.0"

__all__ = [
    "ERROR_CODES",
    "ErrorInfo",
    "Failure",
    "ReadFileSuccess",
    "SearchFilesSuccess",
    "SearchMatch",
    "WriteFileSuccess",
    "read_file",
    "search_files",
    "write_file",
]
