"""Invented pages, made from their number, and which fields a page has.

Field names and pairings: facebook-business SDK 26 (`page.py`).
"""

from typing import Any

FIRST_PAGE_ID = 200_000_000_000_001

_NAMES = (
    "Café Zeitgeist",
    "Bäckerei Süßmann",
    "Harbour Bikes",
    "Théâtre du Coin",
    "Flower Power 🌻",
    "Łódź Books",
    "Old Mill Brewery",
    "東京ラーメン",
    "Ñandú Travel",
    "Green Grocer & Sons",
)
_CATEGORIES = (
    ("Coffee shop", "197871390225897"),
    ("Bakery", "200600219953504"),
    ("Bicycle shop", "117069771699370"),
    ("Theatre", "173883042668223"),
    ("Florist", "123377808095874"),
    ("Bookshop", "197048876974331"),
    ("Brewery", "200863816597800"),
    ("Ramen restaurant", "192831537402299"),
    ("Travel agency", "164243073639257"),
    ("Greengrocer", "150108431712141"),
)
_CITIES = (
    ("Berlin", "Germany", 52.52, 13.405),
    ("Lyon", "France", 45.764, 4.8357),
    ("Bristol", "United Kingdom", 51.4545, -2.5879),
)

WITHOUT_PERMISSION = frozenset(
    {"id", "name", "category", "category_list", "access_token", "tasks", "link"}
)
"""Readable without pages_read_engagement, as the default answer of /me/accounts shows."""

RETIRED_IN_V26 = frozenset({"current_location", "genre", "network", "parking", "start_info"})

_TEXT_FIELDS = """
    about affiliation app_id artists_we_like attire awards band_interests band_members bio birthday
    booking_agent built company_overview culinary_team current_location description
    description_html directed_by display_subtext features founded general_info general_manager genre
    global_brand_page_name hometown impressum influences link merchant_review_status members mission
    mpg name name_with_location_descriptor network overall_star_rating personal_info
    personal_interests pharma_safety_info phone place_type plot_outline press_contact price_range
    produced_by products public_transit record_label release_date schedule screenplay_by season
    single_line_address starring store_code store_location_descriptor studio temporary_status
    username verification_status website whatsapp_number written_by
"""
_OTHER_FIELDS = """
    access_token ad_campaign best_page business can_checkin can_post category category_list
    checkins connected_instagram_account contact_address country_page_likes cover
    delivery_and_pickup_option_info emails engagement fan_count followers_count food_styles
    has_added_app has_transitioned_to_new_page_experience has_whatsapp_number hours id
    instagram_business_account is_always_open is_chain is_community_page is_owned
    is_permanently_closed is_published
    is_unclaimed is_verified is_webhooks_subscribed location locations new_like_count parent_page
    parking payment_options picture promotion_eligible rating_count restaurant_services
    restaurant_specialties start_info store_number talking_about_count tasks unread_message_count
    unread_notif_count unseen_message_count were_here_count
"""
FIELDS = frozenset(_TEXT_FIELDS.split()) | frozenset(_OTHER_FIELDS.split())

_WRITABLE_TEXT = """
    about bio company_overview cover description emails general_info hours impressum
    is_published location mission parking payment_options phone price_range public_transit
    temporary_status website
"""
WRITABLE = frozenset(_WRITABLE_TEXT.split())
"""What the page's own API call may change; not name, username or category."""


def page_id(index: int) -> str:
    """The id of the page with this number, from 0."""
    return str(FIRST_PAGE_ID + index)


def invent(index: int) -> dict[str, Any]:
    """The public facts of the page with this number. Unset fields are absent."""
    name = _NAMES[index % len(_NAMES)]
    if index >= len(_NAMES):
        name = f"{name} {index // len(_NAMES) + 1}"
    category, category_id = _CATEGORIES[index % len(_CATEGORIES)]
    place = _place(index)
    page = page_id(index)
    return {
        "id": page,
        "name": name,
        "about": f"{category} in {place['city']} since {1950 + index % 70}",
        "category": category,
        "category_list": [{"id": category_id, "name": category}],
        "cover": _cover(page),
        "description": f"{name} is a {category.lower()} in the heart of {place['city']}."
        " Open every day.",
        "emails": [f"hello@page{index + 1}.example.com"],
        "fan_count": 100 + index * 7 % 9000,
        "followers_count": 110 + index * 7 % 9000,
        "hours": {"mon_1_open": "09:00", "mon_1_close": "18:00"},
        "is_published": True,
        "link": f"https://www.facebook.com/{page}",
        "location": place,
        "phone": f"+49 30 {5550000 + index}",
        "picture": _picture(page),
        "single_line_address": f"{place['street']}, {place['city']}, {place['country']}",
        "username": f"sandbox.page.{index + 1}",
        "verification_status": "not_verified",
        "website": f"https://page{index + 1}.example.com",
    }


def _place(index: int) -> dict[str, Any]:
    city, country, latitude, longitude = _CITIES[index % len(_CITIES)]
    return {
        "city": city,
        "country": country,
        "latitude": latitude,
        "longitude": longitude,
        "street": f"{index % 180 + 1} Market Street",
        "zip": f"{10000 + index % 89999}",
    }


def _cover(page: str) -> dict[str, Any]:
    cover = {"cover_id": f"{page}7", "id": f"{page}7", "offset_x": 50, "offset_y": 50}
    return cover | {"source": f"https://example.com/cover/{page}.jpg"}


def _picture(page: str) -> dict[str, Any]:
    data = {"cache_key": f"{page}1", "height": 50, "is_silhouette": False, "width": 50}
    return {"data": data | {"url": f"https://example.com/picture/{page}.jpg"}}
