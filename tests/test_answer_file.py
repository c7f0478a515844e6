"""Answers on the command line: ``--greet``, ``--answer``, and answer files."""

from __future__ import annotations

import re
import smtplib
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from echolab import Answers, Batch, Close, Delay, Peer, Then
from echolab.command.server_options import ServerOptions
from echolab.server.answer_file import read_answers
from echolab.server.dialogue import Dialogue
from echolab.server.option_values import answer_value
from echolab.server.script import Script
from echolab.testing import LabProcess
from echolab.testing.handed_answers import answer_text
from tests.support import ROOT

if TYPE_CHECKING:
    from echolab.testing import Rules

GUIDE = (ROOT / "docs" / "answers.md").read_text()
SMTP = re.findall(r"```toml\n# smtp\.toml\n(.*?)```", GUIDE, re.DOTALL)[0]
PEER = Peer(1, "IPv4", "127.0.0.1", 60612)


def answered(script: Script, *messages: bytes) -> list[Any]:
    """Return the pieces of the answers to these messages."""
    return list(Dialogue(Answers(script))(PEER, Batch(messages)))


class FileCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.path = str(Path(self.folder, "lab.toml"))

    def read(self, text: str) -> Script:
        Path(self.path).write_text(text)
        return read_answers(self.path)


class FileTests(FileCase):
    def test_the_guides_file(self) -> None:
        Path(self.path).write_text(SMTP)
        with LabProcess("--answer", f"@{self.path}") as server:
            with smtplib.SMTP(server.host, server.port, timeout=30) as smtp:
                self.assertEqual(smtp.helo("me")[1], b"hello me")
                smtp.sendmail("a@example.com", ["b@example.com"], "hi\r\n.\r\nbye")
            server.wait_for_end(timeout=30)
            self.assertIn(
                "peer 1 recv QUIT\npeer 1 sent 221 bye\\r\\n\n", server.render()
            )
            self.assertNotIn("unanswered", server.render())
            self.assertIn("peer 1 recv ..\n", server.render())

    def test_every_key(self) -> None:
        script = self.read(
            """
            [greet]
            delay = 0.5
            bytes = 'hi\\x00'

            [[answers]]
            pattern = "(é)"
            text = 'got \\1'
            close = false

            [[answers]]
            pattern = 'x'
            call = "os:getpid_of"
            """.replace("os:getpid_of", "tests.test_answer_file:shout")
            + """
            then = "b"

            [[b]]
            pattern = ''
            steps = [{ text = "1" }, { close = true, text = "2" }]
            """
        )
        self.assertEqual(script.greeting, (Delay(0.5), b"hi\x00"))
        call, *others = answered(script, "é".encode(), b"x", b"y")[1::1][1:]
        self.assertEqual(
            [each for each in (call, *others) if isinstance(each, bytes | Close)],
            [b"X", b"1\n", b"2\n", Close()],
        )
        self.assertIn("got é\n".encode(), answered(script, "é".encode()))

    def test_a_greeting_that_is_a_text(self) -> None:
        self.assertEqual(self.read("greet = 'hi'").greeting, ("hi",))

    def test_mistakes_are_told_with_their_line(self) -> None:
        right = """\
# a comment
greet = "220 lab"

[[answers]]
pattern = '^EHLO (.*)'
text = '250 \\1'

[[answers]]
pattern = '^DATA'

# go on
then = "data"

[[answers]]
pattern = '^QUIT'
[[answers.steps]]
text = "221 bye"
[[answers.steps]]
delay = 0.5
close = true

[[data]]
pattern = ''
bytes = ''
"""
        self.read(right)
        for old, new, line, told in (
            ("'^EHLO (", "'^EHLO ((", 5, "is no regular expression"),
            (r"\1", r"\2", 6, "has no group 2"),
            (r"'250 \1'", r"'\q'", 6, "unknown escape"),
            (r"'250 \1'", "5", 6, "text is a text, not 5"),
            (
                'then = "data"',
                'then = "dta"',
                12,
                "[[dta]]; did you mean data?",
            ),
            ("pattern = '^QUIT'", "patern = '^QUIT'", 14, "has no pattern"),
            ("pattern = ''", "pattern = ''\ntext = ''", 25, "has text already"),
            ("delay = 0.5", "delay = -1", 19, "from 0 seconds, not -1"),
            ("delay = 0.5", "delay = true", 19, "a number of seconds, not True"),
            ("close = true", "close = 1", 20, "true or false, not 1"),
            ("close = true", "clse = true", 20, "no key clse; did you mean close?"),
            ("bytes = ''", "", 22, "has no answer"),
            ("bytes = ''", r"bytes = '\q'", 24, "unknown escape"),
            ("bytes = ''", "call = 'nosuch:x'", 24, "No module named 'nosuch'"),
            ("bytes = ''", "call = 'os'", 24, "a name is python:module:name"),
            ("[[data]]", "[data]", 22, "data is no list of answers"),
            ("greet = ", "gret = ", 2, "did you mean greet?"),
            ('"220 lab"', "5", 2, "text is a text, not 5"),
            ("pattern = '^QUIT'", "pattern = '^QUIT'\ntext = 'x'", 17, "stands alone"),
        ):
            with self.subTest(new), self.assertRaises(ValueError) as caught:
                self.assertIn(old, right)
                self.read(right.replace(old, new, 1))
            said = str(caught.exception)
            self.assertRegex(said, rf"lab\.toml, line {line}: .*{re.escape(told)}")

    def test_many_answers_are_parsed_a_few_times(self) -> None:
        answers = "[[answers]]\npattern = ''\ntext = ''\n" * 100
        with patch.object(tomllib, "loads", side_effect=tomllib.loads) as parsing:
            self.read(answers)
            self.assertEqual(parsing.call_count, 1)
            with self.assertRaisesRegex(ValueError, "line 302: .*no answer"):
                self.read(f"{answers}\n[[answers]]\npattern = ''")
        parsed = sum(len(each.args[0]) for each in parsing.mock_calls)
        self.assertLess(parsed, 20 * len(answers))

    def test_only_a_newline_ends_a_line(self) -> None:
        answer = "[[answers]]\npattern = '\u2028'  # \u2028 or \x85\n"
        with self.assertRaisesRegex(ValueError, "line 4: .*no answer"):
            self.read(f"{answer}text = ''\n{answer}")

    def test_the_guide_shows_the_error(self) -> None:
        wrong = f"# smtp.toml\n{SMTP}".replace("text =", "txt =", 2)
        wrong = wrong.replace("txt =", "text =", 1)
        path = Path(self.folder, "smtp.toml")
        path.write_text(wrong)
        with self.assertRaises(UsageError) as caught:
            ServerOptions().parseOptions(["--answer", f"@{path}"])
        said = str(caught.exception).replace(str(path), path.name)
        self.assertIn(f"\n    {said}\n", GUIDE)

    def test_files_that_are_none(self) -> None:
        for text, told in (
            ("greet = x", r"lab\.toml: Invalid value \(at .*line 1"),
            (
                "[[data]]\npattern = ''\ntext = ''",
                r"line 1: there is no list \[\[",
            ),
        ):
            with self.assertRaisesRegex(ValueError, told):
                self.read(text)
        Path(self.path).write_bytes(b"\xff")
        with self.assertRaisesRegex(ValueError, "lab.toml: it is not UTF-8"):
            read_answers(self.path)
        with self.assertRaisesRegex(ValueError, "no: No such file"):
            read_answers("no")

    def test_a_text_that_does_not_fit_the_framing(self) -> None:
        text = f"\n[[answers]]\npattern = ''\ntext = '{'x' * 70_000}'"
        with self.assertRaisesRegex(ValueError, "lab.toml, line 2: .*too long"):
            Answers(self.read(text), framing="int16")


