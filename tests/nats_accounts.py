"""An operator, an account and a user of NATS, as ``nsc`` makes them."""

from __future__ import annotations

import base64
import json
import os

import nkeys

__all__ = ["Accounts"]

_CONNECTING = "subs", "data", "payload", "imports", "exports", "conn", "leaf"
_STORING = "mem_storage", "disk_storage", "streams", "consumer"


def _keys(prefix: int) -> nkeys.KeyPair:
    return nkeys.from_seed(bytearray(nkeys.encode_seed(os.urandom(32), prefix=prefix)))


def _name(keys: nkeys.KeyPair) -> str:
    name: str = keys.public_key.decode()
    return name


def _coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _token(issuer: nkeys.KeyPair, subject: nkeys.KeyPair, claims: object) -> str:
    head = {"typ": "JWT", "alg": "ed25519-nkey"}
    body = {
        "jti": os.urandom(8).hex(),
        "iat": 1764410000,
        "name": "lab",
        "iss": _name(issuer),
        "sub": _name(subject),
        "nats": claims,
    }
    text = ".".join(_coded(json.dumps(each).encode()) for each in (head, body))
    return f"{text}.{_coded(issuer.sign(text.encode()))}"


class Accounts:
    """Makes the configuration of a server, and a user's credentials.

    Attributes:
        config: lines for the server.
        credentials: the text of the user's file.
    """

    def __init__(self) -> None:
        operator = _keys(nkeys.PREFIX_BYTE_OPERATOR)
        account = _keys(nkeys.PREFIX_BYTE_ACCOUNT)
        system = _keys(nkeys.PREFIX_BYTE_ACCOUNT)
        user = _keys(nkeys.PREFIX_BYTE_USER)
        connecting = dict.fromkeys(_CONNECTING, -1) | {"wildcards": True}
        storing = dict.fromkeys(_STORING, -1)
        member = {"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1}
        owned = _token(operator, operator, {"type": "operator", "version": 2})
        resolved = [
            f"{_name(each)}: "
            + _token(
                operator, each, {"type": "account", "version": 2, "limits": limits}
            )
            for each, limits in (
                (system, connecting),
                (account, connecting | storing),
            )
        ]
        self.config = "\n".join(
            [
                f"operator: {owned}",
                f"system_account: {_name(system)}",
                "resolver: MEMORY",
                f"resolver_preload: {{ {', '.join(resolved)} }}",
            ]
        )
        self.credentials = (
            "-----BEGIN NATS USER JWT-----\n"
            f"{_token(account, user, member)}\n"
            "------END NATS USER JWT------\n\n"
            "-----BEGIN USER NKEY SEED-----\n"
            f"{user.seed.decode()}\n"
            "------END USER NKEY SEED------\n"
        )
