"""Headers and settings to what each section says: values, with the defaults it begins with.

Here the option table is applied, one setting at a time. What options mean together is for
C{build} and C{rules}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, cast

from attrs import Factory, define, frozen

from appliance.config import options
from appliance.config.model import Problem, Where
from appliance.config.paths import Surroundings
from appliance.config.source import Header, Item, Setting
from appliance.config.vocabulary import Option, Repeat, Scope, Status
from appliance.config.wording import Place, quoted

T = TypeVar("T")


@frozen
class Written:
    """A value that an option was given, and where."""

    where: Where
    value: object


@define
class Settings:
    """What holds in one section, defaults included; C{section} is C{None} for the process.

    Options are in C{values} by their names; one that was written, but wrongly, without a value.
    """

    where: Where
    section: str | None = None
    values: dict[str, tuple[Written, ...]] = Factory(dict)

    def located(self, option: Option[T]) -> tuple[tuple[T, Where], ...]:
        """Every value of C{option} as written one after the other, and where."""
        written = self.values.get(option.name, ())
        return tuple((cast("T", one.value), one.where) for one in written)

    def all(self, option: Option[T]) -> tuple[T, ...]:
        """Every value of C{option}, as written one after the other."""
        return tuple(value for value, _ in self.located(option))

    def last(self, option: Option[T]) -> T | None:
        """The value of C{option} that counts, if any."""
        return next(reversed(self.all(option)), None)

    def wrote(self, option: Option[Any]) -> bool:
        """True when C{option} was written, rightly or not."""
        return option.name in self.values

    def misread(self, option: Option[Any]) -> bool:
        """True when C{option} was written, but never so that it could be understood."""
        return self.wrote(option) and not self.all(option)

    def arguments(self, **fields: Option[Any]) -> dict[str, Any]:
        """Keyword arguments for those C{fields} whose option has a value."""
        return {field: self.last(option) for field, option in fields.items() if self.all(option)}

    def place(self, option: Option[Any]) -> Place:
        """Where C{option} was last written, or else where the section begins."""
        written = self.values.get(option.name)
        where = written[-1].where if written else self.where
        return Place(where, self.section or "", option.name)

    def mark(self, option: Option[Any]) -> None:
        """Note that C{option} was written, whatever comes of it."""
        self.values.setdefault(option.name, ())

    def add(self, option: Option[Any], written: Written) -> None:
        """Take in a value by the option's rule for repetition."""
        before = () if option.repeat is Repeat.LAST else self.values.get(option.name, ())
        self.values[option.name] = (*before, written)


@frozen
class Folded:
    """What the process and the sections say, in the order of the file, and what is wrong."""

    process: Settings
    sections: tuple[Settings, ...]
    problems: tuple[Problem, ...]


def fold(path: str, items: Iterable[Item], surroundings: Surroundings) -> Folded:
    """Apply the table to all C{items} of the configuration file at C{path}."""
    process = Settings(Where(path))
    sections: list[Settings] = []
    problems: list[Problem] = []
    current = process
    for item in items:
        if isinstance(item, Header):
            current = Settings(item.where, item.name, dict(process.values))
            sections.append(current)
        else:
            problems.extend(_apply(item, current, surroundings))
    return Folded(process, tuple(sections), tuple(problems))


def _apply(setting: Setting, settings: Settings, surroundings: Surroundings) -> Iterator[Problem]:
    """Take C{setting} into C{settings}; yields what is wrong with it."""
    option = options.find(setting.name)
    place = Place(setting.where, settings.section or "", option.name if option else setting.name)
    if option is None:
        yield _unknown(place)
    elif option.status is not Status.SUPPORTED:
        if setting.value.lower() not in option.harmless:
            yield _unsupported(option, place)
    elif settings.section is not None and option.scope is Scope.GLOBAL:
        yield place.error(
            "stands in a [section]",
            f"a place {option.scope.value}, since it holds for the whole process",
            "move the line up there",
        )
    else:
        yield from _store(option, setting, settings, surroundings, place)


def _store(
    option: Option[Any],
    setting: Setting,
    settings: Settings,
    surroundings: Surroundings,
    place: Place,
) -> Iterator[Problem]:
    targets = option.standsFor or (option,)
    for target in targets:
        settings.mark(target)
    try:
        values = [_parser(target, settings)(setting.value) for target in targets]
    except ValueError as error:
        form = f'the form is "{option.name} = {option.syntax}"'
        advice = "" if option.syntax in str(error) else form
        yield place.error(f"{quoted(setting.value)} is not valid", str(error), advice)
        return
    for target, value in zip(targets, values, strict=True):
        if target.path is not None and value is not None:
            found = surroundings.find(value, target.path, place)
            yield from found.problems
            if found.path is None:
                continue
            value = found.path
        settings.add(target, Written(setting.where, value))


def _parser(option: Option[T], settings: Settings) -> Callable[[str], T]:
    if settings.section is not None and option.parseInSection is not None:
        return option.parseInSection
    return option.parse


def _unknown(place: Place) -> Problem:
    near = options.nearest(place.option)
    if near is None:
        return place.error(
            "there is no such option", advice="docs/reference/options.md lists all of them"
        )
    advice = f"perhaps {near.name} is meant, which stands {near.scope.value}"
    return place.error("there is no such option", advice=advice)


def _unsupported(option: Option[Any], place: Place) -> Problem:
    if option.status is Status.IGNORED:
        return place.warning(f"is ignored: {option.reason}", advice="the line can be removed")
    off = next(filter(None, option.harmless), None)
    advice = f'write "{option.name} = {off}" or remove the line' if off else "remove the line"
    return place.error(f"is not in this version: {option.reason}", advice=advice)
