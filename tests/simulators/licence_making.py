"""What the licence office makes: a small PKI, sealed OFD documents (GB/T 38540), tokens, CRLs and status lists."""

import base64
import hashlib
import io
import json
import secrets
import zipfile
import zlib
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.simulators.licence_sm2 import Sm2Key, bit_string, oid, seq, sm3, tlv, whole

_SIGNED_WITH = seq(oid("1.2.156.10197.1.501"))
_NS = 'xmlns:ofd="http://www.ofdspec.org/2016"'
_FROM, _UNTIL = b"20240101000000Z", b"20340101000000Z"


def _time(at: int) -> bytes:
    return tlv(24, datetime.fromtimestamp(at, UTC).strftime("%Y%m%d%H%M%SZ").encode())


def _name(common: str) -> bytes:
    pairs = (("2.5.4.6", tlv(19, b"CN")), ("2.5.4.3", tlv(12, common.encode())))
    return seq(*(tlv(0x31, seq(oid(kind), value)) for kind, value in pairs))


def _certificate(issuer: tuple[str, Sm2Key], subject: tuple[str, Sm2Key], serial: int, *, authority: bool) -> bytes:
    usage = seq(oid("2.5.29.15"), tlv(1, b"\xff"), tlv(4, tlv(3, b"\x01\x06" if authority else b"\x06\xc0")))
    basic = seq(oid("2.5.29.19"), tlv(1, b"\xff"), tlv(4, seq(*([tlv(1, b"\xff")] if authority else []))))
    body = seq(
        tlv(0xA0, whole(2)),
        whole(serial),
        _SIGNED_WITH,
        _name(issuer[0]),
        seq(tlv(24, _FROM), tlv(24, _UNTIL)),
        _name(subject[0]),
        subject[1].spki,
        tlv(0xA3, seq(basic, usage)),
    )
    return seq(body, _SIGNED_WITH, bit_string(issuer[1].sign(body)))


