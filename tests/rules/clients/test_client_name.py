"""What a client that registered itself may be called, as a table."""

from __future__ import annotations

import pytest

from authsvc.rules.clients.client_name import name_problem

TAKEN = ("authsvc", "Customer", "Coca", "Modern Wallet", "\N{BLACK STAR}")


@pytest.mark.parametrize(
    "name",
    [
        "Shop",
        "Customer Portal",
        "Caf\u00e9 東京 1&2",
        "Магазин",
        "Яндекс Music",
        "VK-Музыка",
        "Ωμέγα",
        "Сок",
        "น้ำ",
        "ນ້ຳ",
        "علی\u200cرضا",
        "株式会社A",
        "\N{WHITE STAR}",
        "1&2",
    ],
)
def test_what_it_may_be_called(name: str) -> None:
    assert name_problem(name, TAKEN) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        *((name, "client_name_taken") for name in ("authsvc", "AuthSvc", "auth svc", "auth-svc!", "customer")),
        *(
            (name, "client_name_taken")
            for name in ("Cust0mer", "C\u00fastomer", "Соса", "СОСА", "Modem Wallet", "MODERN VVALLET")
        ),
        ("\N{BLACK STAR}", "client_name_taken"),
        *((name, "client_name_form") for name in ("Ｇｏｏｇｌｅ", "\U0001d5e6hop", "ﬁnance", "Shop™", "①")),
        *(
            (name, "client_name_scripts")
            for name in ("P\u0430yPal", "G\u03bf\u03bfgle", "Google Рау", "Shop \u0405\u03bf")
        ),
    ],
)
def test_what_it_may_not(name: str, reason: str) -> None:
    problem = name_problem(name, TAKEN)
    assert problem is not None
    assert problem[1] == reason