class RuleTests(SynchronousTestCase):
    def test_where_the_pattern_ends(self) -> None:
        for text, pattern, answer in (
            ("a=b", b"a", "b"),
            ("a=b=c", b"a", "b=c"),
            ("=b", b"", "b"),
            (r"a\=b=c", rb"a\=b", "c"),
            (r"a\\=c", rb"a\\", "c"),
            ("(?=x)(?<=y)z=c", b"(?=x)(?<=y)z", "c"),
            ("é=", "é".encode(), ""),
        ):
            [rule] = answer_value(text).rules
            self.assertEqual((rule.pattern.pattern, rule.steps), (pattern, (answer,)))

    def test_mistakes(self) -> None:
        with self.assertRaisesRegex(ValueError, "^is no PATTERN=TEXT, nor @FILE$"):
            answer_value("hello")
        with self.assertRaisesRegex(ValueError, "is no regular expression"):
            answer_value("(=x")

    def test_several(self) -> None:
        one, two = answer_value("a=1"), answer_value("b=2")
        self.assertEqual((one + two).rules, one.rules + two.rules)
        greeting = Script(greeting=("hi",))
        with self.assertRaisesRegex(ValueError, "two greetings"):
            greeting + greeting


class HandedTests(FileCase):
    @given(
        st.binary(max_size=8),
        st.text(max_size=8).filter(lambda text: not text.startswith("python:")),
        st.binary(max_size=4),
    )
    def test_a_server_elsewhere_answers_the_same(
        self, exact: bytes, text: str, literal: bytes
    ) -> None:
        rules: Rules = {
            "answers": [
                (re.compile(b"^" + re.escape(literal) + b"$"), exact),
                (re.compile("(ABC)", re.IGNORECASE), [rb"\1\\\xff", Then("other one")]),
            ],
            "other one": [("", text.replace("\\", r"\\"))],
        }
        script = Script.of(rules) + Script(greeting=(exact, "hi"))
        handed = self.read(answer_text(script))
        messages = (literal, b"xabcx", b"z")
        self.assertEqual(answered(handed, *messages), answered(script, *messages))
        self.assertEqual(handed.greeting, script.greeting)

    def test_functions_have_to_be_named(self) -> None:
        named = Script.of([("a", "python:tests.test_answer_file:shout")])
        self.assertEqual(answered(self.read(answer_text(named)), b"a")[1:], [b"A"])
        with self.assertRaisesRegex(TypeError, "elsewhere; name it: 'python:tests"):
            LabProcess(answers=[("a", shout)])
        with self.assertRaisesRegex(TypeError, "<lambda> has no name there: give"):
            LabProcess(answers=[("a", lambda _peer, message: message)])


def shout(_peer: Peer, message: bytes) -> bytes:
    """Answer in capitals."""
    return message.upper()
