"""What other people's code offers, found by name and checked."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from twisted.internet.testing import MemoryReactorClock
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Batch,
    Behaviour,
    Chunk,
    EcholabError,
    EndCause,
    LineFramer,
    Misbehaved,
    OutputError,
    Peer,
    Style,
    echo,
    framing_named,
    tee,
)
from echolab.command.server_assembly import server_service
from echolab.command.server_options import ServerOptions
from echolab.command.server_outputs import server_outputs
from echolab.doors import DoorError
from echolab.formats import Needs
from echolab.framing import framed
from echolab.option import words_of
from echolab.testing import LabProcess, connected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab import Event, Framer, Messages, Victim
    from echolab.command.server_outputs import Printed
    from echolab.server.settings import ServerSettings
    from echolab.testing import Conversation

PEER = Peer(1, "IPv4", "127.0.0.1", 60612)


def parsed(*words: str) -> ServerSettings:
    """The settings that a command line makes, which makes the same again."""
    options = ServerOptions()
    options.parseOptions(words)
    again = ServerOptions()
    again.parseOptions(words_of(options.settings))
    assert again.settings == options.settings
    return options.settings


class Installed:
    """A folder of modules on ``sys.path``, as long as a test runs."""

    def __init__(self, case: SynchronousTestCase, **modules: str) -> None:
        self.folder = Path(case.enterContext(tempfile.TemporaryDirectory()))
        case.patch(sys, "path", [*sys.path, str(self.folder)])
        case.addCleanup(self.forget, *modules)
        for name, text in modules.items():
            (self.folder / f"{name}.py").write_text(text)

    def distribution(self, name: str, entry_points: str) -> None:
        folder = self.folder / f"{name.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(entry_points)
        sys.path[:] = [*sys.path, str(self.folder / name)]  # What is known is stale.

    def forget(self, *names: str) -> None:
        for name in names:
            sys.modules.pop(name, None)


class Shouting:
    """Lines in capitals; the framing of these tests."""

    def make_framer(self, max_message_bytes: int, overlong: Any) -> LineFramer:
        return LineFramer(max_message_bytes, overlong)

    def framed(self, message: bytes) -> bytes:
        return message.upper() + b"!\n"


class Sizes:
    """A format, whose class is made with a style."""

    needs = Needs(chunks=True)

    def __init__(self, style: Style) -> None:
        self.style = style

    def __call__(self, event: Event) -> bytes:
        return b"%d\n" % len(event.data) if isinstance(event, Chunk) else b""


def names(event: Event) -> bytes:
    """A format that is a function."""
    return b"%b\n" % type(event).__name__.encode()


class Keeping:
    """A sink, whose class is made with its argument."""

    needs = Needs(sent=True)
    events: ClassVar[list[tuple[str, Event]]] = []

    def __init__(self, argument: str) -> None:
        self.argument = argument
        if argument == "nowhere":
            raise LookupError(argument)

    def __call__(self, event: Event) -> None:
        self.events.append((self.argument, event))


def keep(event: Event) -> None:
    """A sink that is a function."""
    Keeping.events.append(("-", event))


def reversed_lines(peer: Peer, messages: Messages) -> bytes:
    """A reply that is a function."""
    return b"".join(message[::-1] + b"\n" for message in messages)


class Counted:
    """A reply that is a class, and a coroutine."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, peer: Peer, messages: Messages) -> list[bytes]:
        self.count += len(messages)
        return [b"%d\n" % self.count]


class Rude:
    """A misbehaviour: it says something itself, and answers each message twice."""

    there: ClassVar[list[Rude]] = []

    def __init__(self, word: str = "hello") -> None:
        self.word = word.encode()
        self.framer: Framer

    def accepted(self, victim: Victim) -> None:
        self.there.append(self)
        self.victim = victim
        self.reply, victim.reply = victim.reply, self.twice
        victim.send(self.word + b"\n")

    def twice(self, peer: Peer, messages: Messages) -> Any:
        self.victim.strike()
        return self.reply(peer, Batch(tuple(messages) * 2))

    def gone(self) -> None:
        self.there.remove(self)


