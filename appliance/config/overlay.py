"""A second configuration file, with options of our own, laid over the first by names of sections.

So a stunnel.conf stays one that stunnel can read. What stands before the first [section] of the
overlay follows on what stands there in the file; what stands in a section follows on the section of
that name. Values then repeat as they would in one file: the last counts, or the list grows. Nothing
here knows what an option means.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from appliance.config import options
from appliance.config.model import Problem, Where
from appliance.config.source import Header, Item, Parts, Setting, Source, inParts
from appliance.config.vocabulary import Repeat
from appliance.config.wording import Place, nearest


def overlaid(source: Source, overlay: Source) -> Source:
    """C{source} as C{overlay} has it, with what is wrong about laying the one over the other."""
    parts, more = inParts(source.items), inParts(overlay.items)
    problems = [*source.problems, *overlay.problems, *_strangers(overlay)]
    # Where nothing of the file could be read, it has no section for any to be missing from.
    if len(parts) > 1:
        problems += _missing(parts, more, source.files[0])
    items: list[Item] = []
    for header, settings in parts:
        added = [each for over, those in more if _named(over) == _named(header) for each in those]
        problems += _overruled(header, settings, added)
        items += [*([] if header is None else [header]), *settings, *added]
    return Source(tuple(items), tuple(problems), source.files + overlay.files)


def _named(header: Header | None) -> str | None:
    return None if header is None else header.name


def _strangers(overlay: Source) -> Iterator[Problem]:
    """The errors about options of stunnel's, which belong where stunnel finds them too."""
    section = ""
    for item in overlay.items:
        if isinstance(item, Header):
            section = item.name
            continue
        option = options.find(item.name)
        if option is not None and not options.isOurs(option):
            yield Place(item.where, section, option.name).error(
                "is an option of stunnel's, in a file that stunnel does not read",
                "options of our own in the overlay",
                "move the line to the configuration file itself",
            )


def _missing(parts: Parts, more: Parts, path: str) -> Iterator[Problem]:
    known = [header.name for header, _ in parts if header is not None]
    for header, _ in more:
        if header is not None and header.name not in known:
            near = nearest(header.name, known)
            yield Place(header.where, header.name).error(
                f"there is no section of this name in {path}",
                "the name of a section there, since an overlay begins none",
                f"perhaps [{near[0]}] is meant" if near else "write its header as it is there",
            )


def _overruled(
    header: Header | None, settings: Iterable[Setting], added: Iterable[Setting]
) -> Iterator[Problem]:
    """The warnings about values in the file that the overlay has others for."""
    latest: dict[str, Where] = {}
    for setting in added:
        option = options.find(setting.name)
        if option is not None and options.isOurs(option) and option.repeat is Repeat.LAST:
            latest[option.name] = setting.where
    for setting in settings:
        option = options.find(setting.name)
        if option is not None and option.name in latest:
            yield Place(setting.where, header.name if header else "", option.name).warning(
                f"does not count, since the overlay has it too, at {latest[option.name]}",
                advice="remove one of the two",
            )
