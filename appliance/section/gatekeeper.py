"""Which associations a section lets through, where they go, and by which titles.

Like the route that it belongs to, a gatekeeper is made whole from one configuration and never
changes. It reads requests; it dials nothing, and no byte passes through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from appliance.backend.pool import Pool
from appliance.config.model import Address, DicomConfig, SectionConfig, TitleRule
from appliance.dicom.pdu import AssociateRQ
from appliance.dicom.policy import Breach, Rules, breaches, unrouted
from appliance.events import AssociationRefused
from appliance.relay.join import Join
from appliance.relay.terms import Dialable, Passage, RejectedError


class Gatekeeper:
    """The gate (L{appliance.relay.terms.Gate}) of a section with C{dicom = yes}.

    C{makePool} gives the pool for the addresses of a route; C{pools} has them by called title.
    """

    def __init__(
        self, config: SectionConfig, makePool: Callable[[Iterable[Address]], Pool]
    ) -> None:
        dicom = config.dicom
        self.pools: Mapping[str, Pool] = {
            route.called: makePool(route.addresses) for route in dicom.routes
        }
        self._connects = bool(config.connect)
        self._rules = rules(dicom)
        self._enforced = dicom.enforced
        self._calling = _byOld(dicom.rewriteCalling)
        self._called = _byOld(dicom.rewriteCalled)

    def __call__(self, join: Join, pool: Dialable, request: AssociateRQ) -> Passage:
        """Where the association goes that the client of C{join} asks for."""
        names = () if join.peer is None else join.peer.names
        for breach in breaches(request, names, self._rules):
            self._object(join, request, breach, self._enforced)
        calling, called = request.calling, request.called
        if called not in self.pools and not self._connects:
            self._object(join, request, unrouted(called), enforced=True)
        return Passage(
            self.pools.get(called, pool),
            _other(calling, self._calling),
            _other(called, self._called),
        )

    def _object(self, join: Join, request: AssociateRQ, breach: Breach, enforced: bool) -> None:
        titles = (request.calling, request.called)
        join.publish(AssociationRefused, None, *titles, breach.why, breach.advice, enforced)
        if enforced:
            raise RejectedError(breach.rejection, breach.why)


def rules(config: DicomConfig) -> Rules:
    """The rules in C{config}."""
    return Rules(
        config.allowCalling,
        config.allowCalled,
        config.allowClasses,
        config.denyClasses,
        tuple((rule.name, rule.titles) for rule in config.certificates),
    )


def _byOld(rewritings: Iterable[TitleRule]) -> dict[str, str]:
    return {rule.old: rule.new for rule in rewritings}


def _other(title: str, rewritings: Mapping[str, str]) -> str | None:
    """What C{title} becomes; C{None} where it stays."""
    return rewritings.get(title, rewritings.get(""))
