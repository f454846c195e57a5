"""Rules about what a section does with DICOM associations, each from a section to problems."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from appliance.config import dicomoptions as dicom
from appliance.config import relayoptions as relay
from appliance.config.model import Dicom, Problem, RouteRule, SectionConfig, TitleRule, Where
from appliance.config.settings import Settings
from appliance.config.trustrules import ADD_CHAIN, verifies
from appliance.config.vocabulary import Option
from appliance.config.wording import Place

_RULES: Final[tuple[Option[Any], ...]] = (
    *(dicom.ALLOW_CALLING, dicom.ALLOW_CALLED, dicom.ALLOW_CLASS, dicom.DENY_CLASS),
    dicom.CERTIFICATE_AET,
)
_NEED_REQUEST: Final = (*_RULES, dicom.ROUTE, dicom.REWRITE_CALLING, dicom.REWRITE_CALLED)


def readsRequests(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """Rules and routes need the association request, which is read with C{dicom = yes} only."""
    if section.dicom.mode is Dicom.YES or settings.misread(dicom.DICOM):
        return
    for option in _NEED_REQUEST:
        if settings.all(option):
            yield settings.place(option).error(
                f"association requests are not read with dicom = {section.dicom.mode.value}",
                "dicom = yes as well",
                'add a line "dicom = yes" to the section, or remove this one',
            )


def programs(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """A program is no DICOM application."""
    if section.dicom.mode is Dicom.YES and settings.wrote(relay.EXEC):
        yield settings.place(dicom.DICOM).error(
            "a program in exec cannot be asked for an association",
            "connect or route instead of exec",
            "remove the line, or pass connections on to a PACS",
        )


def certificates(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """A certificate tells who calls when it is the client's, and verified."""
    if not settings.all(dicom.CERTIFICATE_AET):
        return
    place = settings.place(dicom.CERTIFICATE_AET)
    if section.client:
        yield place.error(
            "stands in a section with client = yes, whose clients show no certificates",
            "a section with client = no",
            "remove the line, or write allowCallingAET",
        )
    elif not verifies(section.tls):
        yield place.error(
            "the name in a certificate means nothing unless that is verified",
            "verifyChain or verifyPeer as well",
            ADD_CHAIN,
        )


def repetitions(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """One AE title goes to one place, and becomes one other."""
    rewritings: tuple[Option[TitleRule], ...] = (dicom.REWRITE_CALLING, dicom.REWRITE_CALLED)
    routes = [(rule.called, where) for rule, where in settings.located(dicom.ROUTE)]
    yield from _repeated(dicom.ROUTE, routes, section)
    for option in rewritings:
        titles = [(rule.old, where) for rule, where in settings.located(option)]
        yield from _repeated(option, titles, section)


def _repeated(
    option: Option[RouteRule] | Option[TitleRule],
    titles: list[tuple[str, Where]],
    section: SectionConfig,
) -> Iterator[Problem]:
    first: dict[str, Where] = {}
    for title, where in titles:
        earlier = first.setdefault(title, where)
        if earlier is not where:
            yield Place(where, section.name, option.name).error(
                f"there is a line for {title or 'any AE title'} at {earlier}",
                "one line for each",
                "remove one of the two",
            )


def reported(section: SectionConfig, settings: Settings) -> Iterator[Problem]:
    """Rules that are only reported keep nobody out, which is easily forgotten."""
    if section.dicom.enforced:
        return
    if any(settings.wrote(option) for option in _RULES):
        yield settings.place(dicom.POLICY).warning(
            "the rules are only told of in the log and keep nobody out",
            "policy = enforce, once they are as they should be",
            "remove the line then",
        )
    else:
        yield settings.place(dicom.POLICY).warning(
            "means nothing without a rule", f"{dicom.ALLOW_CALLING.name} or another one"
        )


DICOM_RULES: Final = (readsRequests, programs, certificates, repetitions, reported)
