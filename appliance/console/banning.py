"""The commands about bans: who is banned, and who is let in again."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.console.answer import MISUSED, Answer, CommandError
from appliance.console.arguments import EVERYTHING, one
from appliance.console.operator import Operator
from appliance.console.tables import shown, table
from appliance.limits.networks import clientIn, clientText
from appliance.status.plain import plain
from appliance.status.words import duration, number


async def bans(operator: Operator, _words: Sequence[str]) -> Answer:
    """Who is not let in for a while, the latest first."""
    document = operator.status()
    rows = [
        (each.client, each.section, duration(each.until - document.at), each.why)
        for each in document.bans
    ]
    text = table(("CLIENT", "SECTION", "FOR ANOTHER", "WHY"), rows)
    return Answer([plain(each) for each in document.bans], text or "Nobody is banned.")


async def unban(operator: Operator, words: Sequence[str]) -> Answer:
    """Let a client in again, or all of them."""
    word = one(words, f"an address, or {EVERYTHING!r}")
    client = None
    if word.lower() != EVERYTHING:
        known = clientIn(word)
        if known is None:
            expected = f"an IP address, or {EVERYTHING!r}"
            raise CommandError(f"{word!r} is no address", expected, code=MISUSED)
        client = clientText(known)
    ended = operator.unban(client)
    if client is not None and not ended:
        raise CommandError(f"{client} is not banned", advice="'bans' lists who is")
    text = f"{number(ended, 'ban')} ended."
    return Answer({"client": client, "ended": ended}, shown(text))
