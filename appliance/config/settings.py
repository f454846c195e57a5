"""Headers and settings to what each section says: values, with the defaults it begins with.

Here the option table is applied, one setting at a time. What options mean together is for
C{build} and C{rules}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, cast

from attrs import Factory, define, evolve, frozen

from appliance.config import options, values
from appliance.config.files import Files
from appliance.config.model import About, Problem, Said, Where
from appliance.config.paths import Surroundings
from appliance.config.source import Header, Item, Setting
from appliance.config.stunnelwords import NOT_HERE, YES_OR_NO, contextSaid
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


def fold(path: str, items: Iterable[Item], files: Files) -> Folded:
    """Apply the table to all C{items} of the configuration file at C{path}."""
    process = Settings(Where(path))
    sections: list[Settings] = []
    problems: list[Problem] = []
    current = process
    for item in items:
        if isinstance(item, Header):
            current = Settings(item.where, item.name, _inherited(process))
            sections.append(current)
        else:
            problems.extend(_apply(item, current, Surroundings(item.base, files)))
    return Folded(process, tuple(sections), tuple(problems))


def _inherited(process: Settings) -> dict[str, tuple[Written, ...]]:
    return {
        name: written
        for name, written in process.values.items()
        if options.BY_NAME[name.lower()].inherited
    }


def _apply(setting: Setting, settings: Settings, surroundings: Surroundings) -> Iterator[Problem]:
    """Take C{setting} into C{settings}; yields what is wrong with it."""
    option = options.find(setting.name)
    name = option.name if option else setting.name
    place = Place(setting.where, settings.section or "", name, setting.line)
    if option is None:
        yield _unknown(place)
    elif settings.section is not None and option.scope is Scope.GLOBAL:
        yield place.error(
            "stands in a [section]",
            f"a place {option.scope.value}, since it holds for the whole process",
            "move the line up there",
            says=NOT_HERE,
        )
    elif option.status is Status.REFUSED:
        if setting.value.lower() not in option.harmless:
            yield _refused(option, place)
    else:
        problems = list(_store(option, setting, settings, surroundings, place))
        yield from problems
        ignored = option.status is Status.IGNORED and setting.value.lower() not in option.harmless
        if ignored and not problems:
            yield place.warning(f"is ignored: {option.reason}", advice="the line can be removed")


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
        found = [_parser(target, settings)(setting.value) for target in targets]
    except ValueError as error:
        yield _unfit(option, setting, place, error)
        return
    for target, value in zip(targets, found, strict=True):
        if target.path is not None and value is not None:
            led = surroundings.find(value, target.path, place)
            yield from (_absent(option, value, problem, place) for problem in led.problems)
            if led.path is None:
                continue
            value = led.path
        settings.add(target, Written(setting.where, value))


def _unfit(option: Option[Any], setting: Setting, place: Place, error: ValueError) -> Problem:
    """The error about a value that its parser did not take."""
    form = f'the form is "{option.name} = {option.syntax}"'
    advice = "" if option.syntax in str(error) else form
    if option.secret:
        hidden = evolve(place, line=f"{setting.name} = ...")
        return hidden.error("the value is not valid", str(error), advice, option.complaint)
    found = f"{quoted(setting.value)} is not valid"
    if isinstance(error, values.UnfitError):
        problem = place.error(found, str(error), advice)
        said = place.said(error.says, error.about) if error.says else None
        return evolve(problem, said=said)
    return place.error(found, str(error), advice, _complaint(option))


def _complaint(option: Option[Any]) -> str:
    return option.complaint or (YES_OR_NO if option.parse is values.yesNo else "")


def _absent(option: Option[Any], name: str, problem: Problem, place: Place) -> Problem:
    """C{problem} with a file, as stunnel tells it."""
    said: Said | None = None
    if problem.fatal and option.absent:
        said = contextSaid(option.absent.format(name))
    elif problem.fatal and option.complaint:
        said = place.said(option.complaint, About.LINE)
    return evolve(problem, said=said)


def _parser(option: Option[T], settings: Settings) -> Callable[[str], T]:
    if settings.section is not None and option.parseInSection is not None:
        return option.parseInSection
    return option.parse


def _unknown(place: Place) -> Problem:
    near = options.nearest(place.option)
    advice = "docs/reference/options.md lists all of them"
    if near is not None:
        advice = f"perhaps {near.name} is meant, which stands {near.scope.value}"
    return place.error("there is no such option", advice=advice, says=NOT_HERE)


def _refused(option: Option[Any], place: Place) -> Problem:
    off = next(filter(None, option.harmless), None)
    advice = f'write "{option.name} = {off}" or remove the line' if off else "remove the line"
    return place.error(
        f"is not in this version: {option.reason}", advice=advice, says=option.complaint
    )
