"""The desk that every face brings its lines to: they are done, and announced, one like another.

It knows neither sockets nor terminals. What is announced is cut, and is never more than what was
entered; answers are not repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import define

from appliance.console import commands
from appliance.console.answer import FAILED, Answer, CommandError
from appliance.console.arguments import split, withoutJSON
from appliance.console.operator import Operator
from appliance.events import CommandGiven, Events
from appliance.logs.listener import onError

LONGEST: Final = 200
"""Characters of a line that are announced."""


@define(eq=False)
class Desk:
    """Does what is entered on C{operator}, and tells C{events} of it."""

    operator: Operator
    events: Events

    async def take(self, who: str, face: str, words: Sequence[str]) -> Answer:
        """Do what C{who} entered as C{words} at C{face}."""
        answer = await self.look(words)
        self.announce(who, face, " ".join(words), answer.ok, changes(words))
        return answer

    async def look(self, words: Sequence[str]) -> Answer:
        """Do what C{words} say without telling: for what is looked at again and again."""
        try:
            return await commands.obey(self.operator, words)
        except Exception as error:
            self.defect(error)
            return Answer(None, "error: a defect of the appliance; the log says where", FAILED)

    def defect(self, error: BaseException) -> None:
        """Tell of a defect of ours."""
        onError(self.events.publish)(error)

    async def takeLine(self, who: str, face: str, line: str) -> tuple[Answer, bool]:
        """Do what C{who} entered as C{line}; also whether it is wanted as a program reads it."""
        try:
            words, asJSON = withoutJSON(split(line))
        except CommandError as error:
            self.announce(who, face, line, ok=False, changes=False)
            return error.answer, False
        return await self.take(who, face, words), asJSON

    def announce(self, who: str, face: str, line: str, ok: bool, changes: bool) -> None:
        """Tell that C{line} was entered."""
        self.events.publish(CommandGiven(who[:LONGEST], face, line[:LONGEST], ok, changes))


def changes(words: Sequence[str]) -> bool:
    """True when C{words} name a command that changes something."""
    return any(each.name in words[:1] and each.changes for each in commands.COMMANDS)