class Cutting:
    """A misbehaviour that does what a message says."""

    def __init__(self) -> None:
        self.ended = False

    def accepted(self, victim: Victim) -> None:
        self.victim = victim
        victim.framer = _Obeying(victim.framer, self)

    def gone(self) -> None:
        for act in ["strike", "hold", "release", "close", "reset"]:
            getattr(self.victim, act)()
        self.victim.send(b"too late")
        self.victim.later(1, self.no)

    def no(self) -> None:
        raise RuntimeError("this is wrong")

    def obey(self, message: bytes) -> None:
        name, _, seconds = message.decode().partition(" ")
        if hasattr(self.victim, name):
            call = getattr(self.victim, name)
        else:
            call = getattr(self, name, None)
        if seconds:
            self.victim.later(float(seconds), self.victim.release)
        if call:
            call()


class _Obeying(LineFramer):
    """Has an order obeyed behind the chunk that it came in."""

    __slots__ = ("_cutting", "_framer")

    def __init__(self, framer: Framer, cutting: Cutting) -> None:
        super().__init__()
        self._framer = framer
        self._cutting = cutting

    def feed(self, chunk: bytes) -> Iterator[Any]:
        for messages in self._framer.feed(chunk):
            yield messages
            for message in messages:
                self._cutting.obey(message)


LAB = """
from zope.interface import implementer
from echolab import ISink
from tests.test_doors import *

class Lacking:
    def make_framer(self, most): pass

class Void(Shouting):
    def make_framer(self, max_message_bytes, overlong): pass

class Failing(Shouting):
    def __init__(self): self.nothing

class FailingReply(Counted):
    def __init__(self): 1 / 0

def nothing(): pass

def lacking(): return 3

class NotGone(Rude):
    gone = None

class NeedsMore(Rude):
    def __init__(self, how_much, *, first="0"): pass

@implementer(ISink)
class HalfSink(Keeping):
    def flush(self, seconds): pass
    def reopen(self): pass
"""


class DoorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.installed = Installed(
            self, door_lab=LAB, door_broken="1 +", door_exits="raise SystemExit(3)"
        )
        self.place = self.installed.folder / "door_lab.py"

    def why_not(self, *words: str) -> str:
        with self.assertRaises(UsageError) as caught:
            ServerOptions().parseOptions(words)
        return str(caught.exception)

    def test_by_module_and_name(self) -> None:
        settings = parsed("--framing", "python:door_lab:Shouting")
        self.assertEqual(settings.framing, "python:door_lab:Shouting")
        self.assertIsInstance(framing_named(settings.framing)(), LineFramer)
        self.assertEqual(framed(b"hello", settings.framing), b"HELLO!\n")

    def test_by_the_name_of_an_entry_point(self) -> None:
        self.installed.distribution(
            "door-lab", "[echolab.framings]\nShouting = door_lab:Shouting\n"
        )
        settings = parsed("--framing", "Shouting")
        self.assertEqual(framed(b"hello", settings.framing), b"HELLO!\n")
        self.assertIn("did you mean Shouting?", self.why_not("--framing", "Shoutin"))

    def test_built_in_names_win(self) -> None:
        self.installed.distribution(
            "door-lab", "[echolab.framings]\nline = door_lab:Shouting\n"
        )
        self.assertEqual(
            framed(b"hello", parsed("--framing", "LINE").framing), b"hello\n"
        )

    def test_two_distributions_with_one_name(self) -> None:
        points = "[echolab.framings]\nshouting = door_lab:{}\n"
        self.installed.distribution("door-one", points.format("Shouting"))
        self.installed.distribution("door-two", points.format("Void"))
        self.assertEqual(
            self.why_not("--framing", "shouting"),
            "--framing shouting: door-one 1.0 and door-two 1.0 both have this name; "
            "write python:module:name",
        )

    def test_what_cannot_be_found(self) -> None:
        for name, why in (
            ("door_lab:Nothing", f"door_lab ({self.place}) has no Nothing"),
            ("door_none:It", "cannot import door_none: No module named 'door_none'"),
            ("door_exits:It", "cannot import door_exits: SystemExit: 3"),
        ):
            said = self.why_not("--framing", f"python:{name}")
            self.assertEqual(said, f"--framing python:{name}: {why}")
        said = self.why_not("--framing", "python:door_broken:It")
        self.assertIn("cannot import door_broken: SyntaxError: invalid syntax", said)

    def test_who_names_what_cannot_be_found(self) -> None:
        self.installed.distribution(
            "door-lab", "[echolab.framings]\nshouting = door_none:Shouting\n"
        )
        self.assertEqual(
            self.why_not("--framing", "shouting"),
            "--framing shouting: cannot import door_none, named by door-lab 1.0: "
            "No module named 'door_none'",
        )

    def test_what_is_no_framing(self) -> None:
        for name, why in (
            (
                "Lacking",
                (
                    "is no IFraming: make_framer(max_message_bytes, overlong): "
                    "implementation doesn't allow enough arguments; "
                    "it has no framed(message)"
                ),
            ),
            (
                "Void",
                (
                    "is no IFramer: it has no buffered_bytes; it has no feed(chunk); "
                    "it has no take(); it has no end()"
                ),
            ),
            (
                "Failing",
                (
                    "cannot be used: AttributeError: 'Failing' object has no attribute "
                    "'nothing'"
                ),
            ),
        ):
            said = self.why_not("--framing", f"python:door_lab:{name}")
            there = f"door_lab.{name} ({self.place})"
            self.assertEqual(said, f"--framing python:door_lab:{name}: {there} {why}")

    def outputs(self, *words: str) -> list[Printed]:
        reactor: Any = MemoryReactorClock()
        opened = server_outputs(
            reactor,
            parsed(*words),
            done=lambda why: None,
            foreground=False,
        )
        sink = tee(*(each.sink for each in opened))
        self.addCleanup(sink.close)
        sink(Chunk(PEER, 0.0, b"hello"))
        return opened

    def test_formats(self) -> None:
        self.installed.distribution(
            "door-lab",
            "[echolab.formats]\nNames = door_lab:names\njson = door_lab:names\n",
        )
        files = [str(self.installed.folder / name) for name in "abcd"]
        needs = [
            each.needs
            for each in self.outputs(
                *("--format", "python:door_lab:Sizes", "-o", files[0]),
                *("-o", f"Names:{files[1]}", "-o", f"JSON:{files[2]}"),
                *("-o", f"python:door_lab:names:{files[3]}"),
            )
        ]
        self.assertEqual([each.chunks for each in needs], [True, False, False, False])
        printed = [Path(file).read_text() for file in files]
        self.assertEqual(printed, ["5\n", "Chunk\n", "", "Chunk\n"])

    def test_what_is_no_format(self) -> None:
        self.installed.distribution(
            "door-lab", "[echolab.formats]\nsizes = door_lab:Sizes\n"
        )
        self.assertIn("did you mean sizes?", self.why_not("--format", "size"))
        self.assertIn("did you mean sizes:x?", self.why_not("-o", "size:x"))
        self.assertEqual(
            self.why_not("--format", "python:door_lab:nothing"),
            f"--format python:door_lab:nothing: door_lab.nothing ({self.place}) is no "
            "IForm: it is called with (event): too many positional arguments",
        )
        self.assertIn(
            "(event): too many", self.why_not("-o", "python:door_lab:nothing:x")
        )
        said = self.why_not("-o", "python:door_lab:Sizes")
        self.assertEqual(said, "--output python:door_lab:Sizes: the file has no name")
        self.assertEqual(parsed("-o", "./a:b").outputs, ((None, "./a:b"),))

    def test_sinks(self) -> None:
        self.patch(Keeping, "events", [])
        self.installed.distribution(
            "door-lab", "[echolab.sinks]\nkeeping = door_lab:Keeping\n"
        )
        opened = self.outputs(
            *("-o", "sink:keeping", "-o", "sink:keeping:a:b", "-o", "sink:keeping:a:b"),
            *(
                "-o",
                "sink:python:door_lab:Keeping:c",
                "-o",
                "SINK:python:door_lab:keep",
            ),
        )
        event = Chunk(PEER, 0.0, b"hello")
        self.assertEqual(
            Keeping.events, [(name, event) for name in ("", "a:b", "a:b", "c", "-")]
        )
        self.assertEqual([each.needs.sent for each in opened], [True] * 4 + [False])

    def test_what_is_no_sink(self) -> None:
        self.installed.distribution(
            "door-lab", "[echolab.sinks]\nkeeping = door_lab:Keeping\n"
        )
        for name, why in (
            (
                "keepin",
                (
                    "keepin is no sink that is installed, nor python:module:name; "
                    "did you mean keeping?"
                ),
            ),
            ("", "nothing is no sink that is installed, nor python:module:name"),
            (
                "python:door_lab:keep:x",
                f"door_lab.keep ({self.place}) takes no argument, as it is no class",
            ),
            (
                "python:door_lab:nothing",
                (
                    f"door_lab.nothing ({self.place}) is no ISinkFunction: it is "
                    "called with (event): too many positional arguments"
                ),
            ),
            (
                "python:door_lab:HalfSink",
                (
                    f"door_lab.HalfSink ({self.place}) is no ISink: it has no "
                    "registerProducer(producer, streaming); it has no "
                    "unregisterProducer(producer=None); it has no close()"
                ),
            ),
        ):
            said = self.why_not("-o", f"sink:{name}")
            self.assertEqual(said, f"--output sink:{name}: {why}")

    def test_a_sink_that_cannot_be_made(self) -> None:
        with self.assertRaises(OutputError) as caught:
            self.outputs("-o", "sink:python:door_lab:Keeping:nowhere")
        self.assertEqual(
            str(caught.exception),
            "open sink:python:door_lab:Keeping:nowhere: "
            f"door_lab.Keeping ({self.place}) cannot be used: LookupError: nowhere",
        )

    def test_replies(self) -> None:
        self.installed.distribution(
            "door-lab",
            "[echolab.replies]\nCounted = door_lab:Counted\nok = door_lab:Counted\n"
            "echo = door_lab:Counted\n",
        )
        for name, answer in (
            ("python:door_lab:reversed_lines", b"olleh\n"),
            ("python:door_lab:Counted", b"1\n"),
            ("Counted", b"1\n"),
            ("ok", b"1\n"),
            (r"\x6fk", b"ok\n"),
            ("echo", b"hello\n"),
        ):
            self.assertEqual(parsed("--reply", name).reply, name)
            talk = connected(reply=name)
            talk.client.write(b"hello\n")
            talk.flush()
            self.assertEqual(talk.transcript.sent(), answer, name)

    def test_a_reply_that_cannot_be_made(self) -> None:
        reactor: Any = MemoryReactorClock()
        settings = parsed("--reply", "python:door_lab:FailingReply")
        with self.assertRaises(EcholabError) as caught:
            server_service(reactor, settings, done=lambda why: None, foreground=False)
        self.assertEqual(
            str(caught.exception),
            f"make the reply: door_lab.FailingReply ({self.place}) cannot be used: "
            "ZeroDivisionError: division by zero",
        )

    def test_a_text_stays_a_text(self) -> None:
        self.installed.distribution(
            "door-lab", "[echolab.replies]\nok = door_lab:Counted\n"
        )
        for text in (
            *("OK", " ok", "ok!", "ok:", "1ok", "", "None", "python"),
            *("Python:door_lab:Counted", "door_lab:Counted", r"\x70ython:"),
        ):
            talk = connected(reply=text)
            talk.client.write(b"hello\n")
            talk.flush()
            sent = text.replace(r"\x70", "p").encode() + b"\n"
            self.assertEqual(talk.transcript.sent(), sent)

    def test_a_name_that_is_misspelt_is_not_sent(self) -> None:
        for rest in ("", "door_lab", " door_lab:Counted", "door_lab:Counted:"):
            with self.assertRaisesRegex(UsageError, "a name is python:module:name"):
                connected(reply=f"python:{rest}")

    def test_what_is_no_reply(self) -> None:
        self.assertEqual(
            self.why_not("--reply", "python:door_lab:nothing"),
            f"--reply python:door_lab:nothing: door_lab.nothing ({self.place}) is no "
            "IReply: it is called with (peer, messages): too many positional arguments",
        )
        self.assertEqual(
            self.why_not("--reply", "python:door_none:It"),
            "--reply python:door_none:It: cannot import door_none: "
            "No module named 'door_none'",
        )

    def test_behaviours(self) -> None:
        self.installed.distribution(
            "door-lab",
            "[echolab.behaviours]\nRude = door_lab:Rude\nreset = door_lab:Rude\n",
        )
        text = "Rude:word=hm:first=1+python:door_lab:Rude+reset:after-messages=2"
        settings = parsed("--behave", text)
        self.assertEqual(str(settings.behave), text)
        self.assertEqual(parsed("--behave", text.replace("reset", "RESET")), settings)
        talk = connected(behave=text, reply="ok")
        talk.client.write(b"hello\n")
        talk.flush()
        self.assertEqual(talk.transcript.sent(), b"hm\nhello\n" + b"ok\n" * 4)
        struck = [
            e.behaviour for e in talk.transcript.events if isinstance(e, Misbehaved)
        ]
        self.assertEqual(struck, ["python:door_lab:Rude", "Rude:word=hm:first=1"])
        talk.client.write(b"bye\n")
        talk.flush()
        [end] = talk.transcript.ends()
        self.assertEqual(end.detail, "reset:after-messages=2")

    def test_what_is_no_behaviour(self) -> None:
        self.installed.distribution(
            "door-lab", "[echolab.behaviours]\nrude = door_lab:Rude\n"
        )
        there = f"({self.place})"
        for name, why in (
            ("lacking:more=1", f"door_lab.lacking {there}: got an unexpected keyword "),
            ("NotGone", f"door_lab.NotGone {there} is no IMisbehaviour: gone()"),
            ("NeedsMore", f"door_lab.NeedsMore {there}: missing a required argument: "),
            (
                "__name__",
                f"door_lab.__name__ {there} makes no IMisbehaviour: it cannot",
            ),
            ("Rude:word", "python:door_lab:Rude: word is no NAME=VALUE"),
            ("Rude:", "python:door_lab:Rude: nothing is no NAME=VALUE"),
            ("Rude:word=a:word=b", "python:door_lab:Rude: word is given twice"),
            ("Rude:first=x", "python:door_lab:Rude: first=x is no number"),
        ):
            name = f"python:door_lab:{name}"
            said = self.why_not("--behave", name)
            self.assertIn(f"--behave {name}: {why}", said)
        self.assertIn("; did you mean rude?", self.why_not("--behave", "rud"))
        with self.assertRaisesRegex(UsageError, "of_nothing is none of accept-late"):
            ServerOptions().parseOptions(["--behave", "of_nothing"])
        parsed("--behave", "python:door_lab:NeedsMore:how-much=3:first=2")

    def test_a_behaviour_that_cannot_be_made(self) -> None:
        talk = connected(behave="python:door_lab:lacking")
        talk.flush()
        [end] = talk.transcript.ends()
        self.assertEqual(end.cause, EndCause.ERROR)
        self.assertIn("failed: door_lab.lacking", end.detail)
        self.assertIn("is no IMisbehaviour: it has no accepted(victim)", end.detail)
        self.assertEqual(len(self.flushLoggedErrors(DoorError)), 1)


