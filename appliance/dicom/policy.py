"""Who may ask for which association: one request against the rules of a section.

Pure: it finds what is against the rules and puts it into words. It answers nobody and changes no
byte.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final

from attrs import frozen

from appliance.dicom.pdu import AssociateRJ, AssociateRQ
from appliance.dicom.reasons import CALLED_TITLE, CALLING_TITLE, NO_REASON, PERMANENT
from appliance.dicom.uids import VERIFICATION, inFamily, name

SHOWN: Final = 8
"""How many of a client's SOP classes or names are repeated in words."""


@frozen
class Rules:
    """What a section allows; empty tuples are no restriction.

    Titles may be patterns with C{*}, classes are UIDs or names of families. C{certificates} are
    names in certificates, each with the titles that it may use.
    """

    allowCalling: tuple[str, ...] = ()
    allowCalled: tuple[str, ...] = ()
    allowClasses: tuple[str, ...] = ()
    denyClasses: tuple[str, ...] = ()
    certificates: tuple[tuple[str, tuple[str, ...]], ...] = ()


@frozen
class Breach:
    """Something that is against the rules: what the client hears, and two phrases for the log."""

    rejection: AssociateRJ
    why: str
    advice: str


def breaches(request: AssociateRQ, names: Collection[str], rules: Rules) -> Iterator[Breach]:
    """All that is against C{rules} in C{request}, the most telling first.

    C{names} are those in the client's certificate, which has been verified.
    """
    calling, called = request.calling, request.called
    if rules.certificates:
        yield from _certificate(calling, names, rules)
    if rules.allowCalling and not fits(calling, rules.allowCalling):
        yield Breach(
            AssociateRJ(PERMANENT, *CALLING_TITLE),
            f"{calling} is not among the AE titles that may call",
            "add it to allowCallingAET, or correct what the client calls itself",
        )
    if rules.allowCalled and not fits(called, rules.allowCalled):
        yield Breach(
            AssociateRJ(PERMANENT, *CALLED_TITLE),
            f"{called} is not among the AE titles that may be called",
            "add it to allowCalledAET, or correct what the client calls the PACS",
        )
    yield from _classes(request, rules)


def unrouted(called: str) -> Breach:
    """For C{called} there is no route, and nowhere else to go."""
    return Breach(
        AssociateRJ(PERMANENT, *CALLED_TITLE),
        f"there is no route for {called}, and no connect",
        "add a route for it, or correct what the client calls the PACS",
    )


def fits(title: str, patterns: Sequence[str]) -> bool:
    """True when C{title} is one of C{patterns}, in which C{*} stands for any characters."""
    return any(title == each or ("*" in each and _matches(title, each)) for each in patterns)


def _matches(title: str, pattern: str) -> bool:
    return fnmatchcase(title, pattern.replace("[", "[[]").replace("?", "[?]"))


def permitted(uid: str, rules: Rules) -> bool:
    """True when an association may propose the SOP class C{uid}.

    What may do nothing else may still be tested: only by its own name is Verification denied.
    """
    allowed = not rules.allowClasses or uid == VERIFICATION or _among(uid, rules.allowClasses)
    return allowed and not _among(uid, rules.denyClasses)


def _among(uid: str, classes: Sequence[str]) -> bool:
    return any(uid == each or inFamily(uid, each) for each in classes)


def _classes(request: AssociateRQ, rules: Rules) -> Iterator[Breach]:
    proposed = dict.fromkeys(context.abstractSyntax for context in request.contexts)
    found = [name(uid) for uid in proposed if not permitted(uid, rules)]
    if found:
        yield Breach(
            AssociateRJ(PERMANENT, *NO_REASON),
            f"it may not propose {_listed(found)}",
            "change allowSOPClass or denySOPClass, or let the client propose less",
        )


def _certificate(calling: str, names: Collection[str], rules: Rules) -> Iterator[Breach]:
    folded = set(map(_folded, names))
    own = [(named, titles) for named, titles in rules.certificates if _folded(named) in folded]
    if any(fits(calling, titles) for _, titles in own):
        return
    if own:
        shown = _listed(list(dict.fromkeys(named for named, _ in own)))
        why = f"the certificate of {shown} is not for {calling}"
        advice = "add the title to certificateAET, or correct what the client calls itself"
    elif names:
        why = f"its certificate, of {_listed(list(names))}, is not among those that may call"
        advice = "add one of its names to certificateAET, with the titles that it may use"
    else:
        why = "it has no certificate with a name"
        advice = "give the client one, and add its name to certificateAET"
    yield Breach(AssociateRJ(PERMANENT, *CALLING_TITLE), why, advice)


def _folded(text: str) -> bytes:
    # Letters of ASCII only: others that look like them must not become them.
    return text.encode("utf-8", "replace").lower()


def _listed(words: Sequence[str]) -> str:
    more = len(words) - SHOWN
    if more > 0:
        return f"{', '.join(words[:SHOWN])} and {more} more"
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
