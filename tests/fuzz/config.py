"""Feeds the reader of configurations what nobody would write, led by the code that it reaches.

C{python -m tests.fuzz.config --runs 1000000} starts from C{tests/corpus/config}; what else it
takes is told in L{tests.fuzz.driver}.
"""

from __future__ import annotations

from tests.fuzz.driver import CORPORA, Fuzzer

CORPUS = CORPORA / "config"

if __name__ == "__main__":
    Fuzzer("tests.fuzz.config", "tests.fuzz.configtarget", "appliance.config", CORPUS, 2048).main(
        __doc__
    )
