"""How recipes are read and done: what a page says wrongly is noticed."""

from __future__ import annotations

import re

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.bench import Bench
from tests.recipes import Step, pattern_of, recipes_of

PAGE = """\
# A page

```console
$ false
```

## Recipes

### A file

```sh
# a.sh
# One line of the file.
echo one
cat
```

```console work
$ sh a.sh
one
two
two
```
<!-- typed: two -->

Later:

```console
$ echo \\
> three
three
$ (exit 4)
$ echo $?
4
```

```console work
four
^C
five
```

### Nothing is done here

# Another heading

```console
$ false
```
"""


def do(page: str) -> None:
    with Bench() as bench:
        for recipe in recipes_of(page):
            bench.do(recipe)


class ReadingTests(SynchronousTestCase):
    def test_all_of_a_page(self) -> None:
        titles = [each.title for each in recipes_of(PAGE)]
        self.assertEqual(titles, ["A page", "A file", "Another heading"])

    def test_under_a_heading(self) -> None:
        [recipe] = recipes_of(PAGE, under="Recipes")
        self.assertEqual(
            recipe.files, {"a.sh": "# a.sh\n# One line of the file.\necho one\ncat\n"}
        )
        self.assertEqual(
            recipe.steps,
            [
                Step("work", "sh a.sh", ("one", "two", "two"), ("two",)),
                Step("", "echo \\\nthree", ("three",)),
                Step("", "(exit 4)"),
                Step("", "echo $?", ("4",)),
                Step("work", "", ("four",)),
                Step("work", "^C", ("five",)),
            ],
        )

    def test_programs(self) -> None:
        step = Step("", "A=b curl x | (jq .) && for i in 1 2; do nc -z h 1; done")
        self.assertEqual(step.programs, {"curl", "jq", "nc"})

    def test_what_is_different_each_time(self) -> None:
        shown = "2026-11-22T15:10:42.184Z 127.0.0.1:60612 in 0.001 s, curl/8.1.2 …"
        pattern = pattern_of([shown, "…", "8888 stays"])
        for text in (
            "2025-01-02T05:06:07.8Z 127.0.0.1:1 in 12 s, curl/7.88.1 x\n8888 stays\n",
            "2025-01-02T05:06:07.8Z 127.0.0.1:1 in 12 s, curl/8.1 \na\nb\n8888 stays\n",
        ):
            self.assertTrue(re.fullmatch(pattern, text), text)
        self.assertFalse(re.fullmatch(pattern, text.replace("stays", "stay")))


class DoingTests(SynchronousTestCase):
    def test_what_is_shown_is_compared(self) -> None:
        do("# A\n```console\n$ echo one; echo two\none\ntwo\n```\n")
        for shown in ("one\n", "one\ntwo\nthree\n", "One\ntwo\n"):
            with self.assertRaisesRegex(AssertionError, "shows:\none\ntwo\n"):
                do(f"# A\n```console\n$ echo one; echo two\n{shown}```\n")

    def test_files_typing_and_status(self) -> None:
        page = PAGE.partition("## Recipes")[2].partition("```console work\nfour")[0]
        do(page)

    def test_a_server_ends_with_its_recipe(self) -> None:
        page = (
            "# A\n```console server\n$ echolab server --interface 127.0.0.1 8888\n"
            "listening on 127.0.0.1:8888\naccepted host(IP: 127.0.0.1, Port: 60612)\n"
            "recv data: hi\nfinish.\n```\n"
            "```console\n"
            "$ echolab client --wait 0.1 --send hi --expect ^ok 127.0.0.1 8888\n"
            "…\n```\n"
        )
        with self.assertRaisesRegex(AssertionError, "no '\\^ok'"):
            do(page.replace("…\n", ""))
        do(page.replace("server --", "server --reply ok --"))

    def test_a_server_that_serves_one_ends_before_the_next_command(self) -> None:
        page = (
            "# A\n```console\n$ mkfifo pipe\n```\n"
            "```console server\n$ cat pipe # --once\nno tea\n```\n"
            "```console client\n$ echo tea > pipe\n$ echo too early\n```\n"
        )
        with self.assertRaisesRegex(AssertionError, "^cat pipe # --once\nshows:"):
            do(page)

    def test_a_program_that_is_not_there(self) -> None:
        with self.assertRaisesRegex(SkipTest, "no-such-program is not installed"):
            do("# A\n```console\n$ echo hi | no-such-program\n```\n")
