"""双向TLS: our client certificate for one city; read from secrets on each use, so that a new one needs no restart."""

import os
import ssl
import tempfile
from dataclasses import dataclass

from adapters.contract import AdapterContext
from adapters.operations import MutualTls
from schemas.errors import PartnerUnavailable


@dataclass(frozen=True, slots=True)
class Material:
    """证书材料: PEM texts; equal materials make equal contexts."""

    certificate: str
    key: str
    authority: str | None

    def context(self) -> ssl.SSLContext:
        """A client context. PartnerUnavailable where the texts are no certificate and key that fit."""
        made = ssl.create_default_context(cadata=self.authority)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        # the ssl module reads certificate chains from files only; this one is ours alone and gone at once
        handle, path = tempfile.mkstemp()
        try:
            with os.fdopen(handle, "w") as file:
                file.write(f"{self.key}\n{self.certificate}\n")
            made.load_cert_chain(path)
        except ssl.SSLError:
            raise PartnerUnavailable(
                "The client certificate or its key cannot be used; nothing was sent.",
                "客户端证书或私钥不可用，报文未发出。",
            ) from None
        finally:
            os.unlink(path)  # noqa: PTH108 - the path of mkstemp
        return made


def material(tls: MutualTls, context: AdapterContext) -> Material:
    """What the secrets hold now. KeyError for one that is not configured."""
    authority = context.secret(tls.authority) if tls.authority else None
    return Material(context.secret(tls.certificate), context.secret(tls.key), authority)
