"""Options as metadata of settings: one entry describes all of an option.

Settings are dataclasses whose fields are made by `option` and `flag`. The programs'
command lines and their help are made from them.
"""

from __future__ import annotations

from dataclasses import field, fields
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from echolab.quantities import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from dataclasses import Field
    from typing import TypeAlias

    from _typeshed import DataclassInstance

    Offers: TypeAlias = Iterable[str] | Callable[[], Iterable[str]]

__all__ = [
    "FILE",
    "EmptyError",
    "Group",
    "Option",
    "UnshownError",
    "adding",
    "as_written",
    "choices_in",
    "flag",
    "flags",
    "like",
    "option",
    "options_of",
    "words_of",
]

T = TypeVar("T")

OPTIONS = "options"

FILE = "FILE"
"""In what a shell completes: a path."""


class UnshownError(ValueError):
    """The text of an option is wrong, and the error is not to repeat it."""


class EmptyError(UnshownError):
    """An option was given an empty text, which it does not accept."""


def as_written(value: object) -> str:
    """Write a value as an option's text; numbers are without an exponent.

    Raises:
        TypeError: the value is a function.
    """
    if callable(value):
        raise TypeError(f"{value!r} cannot be said in words")
    return plain(value) if isinstance(value, float) else str(value)


class Group(NamedTuple):
    """Options that belong together.

    Attributes:
        title: the heading.
        examples: command lines with options of the group; after `` | `` may come
            another program.
    """

    title: str
    examples: tuple[str, ...] = ()


class Option(NamedTuple):
    """One option of a program.

    Attributes:
        spelt: its names, and the name of its value: ``-o, --output FILE``.
        help: what it does, in a sentence.
        group: the group to which it belongs.
        shown: its default as the help shows it; "" to show none.
        sets: the value to which a flag sets the field.
        read: turns a text into a value; raises a ValueError that says what is
            wrong.
        write: turns a value into a text, from which ``read`` makes the same value.
        add: adds one more value to those that the option has given before; None
            if the option may not be repeated.
        of: the type of its values, if other options add values of other types to
            the same field.
        offers: what a shell completes: words, or a function that returns them. A word
            that ends with ``:`` or ``=`` is only the beginning of a value, and
            ``a::b=`` does not come directly behind ``a:``. ``FILE`` at the end of a
            word stands for any path. By default, the words are those in ``spelt``:
            ``split|close``, ``FILE``.
    """

    spelt: str
    help: str
    group: Group
    shown: str = ""
    sets: object = True
    read: Callable[[str], Any] = str
    write: Callable[[Any], str] = as_written
    add: Callable[[Any, Any], Any] | None = None
    of: type = object
    offers: Offers = ()

    @property
    def name(self) -> str:
        """The long name, without the dashes."""
        return self._long.partition(" ")[0]

    @property
    def short(self) -> str:
        """The name of one letter; "" if there is none."""
        return self.spelt[1].removeprefix("-")

    @property
    def value(self) -> str:
        """The name of the value; "" for a flag."""
        return self._long.partition(" ")[2]

    @property
    def offered(self) -> tuple[str, ...]:
        """The words that a shell completes; see ``offers``."""
        words = self.offers() if callable(self.offers) else self.offers
        return tuple(words) or choices_in(self.value)

    @property
    def _long(self) -> str:
        return self.spelt.partition("--")[2]

    def value_of(self, text: str, before: Any = None) -> Any:
        """Turn a text into a value.

        Args:
            text: what was typed after the option.
            before: what the option has given before, if it may be repeated.

        Raises:
            ValueError: the text is wrong; the message is one line that names the
                option.
        """
        try:
            value = self.read(text)
            return value if self.add is None else self.add(before, value)
        except UnshownError as why:
            raise ValueError(f"--{self.name}: {why}") from None
        except ValueError as why:
            raise ValueError(f"--{self.name} {text}: {why}") from None

    def words(self, value: Any) -> list[str]:
        """Return the words of a command line that set this value."""
        if not self.value:
            return [f"--{self.name}"] if value is self.sets else []
        if value is None:
            return []
        values = [value] if self.add is None else value
        texts = [self.write(each) for each in values if isinstance(each, self.of)]
        return [word for text in texts for word in (f"--{self.name}", text)]


