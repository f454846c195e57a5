"""Feeds the reader of PROXY headers what no load balancer sends, led by the code that it reaches.

C{python -m tests.fuzz.proxy --runs 1000000} starts from C{tests/corpus/proxy}; what else it takes
is told in L{tests.fuzz.driver}.
"""

from __future__ import annotations

from tests.fuzz.driver import CORPORA, Fuzzer

CORPUS = CORPORA / "proxy"

if __name__ == "__main__":
    Fuzzer(
        "tests.fuzz.proxy", "tests.fuzz.proxytarget", "appliance.relay.proxyline", CORPUS, 4200
    ).main(__doc__)
