"""Feeds the DICOM inspector and codec what nobody would send, led by the code that it reaches.

C{python -m tests.fuzz.dicom --runs 1000000} starts from C{tests/corpus/dicom}; what else it takes
is told in L{tests.fuzz.driver}.
"""

from __future__ import annotations

from tests.fuzz.driver import CORPORA, Fuzzer

CORPUS = CORPORA / "dicom"

if __name__ == "__main__":
    Fuzzer("tests.fuzz.dicom", "tests.fuzz.target", "appliance.dicom", CORPUS, 4096).main(__doc__)
