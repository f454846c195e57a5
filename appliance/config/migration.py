"""What becomes of stunnel's files, of one daemon or of several, when one appliance takes over.

Reads them through L{Files}, decides on names and on what holds for the process, and says what a
person has to know or to settle first. It writes nothing: the text of the new files is made by
C{rewriting} and C{recommended}.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, combinations

from attrs import evolve, frozen

from appliance.config import options
from appliance.config import relayoptions as relay
from appliance.config.build import build
from appliance.config.files import Files
from appliance.config.model import Config, Problem, SectionConfig
from appliance.config.sections import overlap
from appliance.config.source import Setting, inParts, readSource
from appliance.config.vocabulary import Repeat, Scope
from appliance.config.wording import Place


@frozen
class OldSection:
    """One section: what it means, its C{settings} as they are written, its C{name} from now on."""

    config: SectionConfig
    settings: tuple[Setting, ...]
    name: str


@frozen
class OldFile:
    """One of stunnel's files; C{first} stands before its sections."""

    config: Config
    first: tuple[Setting, ...]
    sections: tuple[OldSection, ...]

    @property
    def path(self) -> str:
        """Where it is."""
        return self.config.path


@frozen
class Plan:
    """The files that can be taken over, and what there is to say.

    C{process} are the settings for the one process that there will be, in their order.
    """

    files: tuple[OldFile, ...]
    process: tuple[Setting, ...]
    problems: tuple[Problem, ...]

    @property
    def possible(self) -> bool:
        """True when nothing has to be settled first."""
        return bool(self.files) and not any(problem.fatal for problem in self.problems)


def plan(paths: Iterable[str], files: Files) -> Plan:
    """How to take over the files at C{paths}."""
    found: list[OldFile] = []
    problems: list[Problem] = []
    for path in dict.fromkeys(map(os.path.abspath, paths)):
        # As stunnel reads them: with names twice, or without a section.
        config, told = build(path, files, tolerant=True)
        problems += told
        if config is not None and config.inetd is not None:
            problems.append(_forInetd(path, config.inetd))
        elif config is not None:
            found.append(_read(config, files))
    named, renamed = _apart(found)
    process, dropped = _process(named)
    problems += [*renamed, *dropped, *_ports(named)]
    return Plan(named, process, tuple(problems))


def _read(config: Config, files: Files) -> OldFile:
    (_, first), *rest = inParts(readSource(config.path, files).items)
    sections = (
        OldSection(section, tuple(settings), section.name)
        for section, (_, settings) in zip(config.sections, rest, strict=True)
    )
    return OldFile(config, tuple(first), tuple(sections))


def _forInetd(path: str, section: SectionConfig) -> Problem:
    return Place(section.where).warning(
        "has no [section]: it is for one connection that inetd hands over, and is left out",
        advice=f'let inetd start "butterfly-tls stunnel {path}"',
    )


# --- names -------------------------------------------------------------------------------------


def _apart(found: Sequence[OldFile]) -> tuple[tuple[OldFile, ...], list[Problem]]:
    """The files with a name of its own for every section, and what was renamed."""
    owner: dict[str, str] = {}
    problems: list[Problem] = []
    named = []
    for file in found:
        sections = []
        for section in file.sections:
            name = _free(section.name, file.path, owner)
            if name != section.name:
                place = Place(section.config.where, section.name)
                first = owner[section.name]
                problems.append(
                    place.warning(
                        f"there is a section of this name in {first}", advice=f'it becomes "{name}"'
                    )
                )
            owner[name] = file.path
            sections.append(evolve(section, name=name))
        named.append(evolve(file, sections=tuple(sections)))
    return tuple(named), problems


def _free(name: str, path: str, taken: dict[str, str]) -> str:
    """C{name}, or where another file has it, one that says which file this one is from."""
    if name not in taken:
        return name
    stem = os.path.splitext(os.path.basename(path))[0]
    name, number = f"{name} {stem}", 2
    wanted = name
    while name in taken:
        name, number = f"{wanted} #{number}", number + 1
    return name


# --- the process -------------------------------------------------------------------------------


def concernsProcess(setting: Setting) -> bool:
    """True for what, before the first section, is about the process."""
    option = options.find(setting.name)
    return option is not None and option.scope is not Scope.SERVICE


def _process(found: Sequence[OldFile]) -> tuple[tuple[Setting, ...], list[Problem]]:
    """What holds for the one process: the first file's word where several have one."""
    kept: dict[str, Setting] = {}
    lists: list[Setting] = []
    problems: list[Problem] = []
    for file in found:
        own: dict[str, Setting] = {}
        for setting in filter(concernsProcess, file.first):
            option = options.find(setting.name)
            if option is not None and option.repeat is Repeat.LAST:
                own[option.name] = setting
            else:
                lists.append(setting)
        for name, setting in own.items():
            first = kept.setdefault(name, setting)
            if first.value != setting.value:
                problems.append(
                    Place(setting.where, "", name).warning(
                        f"is left out: one process has one, and {first.where} has another",
                        advice="put into the new file the one that is right for all",
                    )
                )
    return (*kept.values(), *lists), problems


# --- ports -------------------------------------------------------------------------------------


def _ports(found: Sequence[OldFile]) -> Iterator[Problem]:
    """Sections of two files cannot listen at one address; those of one file have been judged."""
    for one, other in combinations(found, 2):
        for section in other.sections:
            for address in section.config.accept:
                taken = chain.from_iterable(
                    ((each, first) for each in first.config.accept) for first in one.sections
                )
                for earlier, first in taken:
                    if overlap(address, earlier):
                        yield Place(
                            section.config.where, section.config.name, relay.ACCEPT.name
                        ).error(
                            f'{address} is taken by "accept = {earlier}" of '
                            f"[{first.config.name}] in {one.path}",
                            "a port of its own for each section",
                            "change one of the two, or leave one of the files out",
                        )
