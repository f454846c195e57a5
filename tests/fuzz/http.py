"""Feeds the web server of the status what no browser would ask, led by the code that it reaches.

C{python -m tests.fuzz.http --runs 1000000} starts from C{tests/corpus/http}; what else it takes is
told in L{tests.fuzz.driver}.
"""

from __future__ import annotations

from tests.fuzz.driver import CORPORA, Fuzzer

CORPUS = CORPORA / "http"

if __name__ == "__main__":
    Fuzzer(
        "tests.fuzz.http",
        "tests.fuzz.httptarget",
        "appliance.status twisted.web.http",
        CORPUS,
        4096,
    ).main(__doc__)
