"""Feeds the DICOM inspector and codec what nobody would send, led by the code that it reaches.

C{python -m tests.fuzz.dicom --runs 1000000} starts from C{tests/corpus/dicom} and needs atheris
(C{pip install atheris}), which is no dependency of the tests. New inputs that reach more code are
forgotten unless C{--keep} names a directory for them. An input for which something does not hold
is written to the current directory, and C{--replay FILE} tries it again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

CORPUS = Path(__file__).parent.parent / "corpus" / "dicom"
LONGEST_INPUT = 4096


def fuzz(runs: int, keep: str | None) -> None:
    """Try so many inputs; ends the process."""
    try:
        import atheris
    except ImportError:
        raise SystemExit("atheris is missing: pip install atheris (it needs CPython)") from None
    with atheris.instrument_imports(include=["appliance.dicom"]):
        from tests.fuzz.target import check
    options = [
        f"-runs={runs}",
        f"-max_len={LONGEST_INPUT}",
        "-timeout=10",
        "-print_final_stats=1",
        f"-seed_inputs={','.join(map(str, sorted(CORPUS.iterdir())))}",
    ]
    atheris.Setup([sys.argv[0], *options, *([keep] if keep else [])], check)
    atheris.Fuzz()


def main() -> None:
    """Fuzz, or try one input again."""
    parser = argparse.ArgumentParser(prog="tests.fuzz.dicom", description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000, help="inputs to try")
    parser.add_argument("--keep", metavar="DIR", help="where new inputs are kept")
    parser.add_argument("--replay", metavar="FILE", type=Path, help="try this input and no other")
    arguments = parser.parse_args()
    if arguments.replay is None:
        fuzz(arguments.runs, arguments.keep)
        return
    from tests.fuzz.target import check

    check(arguments.replay.read_bytes())


if __name__ == "__main__":
    main()
