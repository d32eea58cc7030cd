"""Time stamp tokens (RFC 3161), made and checked by rfc3161-client, an optional dependency."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography import x509

from xmppgov.errors import CheckFailed, ConfigurationError
from xmppgov.i18n import Texts

texts = Texts("xmppgov_archive")
NOTE, TOKEN = ".cosigned", ".tsr"
"""The ends of the names of what was stamped, and of the token, behind the day."""


class TokenInvalid(CheckFailed):
    """A time stamp is not what it should be: of other data, of another authority, or none."""


class Tokens:
    """Tokens of the authorities whose root certificates are in `ca_file` (PEM)."""

    def __init__(self, ca_file: Path) -> None:
        """Raise `ConfigurationError` where the library or the certificates are missing."""
        try:
            import rfc3161_client
        except ImportError as error:
            raise ConfigurationError(
                texts("Time stamps need rfc3161-client; run: pip install rfc3161-client")
            ) from error
        self._library = rfc3161_client
        try:
            self._roots = x509.load_pem_x509_certificates(ca_file.read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                texts("{path}: no certificates (PEM) can be read from it.", path=ca_file)
            ) from error

    def request(self, data: bytes) -> Any:
        """Return a query for a token over `data`; `as_bytes()` is what the authority gets."""
        sha256 = self._library.HashAlgorithm.SHA256
        return self._library.TimestampRequestBuilder(data=data, hash_algorithm=sha256).build()

    def check(self, answer: bytes, data: bytes, request: Any = None) -> int:
        """Check that `answer` has a token over `data`; return its time, in seconds.

        With `request`, it has to be the answer to that one.

        Raises:
            TokenInvalid: it has not.
        """
        library = self._library
        nonce = None if request is None else request.nonce
        try:
            response = library.decode_timestamp_response(answer)
            verifier = library.VerifierBuilder(roots=list(self._roots), nonce=nonce).build()
            verifier.verify_message(response, data)
            return int(response.tst_info.gen_time.timestamp())
        except (library.VerificationError, ValueError) as error:
            raise TokenInvalid(texts("The time stamp does not verify.")) from error
