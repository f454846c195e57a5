"""Feeds the control socket what no client of ours would ask, led by the code that it reaches.

C{python -m tests.fuzz.control --runs 1000000} starts from C{tests/corpus/control}; what else it
takes is told in L{tests.fuzz.driver}.
"""

from __future__ import annotations

from tests.fuzz.driver import CORPORA, Fuzzer

CORPUS = CORPORA / "control"

if __name__ == "__main__":
    Fuzzer(
        "tests.fuzz.control", "tests.fuzz.controltarget", "appliance.console", CORPUS, 2048
    ).main(__doc__)