def choices_in(value: str) -> tuple[str, ...]:
    """Return the words that can be typed where help has the name of a value.

    Words in upper case are not typed; ``FILE`` and ``PATH`` are paths.
    """
    words = (FILE if word == "PATH" else word for word in value.split("|"))
    return tuple(word for word in words if word == FILE or word.islower())


def option(
    default: T,
    spelt: str,
    about: str,
    *,
    group: Group,
    shown: str | None = None,
    read: Callable[[str], Any] = str,
    write: Callable[[Any], str] = as_written,
    add: Callable[[Any, Any], Any] | None = None,
    offers: Offers = (),
) -> T:
    """Define a field that is set by an option with a value.

    Args:
        default: the field's value if the option is not given.
        spelt: see `Option`.
        about: what it does; the `help` of `Option`.
        group: see `Option`.
        shown: see `Option`; None to show the default, if there is one.
        read: see `Option`.
        write: see `Option`.
        add: see `Option`.
        offers: see `Option`.
    """
    if shown is None:
        shown = "" if default is None or add else write(default)
    made = Option(
        spelt=spelt,
        help=about,
        group=group,
        shown=shown,
        read=read,
        write=write,
        add=add,
        offers=offers,
    )
    return _field(default, made)


def flag(default: bool, spelt: str, about: str, *, group: Group) -> bool:
    """Define a field that an option without a value sets to the opposite.

    Args:
        default: the field's value if the option is not given.
        spelt: see `Option`.
        about: what it does; the `help` of `Option`.
        group: see `Option`.
    """
    made = Option(spelt=spelt, help=about, group=group, sets=not default)
    return _field(default, made)


def like(settings: type[DataclassInstance], name: str, group: Group) -> Any:
    """Define a field like one of other settings: with the same options and default.

    Args:
        settings: the others.
        name: the name of the field there.
        group: the group of the options.
    """
    [same] = [each for each in fields(settings) if each.name == name]
    options = [each._replace(group=group) for each in same.metadata[OPTIONS]]
    return _field(same.default, *options)


def flags(
    default: bool | None, choices: dict[bool, tuple[str, str]], *, group: Group
) -> bool | None:
    """Define a field that is set by one of two options without values.

    Args:
        default: the field's value if neither is given.
        choices: the ``spelt`` and ``help`` of each option, by the value that it
            sets.
        group: see `Option`.
    """
    return _field(
        default,
        *(
            Option(spelt=spelt, help=said, group=group, sets=sets)
            for sets, (spelt, said) in choices.items()
        ),
    )


def adding(default: T, *options: Option) -> T:
    """Define a field to which several options add values, in the order of the words.

    Args:
        default: the field's value if none of them is given.
        options: the options; each has `add`, and `of`.
    """
    return _field(default, *options)


def _field(default: T, *options: Option) -> T:
    # Type checkers see the default's type, and compare it with the annotation.
    made: T = field(default=default, metadata={OPTIONS: options})
    return made


def options_of(
    settings: DataclassInstance | type[DataclassInstance],
) -> Iterator[tuple[Field[Any], Option]]:
    """Yield the options of settings in order, each with the field that it sets."""
    for each in fields(settings):
        for made in each.metadata.get(OPTIONS, ()):
            yield each, made


def words_of(settings: DataclassInstance) -> list[str]:
    """Return the words of a command line that make these settings.

    Raises:
        TypeError: a value is a function, which a command line cannot express.
    """
    return [
        word
        for each in fields(settings)
        if (value := getattr(settings, each.name)) != each.default
        for word in _words_of(value, each.metadata.get(OPTIONS, ()))
    ]


def _words_of(value: Any, options: Sequence[Option]) -> Iterator[str]:
    repeated = any(each.add for each in options)
    # One value at a time, since the order of the words may matter.
    for part in [(each,) for each in value] if repeated else [value]:
        for made in options:
            yield from made.words(part)