class VictimTests(SynchronousTestCase):
    NAME = "python:tests.test_doors:Cutting"

    def talk(self, *orders: bytes) -> Conversation:
        talk = connected(behave=Cutting, reply="ok")
        for order in orders:
            talk.client.write(order + b"\n")
            talk.flush()
        return talk

    def struck(self, talk: Conversation) -> list[str]:
        return [
            e.behaviour for e in talk.transcript.events if isinstance(e, Misbehaved)
        ]

    def test_nothing_is_done_once_it_has_gone(self) -> None:
        talk = self.talk(b"hello")
        talk.client.finish()
        talk.flush()
        talk.advance(2)
        self.assertEqual(talk.transcript.sent(), b"ok\n")
        self.assertEqual(self.struck(talk), [])
        [end] = talk.transcript.ends()
        self.assertIs(end.cause, EndCause.EOF)

    def test_close_pays_first(self) -> None:
        talk = self.talk(b"hello", b"close", b"more")
        self.assertEqual(talk.transcript.sent(), b"ok\nok\n")
        self.assertEqual(talk.transcript.lines(), [b"hello", b"close"])
        [end] = talk.transcript.ends()
        self.assertEqual((end.cause, end.detail), (EndCause.STOPPED, self.NAME))
        self.assertEqual(self.struck(talk), [self.NAME])

    def test_reset(self) -> None:
        talk = self.talk(b"reset")
        [end] = talk.transcript.ends()
        self.assertEqual((end.cause, end.detail), (EndCause.STOPPED, self.NAME))

    def test_hold_and_release(self) -> None:
        talk = self.talk(b"hold 3", b"more")
        talk.transcript.assert_lines(["hold 3"])
        talk.advance(3)
        talk.transcript.assert_lines(["hold 3", "more"])
        self.assertEqual(self.struck(talk), [self.NAME])

    def test_one_without_a_name(self) -> None:
        talk = connected(behave=partial(Rude, "hm"))
        talk.flush()
        self.assertEqual(talk.transcript.sent(), b"hm\n")
        talk.client.finish()
        talk.flush()
        self.assertEqual(Rude.there, [])

    def test_one_that_fails_later(self) -> None:
        talk = connected(behave=Behaviour.of(Rude, first=1) + Behaviour.of(Cutting))
        [rude] = Rude.there
        rude.victim.later(1, Cutting().no)
        talk.advance(1)
        [end] = talk.transcript.ends()
        self.assertEqual(
            (end.cause, end.detail),
            (
                EndCause.ERROR,
                (
                    "the behaviour python:tests.test_doors:Rude:first=1 failed: "
                    "this is wrong"
                ),
            ),
        )
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(Rude.there, [])


