"""The name in the certificate of a TLS client, in whatever encoding it was signed.

``cryptography`` refuses to read a subject with, say, an ``@`` in a PrintableString,
which OpenSSL verifies and authorities sign; pyOpenSSL's own way is deprecated. So
the few fields before the name are stepped over here.
"""

from __future__ import annotations

__all__ = ["MOST_CHARACTERS", "common_name", "verified_name"]

MOST_CHARACTERS = 256
"""The longest name that is accepted: it stands in every label. X.520 allows 64."""

_COMMON_NAME = bytes.fromhex("550403")  # 2.5.4.3, id-at-commonName
_SEQUENCE = 0x30
_SUBJECT = 3  # behind the algorithm, the issuer and the validity
_ENCODINGS = {
    12: "utf-8",
    18: "latin-1",  # NumericString
    19: "latin-1",  # PrintableString
    20: "latin-1",  # TeletexString: what is in it is Latin-1, and not T.61
    22: "latin-1",  # IA5String
    26: "latin-1",  # VisibleString
    28: "utf-32-be",  # UniversalString
    30: "utf-16-be",  # BMPString
}


def verified_name(transport: object) -> str | None:
    """Return the common name of a TLS client that had to show a certificate.

    Raises:
        ValueError: the name cannot be shown; the text says why.
    """
    certificate = getattr(transport, "getPeerCertificate", lambda: None)()
    if certificate is None:
        return None
    from OpenSSL.crypto import FILETYPE_ASN1, dump_certificate  # There is TLS.

    return common_name(dump_certificate(FILETYPE_ASN1, certificate))


def common_name(certificate: bytes) -> str | None:
    """Return the common name of a certificate's subject, if it has one.

    Of several it is the last: a subject goes from the general to the particular,
    as in ``CN=Users, CN=alice``. See RFC 5280, 4.1.

    Args:
        certificate: in DER.

    Raises:
        ValueError: it cannot be read, or is too long.
    """
    try:
        tag, value = _last_common_name(certificate)
        name = value.decode(_ENCODINGS[tag])
    except (LookupError, ValueError):  # UnicodeDecodeError is one.
        raise ValueError("the common name in the certificate is no text") from None
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
    """The tag and the content of each element that stands in a row; see X.690.

    Raises:
        IndexError: they do not end where they say.
    """
    elements: list[tuple[int, bytes]] = []
    at = 0
    while at < len(der):
        tag, size = der[at], der[at + 1]
        at += 2
        if size & 0x80:
            more = (size & 0x7F) or len(der)  # DER has no length that is left open.
            size = int.from_bytes(der[at : at + more], "big")
            at += more
        content = der[at : at + size]
        if len(content) < size:
            raise IndexError("an element goes on behind the end")
        elements.append((tag, content))
        at += size
    return elements
