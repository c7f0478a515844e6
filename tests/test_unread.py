"""Received bytes until a match consumes them, in memory."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from echolab.testing.unread import LEAST_BYTES, Unread


class UnreadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.unread = Unread(1)

    def found(self, pattern: bytes) -> bytes | None:
        search = self.unread.search(re.compile(pattern))
        self.unread.forget(search)
        return search.match[0] if search.match else None

    def test_it_is_consumed_up_to_the_end_of_the_match(self) -> None:
        self.unread.append(b"one two three")
        self.assertEqual(self.found(b"tw."), b"two")
        self.assertIsNone(self.found(b"one"))
        self.assertIsNone(self.found(rb"(?<=o) three"))
        self.assertEqual(self.found(b"^ th"), b" th")
        self.assertEqual(str(self.unread), "3 bytes, the last are b'ree'")

    def test_a_search_goes_on(self) -> None:
        search = self.unread.search(re.compile(b"(b+)c$"))
        for data in b"aab", b"b", b"c":
            self.unread.append(data)
            self.assertIsNone(search.match)
        self.unread.end()
        assert search.match
        self.assertEqual(search.match[1], b"bb")
        self.assertEqual(str(self.unread), "nothing")

    def test_it_forgets_only_what_is_searched(self) -> None:
        search = self.unread.search(re.compile(b"done"))
        for _ in range(20):
            self.unread.append(b"x" * (LEAST_BYTES // 4 + 1))
        with self.assertRaisesRegex(OverflowError, "more than 262144 bytes came after"):
            self.unread.search(re.compile(b"x"))
        self.unread.append(b"do")
        self.unread.append(b"ne ")
        self.assertIsNotNone(search.match)
        self.unread.append(b"done")
        self.assertEqual(self.found(b"^ done"), b" done")

    def test_several_at_once_share(self) -> None:
        searches = [self.unread.search(re.compile(b"o.")) for _ in range(2)]
        self.unread.append(b"o1")
        self.unread.append(b"o2")
        found = [search.match and search.match[0] for search in searches]
        self.assertEqual(found, [b"o1", b"o2"])
