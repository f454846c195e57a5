"""By which AE title a section's checks call its backends, and how we came by it."""

from __future__ import annotations

from typing import Final

from appliance.config.model import SectionConfig
from appliance.health.judge import Known
from appliance.health.learnt import Learnt

ANY_CALLED: Final = "ANY-SCP"
"""Whom we call where nobody knows how the PACS is called."""


class Called:
    """The titles of the backends of one section; C{learnt} knows those that nobody has set."""

    def __init__(self, config: SectionConfig, learnt: Learnt) -> None:
        self._section = config.name
        self._set = config.calledAET
        self._renamed = {rule.old: rule.new for rule in config.dicom.rewriteCalled}
        self._learnt = learnt

    def title(self, target: str, routed: str | None) -> tuple[str, Known]:
        """How to call C{target}, to which associations for the title C{routed} go, if for one."""
        named = self._set if routed is None else self._there(routed)
        if named is None:
            named = self._renamed.get("")
        if named is not None:
            return named, Known.SET
        learnt = self._learnt.title(self._section, target)
        return (ANY_CALLED, Known.GUESSED) if learnt is None else (learnt, Known.LEARNT)

    def learn(self, target: str, called: str) -> None:
        """C{target} has accepted an association for which the client called it C{called}."""
        self._learnt.learn(self._section, target, self._there(called))

    def unlearn(self, target: str) -> None:
        """C{target} does not go by its title any more."""
        self._learnt.forget(self._section, target)

    def _there(self, title: str) -> str:
        """What the client's C{title} becomes towards the backend (C{rewriteCalledAET})."""
        return self._renamed.get(title, self._renamed.get("", title))
