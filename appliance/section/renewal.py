"""Looks after the files of the sections, and takes up what has changed on the disk by itself.

Every few seconds the system is asked how the files are; they are read only where that says
something new. A file that is found otherwise is left to settle: it is read once two looks in a row
have found the same, so that neither half a file nor a certificate whose key is still to come is
taken for a mistake. What cannot be used changes nothing, is told once, and is tried again at each
look: a C{chmod} may be all that it needs. Looking and reading are done beside the reactor, and
never twice at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from attrs import define, evolve
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from appliance.config.model import Problem
from appliance.events import Events, FilesChanged, FilesRefused, Warned
from appliance.section.section import Section
from appliance.section.settings import Settings, settingsFor
from appliance.system.aside import aside
from appliance.tls.answers import utc
from appliance.tls.footprint import Footprint
from appliance.tls.passphrase import Passphrases

log = Logger()

GRACE = 1.0
"""Seconds that the end of the process waits for a look; a disk that is gone may never answer."""


@define(eq=False)
class _Watched:
    """A section's files: what is served, how they were last seen, and what is wrong with them."""

    section: Section
    settings: Settings
    seen: Footprint
    refused: tuple[str, ...] = ()

    @property
    def current(self) -> bool:
        """True as long as these settings are in force."""
        return self.section.settings is self.settings


class Renewal(Service):
    """Has C{refresh} put new settings into force, for those of C{sections} whose files changed.

    C{passphrases} open encrypted keys. One that is not C{alone} looks only when it is told to (and
    again where something is amiss), since another process does the rest, and the telling.
    """

    interval = 10.0
    """Seconds from the end of a look to the next."""

    settling = 2.0
    """The same where something was found on the move."""

    jailed = False
    """True in another root: whatever is not there was not there to be read again."""

    def __init__(
        self,
        reactor: Any,
        events: Events,
        sections: Callable[[], Iterable[Section]],
        passphrases: Passphrases,
        refresh: Callable[[Iterable[Settings]], None],
        alone: bool = True,
    ) -> None:
        self.aside: Callable[[Callable[[], Any]], Deferred[Any]] = partial(aside, reactor)
        """Does what may block."""
        self._clock = reactor
        self._events = events
        self._sections = sections
        self._passphrases = passphrases
        self._refresh = refresh
        self._alone = alone
        self._watched: dict[str, _Watched] = {}
        self._looking = False
        self._asked = False
        self._idle: Deferred[None] | None = None
        self._next: IDelayedCall | None = None

    # --- when ------------------------------------------------------------------------------

    def startService(self) -> None:
        """Look from time to time."""
        super().startService()
        if self._alone:
            self._later(self.interval)

    def stopService(self) -> Deferred[None]:
        """Look no more; fires when a look that is under way has ended, or soon."""
        super().stopService()
        self._cancel()
        if not self._looking:
            return succeed(None)
        self._idle = Deferred()
        return self._idle.addTimeout(GRACE, self._clock).addErrback(lambda _: None)

    def look(self) -> None:
        """Look now, and trust that whatever has changed has settled."""
        if self._looking:
            self._asked = True
        elif self.running:
            self._begin(settled=True)

    def _later(self, seconds: float) -> None:
        self._next = self._clock.callLater(seconds, self._begin)

    def _cancel(self) -> None:
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = None

    def _begin(self, settled: bool = False) -> None:
        self._cancel()
        self._looking = True
        look = Deferred.fromCoroutine(self._look(settled))
        look.addErrback(lambda failure: log.failure("looking after the files failed", failure))
        look.addCallback(self._ended)

    def _ended(self, moving: bool | None) -> None:
        self._looking = False
        if self._idle is not None:
            if not self._idle.called:
                self._idle.callback(None)
            self._idle = None
        if not self.running:
            return
        if self._asked:
            self._asked = False
            self._begin(settled=True)
        elif moving:
            self._later(self.settling)
        elif self._alone or any(each.refused for each in self._watched.values()):
            self._later(self.interval)

    # --- what ------------------------------------------------------------------------------

    async def _look(self, settled: bool) -> bool:
        """Look once, and take up what is good; true where something is on the move."""
        watched = self._watched = {str(each.name): self._watch(each) for each in self._sections()}
        prints = {name: each.settings.footprint for name, each in watched.items()}
        missed = not self.jailed
        found: dict[str, Footprint] = await self.aside(
            lambda: {name: each.again(missed=missed) for name, each in prints.items()}
        )
        if not self.running:
            return False
        moving, due = False, []
        for name, each in watched.items():
            steady, each.seen = found[name] == each.seen, found[name]
            if found[name] == each.settings.footprint and not each.refused:
                continue
            moving |= not steady
            if steady or settled:
                due.append((each, steady))
        if not due:
            return moving
        read = partial(_read, [each.settings for each, _ in due], self._passphrases)
        outcomes, good = await self.aside(read), []
        # A reload may have come in between, or the end.
        serving = tuple(self._sections()) if self.running else ()
        for (each, steady), (fresh, problems) in zip(due, outcomes, strict=True):
            if each.section not in serving or not each.current:
                continue
            if fresh is not None:
                good.append((each, fresh, problems))
            elif steady:
                self._refuse(each, problems)
        self._take(good)
        return moving

    def _watch(self, section: Section) -> _Watched:
        known = self._watched.get(str(section.name))
        if known is not None and known.section is section and known.current:
            return known
        return _Watched(section, section.settings, section.settings.footprint)

    def _refuse(self, watched: _Watched, problems: Iterable[Problem]) -> None:
        """Let all be as it is, and say why, once."""
        found = tuple(str(problem) for problem in problems if problem.fatal)
        if found != watched.refused:
            watched.refused = found
            self._events.publish(FilesRefused(str(watched.section.name), found))

    def _take(self, good: list[tuple[_Watched, Settings, Iterable[Problem]]]) -> None:
        other = [fresh for each, fresh, _ in good if fresh.material != each.settings.material]
        if other:
            self._refresh(other)
        for each, fresh, problems in good:
            if each.current:
                # The same once more: new connections need nothing new, nor do known sessions go.
                each.section.settings = evolve(each.settings, footprint=fresh.footprint)
                if not each.refused:
                    continue
            if self._alone:
                for problem in problems:
                    self._events.publish(Warned(str(problem)))
            if self._alone or each.refused:
                self._events.publish(_changed(fresh, each.settings))
            if self._alone:
                each.section.tellReady()


def _read(
    served: Iterable[Settings], passphrases: Passphrases
) -> list[tuple[Settings | None, tuple[Problem, ...]]]:
    return [settingsFor(each.config, utc(), passphrases) for each in served]


def _changed(fresh: Settings, before: Settings) -> FilesChanged:
    certificate = fresh.certificate
    return FilesChanged(
        fresh.config.name,
        fresh.footprint.changed(before.footprint),
        "" if certificate is None else certificate.subject,
        "" if certificate is None else f"{certificate.serial:X}",
    )
