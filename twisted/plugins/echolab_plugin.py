"""What twistd finds: the names of two services and where they are made."""

from twisted.application.service import ServiceMaker

server = ServiceMaker(
    "echolab",
    "echolab.command.tap",
    "Receive on many connections and print what arrives.",
    "echolab",
)

client = ServiceMaker(
    "echolab-client",
    "echolab.command.client_tap",
    "Send lines that are typed or piped, show the replies.",
    "echolab-client",
)
