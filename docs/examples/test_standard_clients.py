"""Dialogues for clients of the standard library: smtplib, poplib, ftplib."""

import ftplib
import poplib
import smtplib

import pytest

from echolab.testing import Close


@pytest.mark.echolab(
    framing="crlf-dot:after=DATA",  # lines, and a text after DATA; answers end \r\n
    greet="220 lab",
    answers=[
        ("^(?i:EHLO) (.*)", r"250 hello \1"),
        ("^(?i:MAIL FROM|RCPT TO):", "250 ok"),
        ("^(?i:DATA)$", "354 go on"),
        ("^(?i:QUIT)$", ["221 bye", Close()]),
        ("^Subject:", "250 taken"),
    ],
)
def test_smtplib(echolab_process):
    with smtplib.SMTP(*echolab_process.address, timeout=30) as smtp:
        smtp.sendmail("a@example.com", ["b@example.com"], "Subject: hi\n\n.dot\n")
    assert echolab_process.lines()[4] == b"Subject: hi\r\n\r\n.dot"


@pytest.mark.echolab(
    greet=b"+OK lab\r\n",
    answers=[
        ("^(USER|PASS) ", b"+OK\r\n"),
        ("^STAT$", b"+OK 1 5\r\n"),
        (r"^RETR (\d+)", rb"+OK\r\nSubject: mail \1\r\n\r\nhello\r\n.\r\n"),
        ("^QUIT$", [b"+OK bye\r\n", Close()]),
    ],
)
def test_poplib(echolab_process):
    box = poplib.POP3(*echolab_process.address, timeout=30)
    box.user("ann")
    box.pass_("secret")
    assert box.stat() == (1, 5)
    assert box.retr(1)[1] == [b"Subject: mail 1", b"", b"hello"]
    box.quit()


@pytest.mark.echolab(greet=[b"hello\r\n", Close()])  # the data connection
def test_ftplib(echolab_process):
    here = b"227 here (127,0,0,1,%d,%d)\r\n" % divmod(echolab_process.port, 256)
    control = echolab_process.another(
        greet=b"220 lab\r\n",
        answers=[
            ("^USER", b"331 password?\r\n"),
            ("^PASS", b"230 welcome\r\n"),
            ("^TYPE", b"200 ok\r\n"),
            ("^PASV$", here),
            ("^RETR", b"150 it comes\r\n226 that was it\r\n"),
            ("^QUIT$", [b"221 bye\r\n", Close()]),
        ],
    )
    lines = []
    with ftplib.FTP(timeout=30) as client:
        client.connect(*control.address)
        client.login("ann", "secret")
        client.retrlines("RETR file", lines.append)
    assert lines == ["hello"]
