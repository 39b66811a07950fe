"""Addresses as Meta signs them; the other cases stand in test_page.py."""

import pytest

from fbsync.volatile import without_volatile

CDN = "https://scontent-{host}.xx.fbcdn.net/v/t39.30808-1/{image}_n.jpg?stp=cp0_dst-jpg_p50x50"
CDN += "&_nc_cat={cat}&ccb=1-7&_nc_sid=6738e8&_nc_ohc={ohc}&_nc_ht=x&edm=AJd&oh=00_{oh}&oe={oe}"
LOOKASIDE = "https://platform-lookaside.fbsbx.com/platform/profilepic/?asid={asid}&height=50"
LOOKASIDE += "&width=50&ext={ext}&hash={hash}"

ONE = CDN.format(host="fra3-1", image="1234_5678", cat=104, ohc="Hk2x", oh="AYB1", oe="6741AB00")
AGAIN = CDN.format(host="ber1-2", image="1234_5678", cat=1, ohc="Q9_z", oh="AYC2", oe="6753CD11")
OTHER = CDN.format(host="fra3-1", image="9999_5678", cat=104, ohc="Hk2x", oh="AYB1", oe="6741AB00")
ASIDE = LOOKASIDE.format(asid=7, ext=1732900000, hash="AbT1")
ASIDE_AGAIN = LOOKASIDE.format(asid=7, ext=1735500000, hash="AbZ9")
OTHER_ASIDE = LOOKASIDE.format(asid=8, ext=1732900000, hash="AbT1")


def picture(address: object) -> dict[str, object]:
    return {"picture": {"data": {"height": 50, "is_silhouette": False, "url": address}}}


@pytest.mark.parametrize(("one", "again"), [(ONE, AGAIN), (ASIDE, ASIDE_AGAIN)])
def test_an_address_that_is_signed_anew_is_the_same_image(one: str, again: str) -> None:
    assert without_volatile(picture(one)) == without_volatile(picture(again))
    cover, cover_again = {"cover": {"source": one}}, {"cover": {"source": again}}
    assert without_volatile(cover) == without_volatile(cover_again)


@pytest.mark.parametrize(
    ("one", "other"),
    [(ONE, OTHER), (ASIDE, OTHER_ASIDE), ("https://a.example/1.jpg", "https://b.example/1.jpg")],
)
def test_another_image_is_another_image(one: str, other: str) -> None:
    assert without_volatile(picture(one)) != without_volatile(picture(other))


@pytest.mark.parametrize("address", [None, 7, "", "https://[broken", ["x"]])
def test_what_is_no_address_stays(address: object) -> None:
    assert without_volatile(picture(address)) == picture(address)


def test_nothing_else_is_left_out() -> None:
    fields = {"name": "A", "website": ONE, "link": AGAIN, "hours": {"mon_1_open": "09:00"}}
    assert without_volatile({**fields, "fan_count": 3}) == fields
