"""What other people's code offers, found by name and checked."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from twisted.internet.testing import MemoryReactorClock
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Chunk,
    EcholabError,
    LineFramer,
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
from echolab.formats import Needs
from echolab.framing import framed
from echolab.option import words_of
from echolab.testing import LabProcess, connected

if TYPE_CHECKING:
    from echolab import Event, Messages
    from echolab.command.server_outputs import Printed
    from echolab.server.settings import ServerSettings

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
            *("OK", " ok", "ok!", "ok:", "1ok", "", "None", "python", "python:"),
            *(
                "python:door_lab",
                "python: door_lab:Counted",
                "python:door_lab:Counted ",
            ),
            *(
                "python:door_lab:Counted:",
                "Python:door_lab:Counted",
                "door_lab:Counted",
            ),
        ):
            talk = connected(reply=text)
            talk.client.write(b"hello\n")
            talk.flush()
            self.assertEqual(talk.transcript.sent(), text.encode() + b"\n")

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

    def test_elsewhere_only_by_name(self) -> None:
        with self.assertRaisesRegex(TypeError, "Shouting.* python:module:name can"):
            LabProcess(framing=Shouting)
        with self.assertRaisesRegex(TypeError, "reversed.* python:module:name can"):
            LabProcess(reply=reversed_lines)


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
