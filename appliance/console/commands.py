"""THE table of commands: what an administrator can say, whatever the way it comes in.

The shell, the control socket, the command line and the reference page take it from here. Nothing
here knows of SSH, of sockets or of terminals.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from attrs import frozen

from appliance.config.values import LEVELS
from appliance.config.wording import nearest
from appliance.console import banning, connections, overview, records, steering
from appliance.console.answer import MISUSED, Answer, CommandError
from appliance.console.arguments import EVERYTHING, nothing
from appliance.console.operator import Operator
from appliance.console.tables import table

HINT: Final = "'help' lists the commands"

Run = Callable[[Operator, Sequence[str]], Awaitable[Answer]]


Offers = Callable[[Operator, str], Iterable[str]]


def _nothing(_operator: Operator, _typed: str) -> Iterable[str]:
    return ()


def _backends(operator: Operator, typed: str) -> Iterable[str]:
    for section in operator.status().sections:
        if typed.startswith(f"{section.name} "):
            yield from (f"{section.name} {backend.name}" for backend in section.backends)
        else:
            yield section.name


def _drainable(operator: Operator, typed: str) -> Iterable[str]:
    return (*_backends(operator, typed), EVERYTHING)


def _banned(operator: Operator, _typed: str) -> Iterable[str]:
    return (*(ban.client for ban in operator.status().bans), EVERYTHING)


def _levels(operator: Operator, typed: str) -> Iterable[str]:
    level, blank, _ = typed.partition(" ")
    return (f"{level} {name}" for name in operator.levels()) if blank else LEVELS


def _commands(_operator: Operator, _typed: str) -> Iterable[str]:
    return (each.name for each in COMMANDS)


@frozen
class Command:
    """One command. C{syntax} shows what goes after its name, C{summary} is a sentence.

    One that C{changes} something is told in the log at its usual level, others with the details.
    C{offers} is what may stand after its name, given what is typed of that.
    """

    name: str
    syntax: str
    summary: str
    run: Run
    changes: bool = False
    offers: Offers = _nothing

    @property
    def usage(self) -> str:
        """Name and syntax."""
        return f"{self.name} {self.syntax}".rstrip()


async def help_(_operator: Operator, words: Sequence[str]) -> Answer:
    """All commands, or one of them."""
    nothing(words[1:])
    chosen = (find(words[0]),) if words else COMMANDS
    rows = [(each.usage, each.summary) for each in chosen]
    data = [
        {
            "name": each.name,
            "syntax": each.syntax,
            "summary": each.summary,
            "changes": each.changes,
        }
        for each in chosen
    ]
    return Answer(data, table(("COMMAND", "WHAT IT DOES"), rows))


COMMANDS: Final[tuple[Command, ...]] = (
    Command("status", "", "How everything is, what is wrong first.", overview.status),
    Command("sections", "", "Each section: addresses, connections, bytes.", overview.sections),
    Command("backends", "", "Each backend: its state, its last check, why.", overview.backends),
    Command(
        "associations",
        "",
        "Each open connection: its ID, who calls whom, how long, how much.",
        connections.associations,
    ),
    Command("show", "ID", "All that is known of one connection.", connections.show),
    Command("close", "ID", "Ends one connection at once.", connections.close, changes=True),
    Command(
        "drain",
        "SECTION [BACKEND]|all",
        "Tells new clients to come again later, or sends nobody new to one backend; connections "
        "that are open go on.",
        steering.drain,
        changes=True,
        offers=_drainable,
    ),
    Command(
        "undrain",
        "SECTION [BACKEND]|all",
        "Serves new clients again, or sends them to the backend again.",
        steering.undrain,
        changes=True,
        offers=_drainable,
    ),
    Command("bans", "", "Who is not let in for a while, and why.", banning.bans),
    Command(
        "unban",
        "ADDRESS|all",
        "Lets a client in again that is banned, or all of them.",
        banning.unban,
        changes=True,
        offers=_banned,
    ),
    Command(
        "reload",
        "",
        "Reads the configuration again; a bad one changes nothing and is told.",
        steering.reload,
        changes=True,
    ),
    Command(
        "upgrade",
        "",
        "Starts the program anew and lets that process take over; no connection is refused or cut.",
        steering.upgrade,
        changes=True,
    ),
    Command("check", "", "Says what a reload would say, without one.", steering.check),
    Command("certs", "", "Each certificate, and how long it is good.", overview.certificates),
    Command(
        "echo",
        "SECTION [BACKEND]",
        "Asks the section's backends, or one of them, for a C-ECHO.",
        steering.echo,
        offers=_backends,
    ),
    Command(
        "log-level",
        "[LEVEL [SECTION]]",
        "Shows log lines up to a level, or tells which are shown.",
        steering.logLevel,
        changes=True,
        offers=_levels,
    ),
    Command("top", "", "What is wrong, and the busiest connections.", connections.top),
    Command("journal", "[N]", "The last N associations of the journal.", records.journal),
    Command("version", "", "What this is, and what it runs on.", overview.version),
    Command(
        "help",
        "[COMMAND]",
        "All commands, or one of them.",
        help_,
        offers=_commands,
    ),
)


def find(name: str) -> Command:
    """The command C{name}. Raises L{CommandError}."""
    for command in COMMANDS:
        if command.name == name:
            return command
    near = nearest(name, [command.name for command in COMMANDS])
    advice = f"perhaps {near[0]!r} is meant" if near else HINT
    raise CommandError(f"there is no command {name!r}", advice=advice, code=MISUSED)


async def obey(operator: Operator, words: Sequence[str]) -> Answer:
    """Do what C{words} say; what cannot be done is an answer too."""
    try:
        if not words:
            raise CommandError("nothing was entered", advice=HINT, code=MISUSED)
        command = find(words[0])
        if not command.syntax:
            nothing(words[1:])
        return await command.run(operator, words[1:])
    except CommandError as error:
        return error.answer
