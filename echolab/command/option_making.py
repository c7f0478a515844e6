"""Make Twisted's options from the fields of settings (`echolab.option`)."""

from __future__ import annotations

from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, ClassVar

from twisted.python import usage
from typing_extensions import override

from echolab.command.options import BaseOptions
from echolab.option import OPTIONS, Group, Option, options_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import Field

    from _typeshed import DataclassInstance

__all__ = ["SettingsOptions"]

OTHERS = Group("Other options")


class SettingsOptions(BaseOptions):
    """Options that set the fields of settings.

    A subclass names the settings: ``class Mine(SettingsOptions, of=MySettings)``.
    An option that is not given is None, and a flag is 0, for any default of the field.
    """

    optFlags: ClassVar[list[list[Any]]]
    optParameters: ClassVar[list[list[Any]]]
    synopsis: ClassVar[str]
    longdesc: ClassVar[str]
    topics: ClassVar[tuple[str, ...]]
    """The topics of ``echolab help`` that say more about these options."""
    made_of: ClassVar[type[DataclassInstance]]
    """The settings."""

    @override
    def __init_subclass__(cls, *, of: type[DataclassInstance]) -> None:
        """Set the class attributes that ``usage.Options`` needs."""
        super().__init_subclass__()
        cls.made_of = of
        cls.optFlags = []
        cls.optParameters = []
        for field, option in options_of(of):
            if not option.value:
                cls.optFlags.append([option.name, option.short, option.help])
            elif option.add is None:
                read = _reader(option)
                cls.optParameters.append(
                    [option.name, option.short, None, option.help, read]
                )
            else:
                collect = _collector(field, option)
                for name in filter(None, (option.name, option.short)):
                    setattr(cls, f"opt_{name.replace('-', '_')}", collect)

    def given(self) -> dict[str, Any]:
        """Return the given values by the names of their fields."""
        given = {}
        for field, option in options_of(self.made_of):
            value = self.get(_key(field, option))
            if not option.value and value:
                given[field.name] = option.sets
            elif option.value and value is not None:
                given[field.name] = value
        return given

    @override
    def getUsage(self, width: int | None = None) -> str:
        """Return the help: the options in their groups, then the description."""
        # Imported here, since most runs do not print the help.
        from echolab.command.option_help import help_of

        options = [option for _, option in options_of(self.made_of)]
        others = [
            Option("-h, --help", self.docs["help"].strip(), OTHERS),
            Option("--version", self.docs["version"].strip(), OTHERS),
        ]
        width = width or get_terminal_size().columns
        return help_of([*options, *others], self.longdesc, self.topics, width)


def _key(field: Field[Any], option: Option) -> str:
    """Return where the values of an option are; several may add to the same ones."""
    if option.add is None:
        return option.name
    [first, *_] = field.metadata[OPTIONS]
    name: str = first.name
    return name


def _reader(option: Option) -> Callable[[str], Any]:
    """Return a function for ``usage.Options`` that turns a text into a value."""

    def read(text: str) -> Any:
        return _value_of(option, text)

    return read


def _collector(
    field: Field[Any], option: Option
) -> Callable[[usage.Options, str], None]:
    """Return a method for ``usage.Options``, for an option that may be repeated."""
    key = _key(field, option)

    def collect(self: usage.Options, text: str) -> None:
        before = self.get(key, field.default)
        self[key] = _value_of(option, text, before)

    collect.__doc__ = option.help
    return collect


def _value_of(option: Option, text: str, before: Any = None) -> Any:
    try:
        return option.value_of(text, before)
    except ValueError as why:
        raise usage.UsageError(str(why)) from None
