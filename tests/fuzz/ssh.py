"""Feeds the administrator's shell what nobody would type, led by the code that it reaches.

C{python -m tests.fuzz.ssh --runs 1000000} starts from C{tests/corpus/ssh}; what else it takes is
told in L{tests.fuzz.driver}.
"""

from __future__ import annotations

from tests.fuzz.driver import CORPORA, Fuzzer

CORPUS = CORPORA / "ssh"

if __name__ == "__main__":
    Fuzzer("tests.fuzz.ssh", "tests.fuzz.sshtarget", "appliance.console", CORPUS, 1024).main(
        __doc__
    )
