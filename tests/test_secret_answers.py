"""Which answers may be secret."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from echolab.terminal.secret_answers import KEPT_BYTES, SecretAnswers


class SecretAnswersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.secrets = SecretAnswers()

    def test_what_asks_for_a_secret(self) -> None:
        for said in (
            *("Password: ", "PASSWORD>", "Enter your password:\n", "pass:"),
            *("Enter your password:\r\n(it is not shown)\n", "Passphrase? "),
            *("login: ", "user?\n\n", "PIN > ", "token: "),
            *("Mot de passe\xa0: ", "Kennwort eingeben ", "비밀번호 ", "パスワード "),
            *("名前\uff1a", "Пароль > ", "密码 "),
        ):
            secrets = SecretAnswers()
            secrets.hear(said.encode())
            self.assertTrue(secrets.may_be_secret, said)

    def test_what_does_not(self) -> None:
        self.assertFalse(self.secrets.may_be_secret, "nothing was said")
        for said in (
            "ok\n",
            "> ",
            "220 ready\r\n",
            "a: b\n",
            "spinning\n",
            "$ ",
            "\xff",
        ):
            secrets = SecretAnswers()
            secrets.hear(said.encode("latin-1"))
            self.assertFalse(secrets.may_be_secret, said)

    def test_in_any_pieces(self) -> None:
        for byte in "비밀번호를 입력하세요\n".encode():
            self.secrets.hear(bytes([byte]))
        self.assertTrue(self.secrets.may_be_secret)

    def test_answers_that_come_before_the_question(self) -> None:
        self.secrets.hear(b"login: ")
        self.secrets.answer()
        self.assertTrue(self.secrets.may_be_secret)
        self.secrets.answer()
        self.secrets.hear(b"\r\n")
        self.assertTrue(self.secrets.may_be_secret)
        self.secrets.hear(b"Welcome\n")
        self.assertFalse(self.secrets.may_be_secret)

    def test_a_secret_word_counts_until_a_line_is_typed(self) -> None:
        self.secrets.hear(b"Password:\n")
        self.secrets.hear(b"(hidden)\n")
        self.assertTrue(self.secrets.may_be_secret)
        self.secrets.answer()
        self.secrets.hear(b"hello\n")
        self.assertFalse(self.secrets.may_be_secret)

    def test_only_so_much_is_looked_at(self) -> None:
        self.secrets.hear(b"Password\n" + b"x" * KEPT_BYTES)
        self.assertFalse(self.secrets.may_be_secret)
