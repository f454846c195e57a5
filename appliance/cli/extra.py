"""The optional C{[demo]} extra: what to say where a module of it is missing, and its settings.

Nothing of the extra is imported before a command that needs it runs.
"""

from __future__ import annotations

import argparse
import functools
import sys
import warnings
from collections.abc import Callable

MODULES = frozenset({"pynetdicom", "pydicom", "numpy", "PIL"})
INSTALL = (
    "the Debian packages come without it. Run this from a clone after `make demo`, or install with "
    "`pip install 'butterfly-tls[demo]'` into a virtual environment"
)

Run = Callable[[argparse.Namespace], int]


def needsDemoExtra(run: Run) -> Run:
    """Make a command's C{run} name the extra, and return 1, where a module of it is missing."""

    @functools.wraps(run)
    def guarded(arguments: argparse.Namespace) -> int:
        try:
            keepSecrets()
            return run(arguments)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] not in MODULES:
                raise
            print(f"{error.name} is not installed: {INSTALL}", file=sys.stderr)
            return 1

    return guarded


def keepSecrets() -> None:
    """Keep the libraries from writing what an object says into logs and warnings.

    Their settings are the process's own, so this is for a command, not for a library.
    """
    import pydicom.config
    from pynetdicom import _config

    # Validation while reading quotes the offending value; a damaged header only makes noise.
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    warnings.filterwarnings("ignore", module="pydicom")
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False
