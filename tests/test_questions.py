"""Which answers may be secret."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from echolab.questions import KEPT_BYTES, Questions


class QuestionsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.questions = Questions()

    def test_what_asks_for_a_secret(self) -> None:
        for said in (
            *("Password: ", "PASSWORD>", "Enter your password:\n", "pass:"),
            *("Enter your password:\r\n(it is not shown)\n", "Passphrase? "),
            *("login: ", "user?\n\n", "PIN > ", "token: "),
            *("Mot de passe\xa0: ", "Kennwort eingeben ", "비밀번호 ", "パスワード "),
            *("名前\uff1a", "Пароль > ", "密码 "),
        ):
            questions = Questions()
            questions.hear(said.encode())
            self.assertTrue(questions.may_be_secret, said)

    def test_what_does_not(self) -> None:
        self.assertFalse(self.questions.may_be_secret, "nothing was said")
        for said in (
            "ok\n",
            "> ",
            "220 ready\r\n",
            "a: b\n",
            "spinning\n",
            "$ ",
            "\xff",
        ):
            questions = Questions()
            questions.hear(said.encode("latin-1"))
            self.assertFalse(questions.may_be_secret, said)

    def test_in_any_pieces(self) -> None:
        for byte in "비밀번호를 입력하세요\n".encode():
            self.questions.hear(bytes([byte]))
        self.assertTrue(self.questions.may_be_secret)

    def test_answers_that_come_before_the_question(self) -> None:
        self.questions.hear(b"login: ")
        self.questions.answer()
        self.assertTrue(self.questions.may_be_secret)
        self.questions.answer()
        self.questions.hear(b"\r\n")
        self.assertTrue(self.questions.may_be_secret)
        self.questions.hear(b"Welcome\n")
        self.assertFalse(self.questions.may_be_secret)

    def test_a_secret_word_counts_until_a_line_is_typed(self) -> None:
        self.questions.hear(b"Password:\n")
        self.questions.hear(b"(hidden)\n")
        self.assertTrue(self.questions.may_be_secret)
        self.questions.answer()
        self.questions.hear(b"hello\n")
        self.assertFalse(self.questions.may_be_secret)

    def test_only_so_much_is_looked_at(self) -> None:
        self.questions.hear(b"Password\n" + b"x" * KEPT_BYTES)
        self.assertFalse(self.questions.may_be_secret)
