"""The name in the certificate of a TLS client, in any encoding.

``cryptography`` refuses to read a subject with, for example, an ``@`` in a
PrintableString, although authorities sign it and OpenSSL verifies it. pyOpenSSL's
own way is deprecated. So this module skips the few fields before the name itself.
"""

from __future__ import annotations

__all__ = ["MOST_CHARACTERS", "common_name", "verified_name"]

MOST_CHARACTERS = 256
"""The longest accepted name: it is part of every label. X.520 allows 64."""

_COMMON_NAME = bytes.fromhex("550403")  # 2.5.4.3, id-at-commonName
_SEQUENCE = 0x30
_SUBJECT = 3  # after the algorithm, the issuer and the validity
_ENCODINGS = {
    12: "utf-8",
    18: "latin-1",  # NumericString
    19: "latin-1",  # PrintableString
    20: "latin-1",  # TeletexString: in practice Latin-1, not T.61
    22: "latin-1",  # IA5String
    26: "latin-1",  # VisibleString
    28: "utf-32-be",  # UniversalString
    30: "utf-16-be",  # BMPString
}


def verified_name(transport: object) -> str | None:
    """Return the common name of a TLS client that was required to have a certificate.

    Raises:
        ValueError: the name cannot be shown; the text says why.
    """
    certificate = getattr(transport, "getPeerCertificate", lambda: None)()
    if certificate is None:
        return None
    from OpenSSL.crypto import FILETYPE_ASN1, dump_certificate  # TLS is installed.

    return common_name(dump_certificate(FILETYPE_ASN1, certificate))


def common_name(certificate: bytes) -> str | None:
    """Return the common name of a certificate's subject, if it has one.

    If there are several, return the last: a subject goes from the general to the
    particular, as in ``CN=Users, CN=alice``. See RFC 5280, 4.1.

    Args:
        certificate: the certificate, in DER.

    Raises:
        ValueError: the name cannot be read, or is too long.
    """
    try:
        tag, value = _last_common_name(certificate)
        name = value.decode(_ENCODINGS[tag])
    except (LookupError, ValueError):  # UnicodeDecodeError is one.
        raise ValueError(
            "the common name in the certificate is not valid text"
        ) from None
    if len(name) > MOST_CHARACTERS:
        raise ValueError(
            f"the common name in the certificate is over {MOST_CHARACTERS} characters"
        )
    return name or None


def _last_common_name(certificate: bytes) -> tuple[int, bytes]:
    [(_, whole)] = _elements(certificate)
    _, signed = _elements(whole)[0]
    parts = [content for tag, content in _elements(signed) if tag == _SEQUENCE]
    found = 12, b""
    for _, relative in _elements(parts[_SUBJECT]):
        for _, attribute in _elements(relative):
            (_, kind), value = _elements(attribute)
            if kind == _COMMON_NAME:
                found = value
    return found


def _elements(der: bytes) -> list[tuple[int, bytes]]:
    """Return the tag and the content of each element in a row; see X.690.

    Raises:
        IndexError: a length is wrong.
    """
    elements: list[tuple[int, bytes]] = []
    at = 0
    while at < len(der):
        tag, size = der[at], der[at + 1]
        at += 2
        if size & 0x80:
            more = (size & 0x7F) or len(der)  # DER has no indefinite length.
            size = int.from_bytes(der[at : at + more], "big")
            at += more
        content = der[at : at + size]
        if len(content) < size:
            raise IndexError("an element goes on behind the end")
        elements.append((tag, content))
        at += size
    return elements
