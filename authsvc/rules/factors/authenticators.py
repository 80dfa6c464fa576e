"""Names of passkey providers by AAGUID, to tell one's passkeys apart. Nobody vouches for an AAGUID without attestation:
it is a name, and nothing is decided by it."""

from __future__ import annotations

from uuid import UUID

_NAMES = {
    "1Password": ("bada5566-a7aa-401f-bd96-45619a55120d",),
    "Apple Passwords": ("fbfc3007-154e-4ecc-8c0b-6e020557d7bd", "dd4ec289-e01d-41c9-bb89-70fa845d4bf2"),
    "Bitwarden": ("d548826e-79b4-db40-a3d8-11116f7e8349",),
    "Chrome on Mac": ("adce0002-35bc-c60a-648b-0b25f1f05503",),
    "Dashlane": ("531126d6-e717-415c-9320-3d9aa6981239",),
    "Edge on Mac": ("771b48fd-d3d4-4f74-9232-fc157ab0507a",),
    "Enpass": ("f3809540-7f14-49c1-a8b3-8f813b225541",),
    "Google Password Manager": ("ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4",),
    "KeePassXC": ("fdb141b2-5d84-443e-8a35-4698c205a502",),
    "Keeper": ("0ea242b4-43c4-4a1b-8b17-dd6d0b6baec6",),
    "Microsoft Password Manager": ("d3452668-01fd-4c12-926c-83a4204853aa",),
    "NordPass": ("b84e4048-15dc-4dd0-8640-f4f60813c8af", "de1e552d-db1d-4423-a619-566b625cdc84"),
    "Proton Pass": ("50726f74-6f6e-5061-7373-50726f746f6e",),
    "Samsung Pass": ("53414d53-554e-4700-0000-000000000000",),
    "Windows Hello": (
        "08987058-cadc-4b81-b6e1-30de50dcbe96",
        "9ddd1817-af5a-4672-a2b9-3e3dd95000a9",
        "6028b017-b1d4-4c02-b4b3-afcdafc96bb2",
    ),
    "YubiKey 5 NFC": ("2fc0579f-8113-47ea-b116-bb5a8db9202a",),
}
_BY_AAGUID = {UUID(aaguid): name for name, aaguids in _NAMES.items() for aaguid in aaguids}


def authenticator_name(aaguid: UUID) -> str:
    """The provider's name, "" for one that is not known."""
    return _BY_AAGUID.get(aaguid, "")
