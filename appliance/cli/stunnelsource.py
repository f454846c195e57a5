"""Where C{butterfly-tls stunnel} has its configuration from: a file, or a descriptor.

It is read by stunnel's rules: names of files are looked up from the directory that the program was
started in. Where nothing comes of that, they are looked up beside the file, as everywhere else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from attrs import define, evolve, field, frozen

from appliance.config.build import DISK, buildText
from appliance.config.files import Given
from appliance.config.model import About, Config, ConfigError, Problem, Said, Severity, Where
from appliance.config.source import BOM, Header, Setting, readSource
from appliance.config.stunnelwords import CANNOT_OPEN, FULL_LOG_PATH, FULL_PID_PATH
from appliance.events import ByteOrderMark, Events, Reading
from appliance.system.process import said

STANDARD = 2
"""The last of the descriptors that every process has."""

FULL_PATHS = {"output": FULL_LOG_PATH, "pid": FULL_PID_PATH}
"""Options whose value must begin at the root when the process goes into the background."""


@frozen
class FileSource:
    """The file at the absolute C{path}; C{directory} is where the program was started."""

    path: str
    directory: str

    def read(self, events: Events) -> Config:
        """Its configuration. Raises L{ConfigError}."""
        events.publish(Reading(self.path))
        try:
            data = DISK.read(self.path)
        except OSError as error:
            raise _cannotOpen(self.path, said(error)) from None
        events.publish(ByteOrderMark(data.startswith(BOM)))
        config, problems = understood(self.path, data, self.directory)
        beside = os.path.dirname(self.path)
        if config is None and beside != self.directory:
            other, _ = understood(self.path, data, beside)
            config = other
        return _orRaise(config, problems)


@define
class DescriptorSource:
    """The open descriptor C{number}, which can be read once."""

    number: int
    directory: str
    _spent: bool = field(default=False, init=False)

    def read(self, events: Events) -> Config:
        """Its configuration. Raises L{ConfigError}."""
        events.publish(Reading(str(self.number), descriptor=True))
        if self._spent:
            # By now something else of ours may have the number.
            raise _cannotOpen(f"descriptor {self.number}", "it was read at the start, and is gone")
        self._spent = True
        try:
            with open(self.number, "rb", closefd=self.number > STANDARD) as file:
                data = file.read()
        except OSError as error:
            raise _cannotOpen(f"descriptor {self.number}", said(error)) from None
        events.publish(ByteOrderMark(data.startswith(BOM)))
        return _orRaise(*understood(str(self.number), data, self.directory))


Source = FileSource | DescriptorSource


def understood(name: str, data: bytes, directory: str) -> tuple[Config | None, tuple[Problem, ...]]:
    """The configuration in C{data}, unless it is unusable, and all its problems.

    Without a section it is of one section that listens nowhere.
    """
    config, problems = buildText(name, data, directory, DISK, tolerant=True)
    partial = tuple(_partialPaths(name, data, directory))
    if partial:
        return None, (*partial, *problems)
    if config is not None and config.inetd is not None:
        config = evolve(config, sections=(config.inetd,))
    return config, problems


def _partialPaths(name: str, data: bytes, directory: str) -> Iterator[Problem]:
    """The errors about names that a daemon could not find again."""
    values: dict[str, Setting] = {}
    for item in readSource(name, Given(name, data, DISK), directory).items:
        if isinstance(item, Header):
            break
        values[item.name.lower()] = item
    foreground = values.get("foreground")
    if foreground is not None and foreground.value.lower() != "no":
        return
    for option, words in FULL_PATHS.items():
        setting = values.get(option)
        if setting is not None and setting.value and not setting.value.startswith("/"):
            yield Problem(
                Severity.ERROR,
                setting.where,
                f'"{setting.value}" does not begin at the root of the file system',
                "a full path, since a daemon has no directory of its own",
                f'write it like "{os.path.join(directory, setting.value)}"',
                option=option,
                said=Said(words, About.PROCESS),
            )


def _cannotOpen(what: str, why: str) -> ConfigError:
    place = Where(what)
    problem = Problem(
        Severity.ERROR, place, f"cannot be read: {why}", said=Said(CANNOT_OPEN, About.NOTHING)
    )
    return ConfigError((problem,))


def _orRaise(config: Config | None, problems: tuple[Problem, ...]) -> Config:
    if config is None:
        raise ConfigError(problems)
    return config
