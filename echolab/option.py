"""Options as metadata of settings: one entry is all that a user can say of a thing.

Settings are dataclasses whose fields are made by `option` and `flag`. The command
lines of the programs are made from them, and so is their help.
"""

from __future__ import annotations

from dataclasses import field, fields
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from echolab.quantities import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from dataclasses import Field

    from _typeshed import DataclassInstance

__all__ = [
    "EmptyError",
    "Option",
    "as_written",
    "flag",
    "flags",
    "option",
    "options_of",
    "words_of",
]

T = TypeVar("T")

OPTIONS = "options"


class EmptyError(ValueError):
    """An option was given an empty text, and needs another."""


def as_written(value: object) -> str:
    """Write a value as an option's text: numbers without an exponent.

    Raises:
        TypeError: it is a function.
    """
    if callable(value):
        raise TypeError(f"{value!r} cannot be said in words")
    return plain(value) if isinstance(value, float) else str(value)


class Option(NamedTuple):
    """One option of a program.

    Attributes:
        spelt: its names, and what its value is called: ``-o, --output FILE``.
        help: what it does, in a sentence.
        group: the heading it stands under.
        shown: what the help says of its default; "" for nothing.
        sets: what a flag sets the field to.
        read: makes a value of a text; raises ValueError, which says what is wrong.
        write: makes a text of a value, which ``read`` makes the same of.
        add: makes one value of what the option has given before, and of one more;
            None for an option that is not repeated.
    """

    spelt: str
    help: str
    group: str
    shown: str = ""
    sets: object = True
    read: Callable[[str], Any] = str
    write: Callable[[Any], str] = as_written
    add: Callable[[Any, Any], Any] | None = None

    @property
    def name(self) -> str:
        """Its long name, without the dashes."""
        return self._long.partition(" ")[0]

    @property
    def short(self) -> str:
        """Its name of one letter; "" for none."""
        return self.spelt[1].removeprefix("-")

    @property
    def value(self) -> str:
        """What its value is called; "" for a flag."""
        return self._long.partition(" ")[2]

    @property
    def _long(self) -> str:
        return self.spelt.partition("--")[2]

    def value_of(self, text: str, before: Any = None) -> Any:
        """Make a value of a text.

        Args:
            text: what was typed behind the option.
            before: what the option has given before, if it may be repeated.

        Raises:
            ValueError: it cannot be; the text is one line that names the option.
        """
        try:
            value = self.read(text)
            return value if self.add is None else self.add(before, value)
        except EmptyError as why:
            raise ValueError(f"--{self.name}: {why}") from None
        except ValueError as why:
            raise ValueError(f"--{self.name} {text}: {why}") from None

    def words(self, value: Any) -> list[str]:
        """The words of a command line by which the option gives this value."""
        if not self.value:
            return [f"--{self.name}"] if value is self.sets else []
        if value is None:
            return []
        texts = [value] if self.add is None else value
        return [word for each in texts for word in (f"--{self.name}", self.write(each))]


def option(
    default: T,
    spelt: str,
    help: str,  # noqa: A002 - the word of argparse, which everybody knows
    *,
    group: str,
    shown: str | None = None,
    read: Callable[[str], Any] = str,
    write: Callable[[Any], str] = as_written,
    add: Callable[[Any, Any], Any] | None = None,
) -> T:
    """A field that is set by an option with a value.

    Args:
        default: the field's value where the option is not given.
        spelt: see `Option`, as for the others.
        help: likewise.
        group: likewise.
        shown: likewise; None for the default as it is written, if there is one.
        read: likewise.
        write: likewise.
        add: likewise.
    """
    if shown is None:
        shown = "" if default is None or add else write(default)
    made = Option(
        spelt=spelt,
        help=help,
        group=group,
        shown=shown,
        read=read,
        write=write,
        add=add,
    )
    return _field(default, made)


def flag(default: bool, spelt: str, help: str, *, group: str) -> bool:  # noqa: A002
    """A field that is set by an option without a value, to what is not its default.

    Args:
        default: the field's value where the option is not given.
        spelt: see `Option`, as for the others.
        help: likewise.
        group: likewise.
    """
    made = Option(spelt=spelt, help=help, group=group, sets=not default)
    return _field(default, made)


def flags(
    default: bool | None, choices: dict[bool, tuple[str, str]], *, group: str
) -> bool | None:
    """A field that is set by one of two options without values.

    Args:
        default: the field's value where neither is given.
        choices: how each is spelt, and its help, by what it sets the field to.
        group: see `Option`.
    """
    return _field(
        default,
        *(
            Option(spelt=spelt, help=said, group=group, sets=sets)
            for sets, (spelt, said) in choices.items()
        ),
    )


def _field(default: T, *options: Option) -> T:
    # To type checkers it is the default, so that they compare it with the annotation.
    made: T = field(default=default, metadata={OPTIONS: options})
    return made


def options_of(
    settings: DataclassInstance | type[DataclassInstance],
) -> Iterator[tuple[Field[Any], Option]]:
    """All options of settings in order, each with the field that it sets."""
    for each in fields(settings):
        for made in each.metadata.get(OPTIONS, ()):
            yield each, made


def words_of(settings: DataclassInstance) -> list[str]:
    """The words of a command line that make these settings.

    Raises:
        TypeError: one is a function, which no option can say.
    """
    return [
        word
        for each, made in options_of(settings)
        if (value := getattr(settings, each.name)) != each.default
        for word in made.words(value)
    ]