def _b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class MakingOffice:
    """An authority, one who seals, one who makes seals, and a key for tokens."""

    def __init__(self) -> None:
        keys = {name: Sm2Key() for name in ("演示发证根", "演示发证机构", "演示签章人", "演示制章者")}
        top, middle, signer, maker = keys.items()
        self._authority_key, self._signer_key, self._maker_key = middle[1], signer[1], maker[1]
        self.root = _certificate(top, top, 1, authority=True)
        self.authority = _certificate(top, middle, 2, authority=True)
        self.signer = _certificate(middle, signer, 3, authority=False)
        self.maker = _certificate(middle, maker, 4, authority=False)
        self.revoked: dict[int, int] = {}
        self._token_key = ec.generate_private_key(ec.SECP256R1())

    def revoke_signer(self, at: int) -> None:
        self.revoked[3] = at

    def crl(self, at: int) -> bytes:
        entries = [seq(whole(serial), _time(since)) for serial, since in self.revoked.items()]
        body = seq(
            whole(1),
            _SIGNED_WITH,
            _name("演示发证机构"),
            _time(at),
            _time(at + 86_400),
            *([seq(*entries)] if entries else []),
        )
        return seq(body, _SIGNED_WITH, bit_string(self._authority_key.sign(body)))

    # --- tokens
    @property
    def jwk(self) -> dict[str, str]:
        numbers = self._token_key.public_key().public_numbers()
        x, y = (_b64(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "kid": "office-1", "use": "sig", "x": x, "y": y}

    def _token(self, kind: str, claims: dict[str, Any]) -> str:
        text = ".".join(_b64(_json(part)) for part in ({"alg": "ES256", "typ": kind, "kid": "office-1"}, claims))
        r, s = decode_dss_signature(self._token_key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{_b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def jws(self, claims: dict[str, Any], at: int) -> str:
        return self._token("licence+jwt", {"iat": at, "exp": at + 86_400, **claims})

    def sd_jwt(self, claims: dict[str, Any], at: int) -> str:
        """The holder's name and number are disclosed; a bare office licence shows everything."""
        hidden = {name: claims.pop(name) for name in ("holder_name", "holder_number") if name in claims}
        shown = [_b64(_json([secrets.token_hex(8), name, value])) for name, value in hidden.items()]
        digests = [_b64(hashlib.sha256(one.encode()).digest()) for one in shown]
        whole_ = {"iat": at, "exp": at + 86_400, "vct": "演示证照", "_sd": digests, "_sd_alg": "sha-256", **claims}
        return "~".join((self._token("dc+sd-jwt", whole_), *shown, ""))

    def status_list(self, uri: str, revoked: set[int], size: int, at: int) -> str:
        bits = bytearray(size // 8)
        for index in revoked:
            bits[index // 8] |= 1 << index % 8
        listed = {"bits": 1, "lst": _b64(zlib.compress(bytes(bits)))}
        claims = {"iss": uri.rsplit("/status/", 1)[0], "sub": uri, "iat": at, "exp": at + 86_400, "ttl": 86_400}
        return self._token("statuslist+jwt", claims | {"status_list": listed})

    # --- sealed documents
    def ofd(self, identifier: str, stated: dict[str, Any]) -> bytes:
        lines = "".join(f"{escape(str(value))} " for value in (identifier, *stated.values()))
        document = (
            f"<ofd:Document {_NS}><ofd:CommonData/><ofd:Pages>"
            '<ofd:Page ID="1" BaseLoc="Pages/Page_0/Content.xml"/></ofd:Pages></ofd:Document>'
        )
        page = f'<ofd:Page {_NS}><ofd:Content><ofd:Layer ID="2"><ofd:TextObject ID="3"><ofd:TextCode>{lines}'
        parts = {
            "OFD.xml": f'<ofd:OFD {_NS} Version="1.0" DocType="OFD"><ofd:DocBody><ofd:DocInfo/><ofd:DocRoot>'
            "Doc_0/Document.xml</ofd:DocRoot><ofd:Signatures>/Doc_0/Signs/Signatures.xml</ofd:Signatures>"
            "</ofd:DocBody></ofd:OFD>",
            "Doc_0/Document.xml": document,
            "Doc_0/Pages/Page_0/Content.xml": page
            + "</ofd:TextCode></ofd:TextObject></ofd:Layer></ofd:Content></ofd:Page>",
        }
        made = {path: text.encode() for path, text in parts.items()}
        self._seal(made)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in made.items():
                archive.writestr(path, content)
        return buffer.getvalue()

    def _seal(self, parts: dict[str, bytes]) -> None:
        folder = "Doc_0/Signs/Sign_0"
        references = "".join(
            f'<ofd:Reference FileRef="/{path}"><ofd:CheckValue>{base64.b64encode(sm3(content)).decode()}'
            "</ofd:CheckValue></ofd:Reference>"
            for path, content in parts.items()
        )
        description = (
            f'<ofd:Signature {_NS}><ofd:SignedInfo><ofd:Provider ProviderName="演示" Version="1"/>'
            "<ofd:SignatureMethod>1.2.156.10197.1.501</ofd:SignatureMethod>"
            '<ofd:SignatureDateTime>20261001080000Z</ofd:SignatureDateTime><ofd:References CheckMethod="'
            f'1.2.156.10197.1.401">{references}</ofd:References><ofd:Seal><ofd:BaseLoc>/{folder}/Seal.esl'
            f"</ofd:BaseLoc></ofd:Seal></ofd:SignedInfo><ofd:SignedValue>/{folder}/SignedValue.dat"
            "</ofd:SignedValue></ofd:Signature>"
        ).encode()
        seal = self._seal_bytes()
        where = tlv(22, f"/{folder}/Signature.xml".encode())
        signed = seq(whole(4), seal, tlv(24, b"20261001080000Z"), bit_string(sm3(description)), where)
        method = oid("1.2.156.10197.1.501")
        parts[f"{folder}/Signature.xml"] = description
        parts[f"{folder}/Seal.esl"] = seal
        value = bit_string(self._signer_key.sign(signed))
        parts[f"{folder}/SignedValue.dat"] = seq(signed, tlv(4, self.signer), method, value)
        listed = f'<ofd:Signature ID="1" Type="Seal" BaseLoc="/{folder}/Signature.xml"/>'
        parts["Doc_0/Signs/Signatures.xml"] = f"<ofd:Signatures {_NS}>{listed}</ofd:Signatures>".encode()

    def _seal_bytes(self) -> bytes:
        dates = (tlv(24, _FROM), tlv(24, _FROM), tlv(24, _UNTIL))
        listed = seq(tlv(4, self.signer))
        info = seq(
            seq(tlv(22, b"ES"), whole(4), tlv(22, b"DEMO")),
            tlv(22, b"DEMO-OFFICE-1"),
            seq(whole(1), tlv(12, "演示发证机关证照专用章".encode()), whole(1), listed, *dates),
            seq(tlv(22, b"PNG"), tlv(4, b"picture"), whole(40), whole(40)),
        )
        value = bit_string(self._maker_key.sign(info))
        return seq(info, tlv(4, self.maker), oid("1.2.156.10197.1.501"), value)
