"""The text of one configuration file in the place of several, for wherever it is put.

Settings keep their words; only names change that depended on the place or on the other sections:
files are named by their whole paths, and sections as the plan has them. Options that do nothing
here become comments. Comments of the old files stay in those.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from appliance.config import options
from appliance.config import processoptions as process
from appliance.config import tlsoptions as tls
from appliance.config.files import Files
from appliance.config.migration import OldFile, OldSection, Plan, concernsProcess
from appliance.config.model import GlobalConfig
from appliance.config.paths import Surroundings
from appliance.config.source import Setting
from appliance.config.vocabulary import Option, Status
from appliance.config.wording import Place


def rewritten(plan: Plan, files: Files) -> str:
    """The configuration that takes over the files of C{plan}."""
    names = ", ".join(file.path for file in plan.files)
    defaults = [list(lines(_defaults(file), files)) for file in plan.files]
    shared = all(each == defaults[0] for each in defaults)
    made = [f"; Made by butterfly-tls migrate from {names}."]
    made += ["", *lines(plan.process, files), *(defaults[0] if shared else ())]
    for file, own in zip(plan.files, defaults, strict=True):
        for section in file.sections:
            made += ["", f"; {section.config.where}", f"[{section.name}]"]
            made += [] if shared else own
            made += _section(section, file, plan, files)
    return "\n".join(made) + "\n"


def _defaults(file: OldFile) -> Iterator[Setting]:
    """What stands before the sections of C{file} as the default for them."""
    return (setting for setting in file.first if not concernsProcess(setting))


def _section(section: OldSection, file: OldFile, plan: Plan, files: Files) -> Iterator[str]:
    written = [options.find(setting.name) for setting in section.settings]
    if process.DEBUG not in written and section.config.debug != _level(plan):
        yield f"{process.DEBUG.name} = {section.config.debug}"
    for setting in section.settings:
        option = options.find(setting.name)
        if option is process.SERVICE:
            # The header has that name now.
            continue
        if option is tls.SNI and section.config.slave is not None:
            primary = _nameOf(section.config.slave.primary, file.sections)
            yield f"{option.name} = {primary}:{setting.value.partition(':')[2]}"
            continue
        yield from lines((setting,), files)


def _nameOf(old: str, sections: Sequence[OldSection]) -> str:
    """What a section of the file goes by from now on."""
    return next((each.name for each in sections if each.config.name == old), old)


def _level(plan: Plan) -> int:
    """The log level of sections that say nothing of it."""
    for file in plan.files:
        if any(options.find(setting.name) is process.DEBUG for setting in file.first):
            return file.config.process.debug
    return GlobalConfig().debug


def lines(settings: Iterable[Setting], files: Files) -> Iterator[str]:
    """The lines for C{settings} as they mean the same in any directory."""
    for setting in settings:
        option = options.find(setting.name)
        if option is None:
            continue
        line = f"{option.name} = {_value(setting, option, files)}".rstrip()
        if option.status is Status.SUPPORTED:
            yield line
        else:
            yield f"; left out: {option.reason}"
            yield f"; {option.name} = ..." if option.secret else f"; {line}"


def _value(setting: Setting, option: Option[Any], files: Files) -> str:
    if option.path is None or not setting.value:
        return setting.value
    surroundings = Surroundings(setting.base, files)
    found = surroundings.find(setting.value, option.path, Place(setting.where))
    return found.path or setting.value
