"""Who may come in: by a key, by a secret that was minted with one, or because the door is open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from laconic.gateway.admission import Admission, Guest
from laconic.gateway.keys import Keys
from laconic.gateway.office import open_office
from laconic.gateway.secrets import Secrets
from laconic.rates import load

SIGNING = b"of at least thirty-two characters"


async def test_a_key_opens_and_so_does_a_secret_minted_with_it(tmp_path: Path) -> None:
    async with open_office(f"sqlite:///{tmp_path / 'ledger.db'}", load()) as office:
        key, shown = await office.keys.create("kiosk")
        admission = Admission(office.keys, Secrets(SIGNING))
        assert await admission.admit([shown]) == Guest(key)
        value, expires_at = admission.secrets.mint(key.id, {"voice": "marin"})
        guest = await admission.admit(["sk-of-another-place", value])
        assert guest is not None
        assert guest.key == key
        assert guest.grant is not None
        assert (guest.grant.session, guest.grant.expires_at) == ({"voice": "marin"}, expires_at)
        for nobodys in ([], ["lk-nonsense"], ["ek_nonsense.nonsense"], ["sk-nonsense"]):
            assert await admission.admit(nobodys) is None


async def test_a_secret_is_worth_no_more_than_its_key(tmp_path: Path) -> None:
    async with open_office(f"sqlite:///{tmp_path / 'ledger.db'}", load()) as office:
        revoked, _ = await office.keys.create("revoked")
        expired, _ = await office.keys.create("expired", expires=datetime.now(UTC) - timedelta(seconds=1))
        await office.keys.revoke("revoked")
        admission = Admission(office.keys, Secrets(SIGNING))
        for key_id in (revoked.id, expired.id, "key_unknown"):
            assert await admission.admit([admission.secrets.mint(key_id)[0]]) is None


async def test_a_secret_of_an_open_door_opens_no_other(tmp_path: Path) -> None:
    """Two gateways share a signing key, and one of them lets anybody in."""
    lax = Admission(None, Secrets(SIGNING), open=True)
    value, _ = lax.secrets.mint()
    guest = await lax.admit([value])
    assert guest is not None
    assert guest.grant is not None
    async with open_office(f"sqlite:///{tmp_path / 'ledger.db'}", load()) as office:
        keys: Keys | None
        for keys in (office.keys, None):
            assert await Admission(keys, Secrets(SIGNING)).admit([value]) is None
    assert await lax.admit([]) == Guest()
    assert lax.wanted == "any key"
    assert "laconic key create" in Admission(None, Secrets(SIGNING)).wanted


async def test_an_open_door_takes_any_key_but_not_a_secret_that_has_expired() -> None:
    now = 1_785_000_000.0
    admission = Admission(None, Secrets(SIGNING, now=lambda: now), open=True)
    value, expires_at = admission.secrets.mint(None, {"voice": "marin"})
    assert await admission.admit(["ek_68af296e8e408191a1120ab6383263c2"]) == Guest()  # a service's own
    now = expires_at
    assert await admission.admit([value]) is None


async def test_a_key_that_is_known_and_dead_opens_no_door_however_open(tmp_path: Path) -> None:
    async with open_office(f"sqlite:///{tmp_path / 'ledger.db'}", load()) as office:
        await office.keys.create("good")
        _, revoked = await office.keys.create("revoked")
        _, expired = await office.keys.create("expired", expires=datetime.now(UTC) - timedelta(seconds=1))
        key, good = await office.keys.create("another")
        await office.keys.revoke("revoked")
        for open in (True, False):
            admission = Admission(office.keys, Secrets(SIGNING), open=open)
            assert await admission.admit([revoked]) is None
            assert await admission.admit(["sk-of-another-place", expired]) is None
            assert await admission.admit([revoked, good]) == Guest(key)  # an app may show an old one beside it
        assert await Admission(office.keys, Secrets(SIGNING), open=True).admit(["lk-of-other-books"]) == Guest()


async def test_a_door_is_open_until_there_is_a_key(tmp_path: Path) -> None:
    """Whoever makes one means it to be asked for: from then on, and when it is revoked as well."""
    async with open_office(f"sqlite:///{tmp_path / 'ledger.db'}", load()) as office:
        admission = Admission(office.keys, Secrets(SIGNING), until_keyed=True)
        assert await admission.admit(["sk-any"]) == Guest()
        assert await admission.anybody()
        assert admission.wanted == "any key"
        value, _ = admission.secrets.mint()
        assert await admission.admit([value]) is not None
        key, shown = await office.keys.create("first")
        for nobodys in ([], ["sk-any"], [value]):
            assert await admission.admit(nobodys) is None
        assert await admission.admit([shown]) == Guest(key)
        assert not await admission.anybody()
        assert "laconic key create" in admission.wanted
        await office.keys.revoke("first")
        for one in (admission, Admission(office.keys, Secrets(SIGNING), until_keyed=True)):
            assert await one.admit([shown]) is None
            assert await one.admit([]) is None


async def test_where_no_books_are_kept_there_is_never_a_key() -> None:
    admission = Admission(None, Secrets(SIGNING), until_keyed=True)
    assert await admission.admit(["lk-any"]) == Guest()
    assert await admission.anybody()
