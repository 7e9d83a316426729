"""Certificates, paths and revocation, with authorities made for the purpose; and the national ones where they are."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.trust.certificates import Certificate, CertificateError, certificate, from_file
from gateway.trust.chains import Use, check_chain
from gateway.trust.checks import Ledger, verdict
from gateway.trust.crls import crl
from gateway.trust.judging import Judging
from gateway.trust.policy import POLICIES
from gateway.trust.snapshot import Anchor, Purpose, TrustSnapshot, generation_of
from gateway.usecases.trust_folder import trust_folder
from schemas.errors import Invalid
from schemas.verification import Indication, SubIndication
from tests.trust.office.der import integer, seq, tlv, utf8
from tests.trust.office.pki import EARLY, Holder, extension, new_key, root
from tests.trust.samples import samples

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SIGNED = datetime(2026, 10, 1, tzinfo=UTC)
PASSED = (Indication.TOTAL_PASSED, None)
DAY = timedelta(days=1)


def doubt(sub: SubIndication) -> tuple[Indication, SubIndication]:
    return Indication.INDETERMINATE, sub


class World:
    """A root, an authority below it, and what is judged."""

    def __init__(self, kind: Literal["sm2", "rsa", "ec"] = "sm2") -> None:
        self.root = root(kind=kind)
        self.authority = self.root.issue("演示发证机构", kind=kind, authority=True)
        self.holder = self.authority.issue("演示签章人", kind=kind)
        self.crls: list[bytes] = []
        self.anchor: dict[str, Any] = {}

    def snapshot(self) -> TrustSnapshot:
        return TrustSnapshot(
            "test",
            (Anchor(certificate(self.root.certificate), **self.anchor),),
            (certificate(self.authority.certificate),),
            tuple(crl(one) for one in self.crls),
        )

    def judge(
        self,
        holder: Holder | None = None,
        *,
        policy: str = "window",
        at: datetime = SIGNED,
        now: datetime = NOW,
        proved: bool = False,
        extra: tuple[Certificate, ...] = (),
    ) -> tuple[Indication, SubIndication | None]:
        ledger = Ledger()
        judging = Judging(self.snapshot(), POLICIES[policy], now)
        found = certificate((holder or self.holder).certificate)
        check_chain(ledger, found, judging, Purpose.SIGNER, Use(at, proved), extra=extra)
        return verdict(ledger.checks)

    def listed(self, *, this: datetime = NOW - DAY, following: datetime | None = NOW + DAY, **more: Any) -> None:
        self.crls.append(self.authority.crl(this=this, following=following, **more))
        self.crls.append(self.root.crl(this=this, following=following))


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("kind", ["sm2", "rsa", "ec"])
def test_a_good_chain_of_each_kind(kind: Literal["sm2", "rsa", "ec"]) -> None:
    world = World(kind)
    assert world.judge() == PASSED
    loaded = x509.load_der_x509_certificate(world.holder.certificate)
    ours = certificate(world.holder.certificate)
    assert (ours.serial, ours.not_before) == (loaded.serial_number, loaded.not_valid_before_utc)
    assert ours.tbs == loaded.tbs_certificate_bytes
    assert ours.subject_text.startswith("CN=演示签章人")


def test_a_look_alike_root_and_an_altered_certificate_lead_nowhere(world: World) -> None:
    impostor = root(world.root.common).issue("演示发证机构", authority=True).issue("演示签章人")
    assert world.judge(impostor) == doubt(SubIndication.NO_CERTIFICATE_CHAIN_FOUND)
    altered = world.holder.certificate.replace("演示签章人".encode(), "演示签章入".encode())
    assert altered != world.holder.certificate
    world.holder.certificate = altered
    assert world.judge() == doubt(SubIndication.NO_CERTIFICATE_CHAIN_FOUND)


def test_an_authority_that_came_with_the_file_may_complete_the_path(world: World) -> None:
    middle = world.authority.issue("演示下级机构", authority=True)
    holder = middle.issue("演示签章人")
    assert world.judge(holder) == doubt(SubIndication.NO_CERTIFICATE_CHAIN_FOUND)
    assert world.judge(holder, extra=(certificate(middle.certificate),)) == PASSED


def test_who_may_not_issue(world: World) -> None:
    for authority in (
        world.authority.issue("演示非机构"),
        world.authority.issue("演示无用途", authority=False, extra=(extension("2.5.29.19", seq(tlv(1, b"\xff"))),)),
    ):
        holder = authority.issue("演示签章人")
        told = (certificate(authority.certificate),)
        assert world.judge(holder, extra=told) == doubt(SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE)


def test_a_path_longer_than_its_authority_allows(world: World) -> None:
    short = world.root.issue("演示短路径", authority=True, path_length=0)
    middle = short.issue("演示下级机构", authority=True)
    told = (certificate(short.certificate), certificate(middle.certificate))
    assert world.judge(short.issue("演示签章人"), extra=told) == PASSED
    assert world.judge(middle.issue("演示签章人"), extra=told) == doubt(SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE)


def test_critical_extensions_nobody_here_understands(world: World) -> None:
    strange = world.authority.issue("演示", extra=(extension("1.2.3.4", integer(1), critical=True),))
    assert world.judge(strange) == doubt(SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE)
    ignored = world.authority.issue("演示", extra=(extension("1.2.3.4", integer(1)),))
    assert world.judge(ignored) == PASSED


def test_a_certificate_that_is_not_for_signing(world: World) -> None:
    assert world.judge(world.authority.issue("演示", usage=b"\x05\x20")) == doubt(
        SubIndication.CHAIN_CONSTRAINTS_FAILURE
    )
    assert world.judge(world.authority.issue("演示", usage=None)) == PASSED


def test_a_small_rsa_key_proves_nothing() -> None:
    world = World("rsa")
    small = world.authority.issue("演示", key=new_key("rsa", rsa_bits=1024))
    assert world.judge(small) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE)


def test_validity_counts_at_the_time_of_signing(world: World) -> None:
    old = world.authority.issue("演示", span=(EARLY, SIGNED + DAY))
    assert world.judge(old) == PASSED
    assert world.judge(old, at=SIGNED + 2 * DAY) == doubt(SubIndication.OUT_OF_BOUNDS_NO_POE)
    assert world.judge(old, at=EARLY - DAY) == doubt(SubIndication.OUT_OF_BOUNDS_NO_POE)
    world.listed()
    assert world.judge(old, policy="strict") == doubt(SubIndication.OUT_OF_BOUNDS_NO_POE)
    assert world.judge(old, policy="strict", proved=True) == PASSED


def test_an_anchor_is_trusted_for_its_purpose_and_its_time(world: World) -> None:
    world.anchor = {"purposes": frozenset({Purpose.SEALER})}
    assert world.judge() == doubt(SubIndication.NO_CERTIFICATE_CHAIN_FOUND)
    world.anchor = {"not_before": SIGNED + DAY}
    assert world.judge() == doubt(SubIndication.NO_CERTIFICATE_CHAIN_FOUND)
    world.anchor = {"not_after": SIGNED - DAY}
    assert world.judge() == doubt(SubIndication.NO_CERTIFICATE_CHAIN_FOUND)
    world.anchor = {"not_before": SIGNED, "not_after": SIGNED}
    assert world.judge() == PASSED


def test_revoked_before_after_and_not(world: World) -> None:
    world.listed()
    assert world.judge(policy="strict") == PASSED
    world.crls.clear()
    world.authority.revoke(world.holder, SIGNED - DAY, reason=1)
    world.listed()
    assert world.judge() == (Indication.TOTAL_FAILED, SubIndication.REVOKED)
    assert world.judge(policy="archive") == PASSED
    assert world.judge(at=SIGNED - 2 * DAY) == doubt(SubIndication.REVOKED_NO_POE)
    assert world.judge(at=SIGNED - 2 * DAY, proved=True) == PASSED
    assert world.judge(at=SIGNED - 3 * DAY, now=SIGNED - 2 * DAY) == PASSED


def test_a_revoked_authority_spoils_what_it_issued(world: World) -> None:
    world.root.revoke(world.authority, SIGNED - DAY)
    world.listed()
    assert world.judge() == (Indication.TOTAL_FAILED, SubIndication.REVOKED)


def test_lists_that_are_stale_missing_or_not_the_authoritys(world: World) -> None:
    assert world.judge() == PASSED
    assert world.judge(policy="strict") == doubt(SubIndication.TRY_LATER)
    world.listed(following=NOW - DAY)
    assert world.judge(policy="strict") == doubt(SubIndication.TRY_LATER)
    world.crls.clear()
    world.listed(following=None)
    assert world.judge(policy="strict") == PASSED
    world.crls.clear()
    forger = World()
    forger.authority.revoke(Holder("", world.holder.key, b"", world.holder.serial), SIGNED - DAY)
    forger.listed()
    world.crls = forger.crls
    assert world.judge() == PASSED
    assert world.judge(policy="strict") == doubt(SubIndication.TRY_LATER)


def test_the_newest_list_decides(world: World) -> None:
    world.authority.revoke(world.holder, SIGNED - DAY, reason=6)
    world.listed(this=NOW - 2 * DAY)
    world.authority.revoked.clear()
    world.listed(this=NOW - DAY)
    assert world.judge(policy="strict") == PASSED


@pytest.mark.parametrize("number", ["2.5.29.27", "2.5.29.28"])
def test_delta_and_partitioned_lists_are_not_taken(world: World, number: str) -> None:
    with pytest.raises(CertificateError, match="partitioned"):
        crl(world.authority.crl(this=NOW, following=None, extra=(extension(number, integer(1), critical=True),)))


def test_what_is_no_certificate_is_refused(world: World) -> None:
    good = world.holder.certificate
    pem = x509.load_der_x509_certificate(good).public_bytes(Encoding.PEM)
    assert [one.der for one in from_file(pem + pem)] == [good, good]
    doubled = world.authority.issue("演示", extra=(extension("2.5.29.15", b"\x03\x02\x07\x80"),))
    off_curve = good.replace(world.holder.key.spki[-64:], bytes(64))
    for wrong in (b"", b"hello", good[:-1], good + b"\0", doubled.certificate, off_curve):
        with pytest.raises(CertificateError):
            certificate(wrong)
    with pytest.raises(CertificateError, match="base64"):
        from_file(b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----")
    for wrong in (b"", good, b"-----BEGIN X509 CRL-----\n!!\n-----END"):
        with pytest.raises(CertificateError):
            crl(wrong)


@settings(max_examples=150)
@given(st.data())
def test_any_byte_of_a_certificate_may_be_anything(data: st.DataObject) -> None:
    content = bytearray(_SAMPLE.certificate)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = certificate(bytes(content))
    except CertificateError:
        return
    assert found.der == bytes(content)


_SAMPLE = root().issue("演示签章人", extra=(extension("2.5.29.35", seq(tlv(0x80, b"key"))),))


def test_a_trust_folder(tmp_path: Any, world: World) -> None:
    with pytest.raises(Invalid, match="anchors"):
        trust_folder(tmp_path)
    (tmp_path / "anchors").mkdir()
    (tmp_path / "anchors" / "root.der").write_bytes(world.root.certificate)
    first = trust_folder(tmp_path)
    assert (len(first.anchors), first.sealers) == (1, None)
    (tmp_path / "sealers").mkdir()
    assert trust_folder(tmp_path).sealers == frozenset()
    (tmp_path / "sealers" / "maker.der").write_bytes(world.holder.certificate)
    second = trust_folder(tmp_path)
    assert second.sealers == frozenset({world.holder.sha256})
    assert first.generation != second.generation == trust_folder(tmp_path).generation
    for part, content in (("anchors", b"hello"), ("crls", b"hello")):
        (tmp_path / part).mkdir(exist_ok=True)
        (tmp_path / part / "bad").write_bytes(content)
        with pytest.raises(Invalid, match="bad"):
            trust_folder(tmp_path)
        (tmp_path / part / "bad").unlink()
    assert generation_of([b"a", b"b"]) == generation_of([b"b", b"a"]) != generation_of([b"a"])


def test_names_are_compared_by_what_they_say() -> None:
    world = World()
    found = certificate(world.holder.certificate)
    assert found.subject != certificate(world.authority.certificate).subject
    assert utf8("x")[0] == 12
    assert found == certificate(bytes(world.holder.certificate))
    assert len({found, certificate(world.holder.certificate)}) == 1
    assert found != object()


def test_the_national_authorities_that_are_under_the_national_root() -> None:
    snapshot = trust_folder(samples() / "trust-national")
    under = 0
    for one in snapshot.intermediates:
        ledger = Ledger()
        judging = Judging(snapshot, POLICIES["archive"], NOW)
        check_chain(ledger, one, judging, Purpose.SIGNER, Use(datetime(2024, 1, 1, tzinfo=UTC)))
        under += verdict(ledger.checks)[1] is not SubIndication.NO_CERTIFICATE_CHAIN_FOUND
    assert (len(snapshot.intermediates), under) == (86, 72)
