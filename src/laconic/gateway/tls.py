"""TLS at the gateway's own door: a certificate somebody has, or one made for a try.

The npm `openai` client dials wss: even where its base URL says http (measured, 7.57.0), and a browser's microphone
wants a safe page once it is not on this machine. A certificate of one's own making is enough for both, for whoever
was told to trust it: it lies in the user's data folder, and NODE_EXTRA_CA_CERTS, SSL_CERT_FILE or a browser's
exceptions can point at it. Made once, it is used until it is about to expire or the machine's name changes, so that
what was told stays true.
"""

from __future__ import annotations

import os
import socket
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_data_dir

from laconic.errors import BadInput

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate

__all__ = ["SelfSigned", "loaded", "self_signed"]

_LIFE = timedelta(days=365)
_SPARE = timedelta(days=7)
"""So much of its life a certificate must still have to be used again."""
_ADDRESSES = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class SelfSigned:
    """A certificate of our own making, ready to serve with."""

    context: ssl.SSLContext
    certificate: Path
    """What clients have to be told to trust: NODE_EXTRA_CA_CERTS=…, SSL_CERT_FILE=…"""
    made: bool
    """Whether it is new."""


def loaded(certificate: Path, key: Path | None = None) -> ssl.SSLContext:
    """A context that serves with this certificate (PEM, its chain included) and key, which may be in the same file.

    Raises BadInput.
    """
    for path in filter(None, (certificate, key)):
        try:
            text = path.read_bytes()
        except OSError as error:
            raise BadInput(
                f"{path} cannot be read: {error.strerror}; --tls-cert and --tls-key name PEM files"
            ) from None
        if b"-----BEGIN " not in text:
            raise BadInput(f"{path} is no PEM file: it has to hold a line -----BEGIN …-----")
    context = _serving()
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        raise BadInput(_why(error, certificate, key)) from None
    return context


def self_signed(folder: Path | None = None, *, now: datetime | None = None) -> SelfSigned:
    """A certificate for this machine, for trying things out; the one made before, as long as it will do.

    `folder`: where it and its key are kept; None for `tls` in the user's data folder. Raises BadInput.
    """
    try:
        import cryptography  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError:
        needed = "a certificate of our own making needs the gateway extra"
        raise BadInput(f"{needed}; install it with: pip install 'laconic[gateway]'") from None
    folder = folder or Path(user_data_dir("laconic", appauthor=False)) / "tls"
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    now = now or datetime.now(UTC)
    fresh = _usable(certificate, key, now)
    if fresh is not None:
        return SelfSigned(fresh, certificate, made=False)
    try:
        _make(certificate, key, now)
    except OSError as error:
        raise BadInput(
            f"no certificate can be kept in {folder}: {error.strerror}; give your own with --tls-cert"
        ) from None
    return SelfSigned(loaded(certificate, key), certificate, made=True)


# --- a certificate somebody has ------------------------------------------------------------------------------------


def _serving() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class _Locked(ssl.SSLError):
    """The key wants a password."""


def _no_password() -> str:
    # Without this OpenSSL would ask on the terminal, and a service without one would hang.
    raise _Locked


def _why(error: ssl.SSLError, certificate: Path, key: Path | None) -> str:
    if isinstance(error, _Locked):
        return f"the key in {key or certificate} has a password; give one without, such as `openssl pkey` writes"
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"the key in {key or certificate} is not the key of the certificate in {certificate}"
    if key is None:
        return f"{certificate} does not hold a certificate and its key; name the key's file with --tls-key"
    return f"{certificate} and {key} are not a certificate and its key in PEM ({error.reason or error})"


# --- a certificate of our own ---------------------------------------------------------------------------------------


def _names() -> list[str]:
    """What this machine is called; browsers and clients compare it with the address they dialled."""
    hostname = socket.gethostname()
    return ["localhost", *([hostname] if hostname.isascii() and hostname != "localhost" else [])]


def _usable(certificate: Path, key: Path, now: datetime) -> ssl.SSLContext | None:
    """A context with what was made before; None if there is nothing, or it will not do any longer."""
    from cryptography import x509

    try:
        known = x509.load_pem_x509_certificate(certificate.read_bytes())
        names = known.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        if set(names.get_values_for_type(x509.DNSName)) != set(_names()):
            return None
        if not known.not_valid_before_utc <= now <= known.not_valid_after_utc - _SPARE:
            return None
        return loaded(certificate, key)
    except (OSError, ValueError, x509.ExtensionNotFound, BadInput):
        return None


def _make(certificate: Path, key: Path, now: datetime) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    secret = ec.generate_private_key(ec.SECP256R1())
    pem = secret.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(key, pem)
    _write(certificate, _signed(secret, now).public_bytes(serialization.Encoding.PEM))


def _signed(secret: EllipticCurvePrivateKey, now: datetime) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "laconic gateway, for a try")])
    names = [x509.DNSName(one) for one in _names()]
    addresses = [x509.IPAddress(ip_address(one)) for one in _ADDRESSES]
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks differ
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
        # No authority: whoever trusts it trusts this certificate and nothing that could be signed with it.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(secret, hashes.SHA256())
    )


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and nobody else's to read (mkstemp makes it 600)."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.replace(name, path)
