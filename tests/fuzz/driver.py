"""What the fuzzers have in common: the command line, atheris, and where seeds come from.

atheris (C{pip install atheris}) is no dependency of the tests. New inputs that reach more code are
forgotten unless C{--keep} names a directory for them. An input for which something does not hold
is written to the current directory, and C{--replay FILE} tries it again.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

from attrs import frozen

CORPORA = Path(__file__).parent.parent / "corpus"


@frozen
class Fuzzer:
    """Tries inputs on C{check} of the module C{target}, led by what they reach in C{reached}.

    C{reached} are packages, with blanks between them. C{corpus} has the seeds; inputs are of
    C{longest} bytes at the most.
    """

    program: str
    target: str
    reached: str
    corpus: Path
    longest: int

    def fuzz(self, runs: int, keep: str | None) -> None:
        """Try so many inputs; ends the process."""
        try:
            import atheris
        except ImportError:
            raise SystemExit("atheris is missing: pip install atheris (it needs CPython)") from None
        with atheris.instrument_imports(include=self.reached.split()):
            check = import_module(self.target).check
        options = [
            f"-runs={runs}",
            f"-max_len={self.longest}",
            "-timeout=10",
            "-print_final_stats=1",
            f"-seed_inputs={','.join(map(str, sorted(self.corpus.iterdir())))}",
        ]
        atheris.Setup([sys.argv[0], *options, *([keep] if keep else [])], check)
        atheris.Fuzz()

    def main(self, about: str | None) -> None:
        """Fuzz, or try one input again."""
        parser = argparse.ArgumentParser(prog=self.program, description=about)
        parser.add_argument("--runs", type=int, default=100_000, help="inputs to try")
        parser.add_argument("--keep", metavar="DIR", help="where new inputs are kept")
        parser.add_argument("--replay", metavar="FILE", type=Path, help="try this input alone")
        arguments = parser.parse_args()
        if arguments.replay is None:
            self.fuzz(arguments.runs, arguments.keep)
        else:
            import_module(self.target).check(arguments.replay.read_bytes())