class KitTests(SynchronousTestCase):
    def test_a_reply_itself(self) -> None:
        for reply, answer in (
            (reversed_lines, b"olleh\neyb\n"),
            (Counted, b"2\n"),
            (Counted(), b"2\n"),
            (echo, b"hello\nbye\n"),
        ):
            talk = connected(reply=reply)
            talk.client.write(b"hello\nbye\n")
            talk.flush()
            self.assertEqual(talk.transcript.sent(), answer)

    def test_a_framing_itself(self) -> None:
        for framing in Shouting, Shouting():
            talk = connected(framing=framing, reply="ok")
            talk.client.write(b"hello\n")
            talk.flush()
            talk.transcript.assert_lines(["hello"])
            self.assertEqual(talk.transcript.sent(), b"OK!\n")

    def test_what_is_none(self) -> None:
        with self.assertRaisesRegex(TypeError, "framing: .*int is no IFraming: it has"):
            connected(framing=int)  # type: ignore[arg-type]
        with self.assertRaisesRegex(TypeError, "reply: len is no IReply: .*too many"):
            connected(reply=len)  # type: ignore[arg-type]
        with self.assertRaisesRegex(TypeError, "behave: str is no IMisbehaviour: it"):
            connected(behave=str)

    def test_elsewhere_only_by_name(self) -> None:
        with self.assertRaisesRegex(TypeError, "Shouting.* python:module:name can"):
            LabProcess(framing=Shouting)
        with self.assertRaisesRegex(TypeError, "reversed.* python:module:name can"):
            LabProcess(reply=reversed_lines)
        with self.assertRaisesRegex(TypeError, "Rude.* python:module:name can"):
            LabProcess(behave=Behaviour.reset() + Behaviour.of(Rude))


class CostTests(SynchronousTestCase):
    def test_nothing_is_looked_for_while_none_is_named(self) -> None:
        said = subprocess.check_output(
            [
                sys.executable,
                "-c",
                (
                    "import sys\n"
                    "from echolab.command.server_options import ServerOptions\n"
                    "from echolab.command.server_assembly import server_service\n"
                    "options = ServerOptions()\n"
                    "options.parseOptions(sys.argv[1:])\n"
                    "print(*sys.modules)\n"
                ),
                *("--framing", "delimiter:;", "--format", "json", "-o", "hex:/tmp/x"),
                *("-o", "./y", "--reply", "echo", "--behave", "reset:after-bytes=3"),
            ],
            text=True,
        ).split()
        self.assertIn("echolab.doors", said)
        for name in ("importlib.metadata", "echolab.extending"):
            self.assertNotIn(name, said)
