"""The webhook fields that Meta offers for pages, and which page fields have none.

Values of `subscribed_fields`: facebook-business SDK 26 (`page.py`), the same in v25. What some of
them need beyond pages_manage_metadata: Meta, "Page subscribed apps".
"""

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches

from fbsync.field_list import field_name

_PROFILE = """
    affiliation attire awards bio birthday category checkins company_overview culinary_team
    current_location description email founded general_info general_manager hometown hours location
    members mission name page_about_story page_change_proposal page_upcoming_change parking
    payment_options personal_info personal_interests phone picture price_range products
    public_transit website
"""
_CONTENT = """
    comment_poll_response conversations feed follow group_feed live_videos local_delivery mention
    merchant_review product_review publisher_subscriptions ratings registration story_poll_response
    story_share video_text_question_responses videos
"""
_MESSAGING = """
    agent_messages agent_questions call_permission_reply call_settings_update calls inbox_labels
    invalid_topic_placeholder marketing_message_clicks marketing_message_deliveries
    marketing_message_delivery_failed marketing_message_echoes marketing_message_reads
    marketing_messages_subscriber_upload_status message_context message_deliveries message_echoes
    message_edits message_mention message_reactions message_reads message_template_status_update
    messages messaging_account_linking messaging_appointments messaging_checkout_updates
    messaging_customer_information messaging_direct_sends messaging_fblogin_account_linking
    messaging_feedback messaging_game_plays messaging_handovers
    messaging_in_thread_lead_form_submit messaging_integrity messaging_optins messaging_optouts
    messaging_payments messaging_policy_enforcement messaging_postbacks messaging_pre_checkouts
    messaging_referrals response_feedback send_cart standby user_action
"""
_LEADS = "leadgen leadgen_fat leadgen_update"
_OTHER = """
    business_integrity feature_access_list invoice_access_bank_slip_events
    invoice_access_invoice_change invoice_access_invoice_draft_change
    invoice_access_onboarding_status_active mcom_invoice_change payment_request_update
"""
_PROFILE_FIELDS = frozenset(_PROFILE.split())

WEBHOOK_FIELDS = frozenset((_PROFILE + _CONTENT + _MESSAGING + _LEADS + _OTHER).split())

PERMISSIONS = dict.fromkeys(_MESSAGING.split(), "pages_messaging") | dict.fromkeys(
    _LEADS.split(), "leads_retrieval"
)
"""Webhook field: the permission that it needs beyond pages_manage_metadata."""

_OTHER_NAMES = {"emails": "email"}
_POLLED = """
    about category_list cover description_html fan_count followers_count has_added_app impressum
    is_always_open is_permanently_closed is_published is_verified link overall_star_rating
    parent_page rating_count single_line_address start_info store_number temporary_status username
    verification_status whatsapp_number
"""
_POLLED_FIELDS = frozenset(_POLLED.split())
"""Page fields that people ask webhooks for in vain."""


def webhook_field(page_field: str) -> str | None:
    """The webhook field that tells of changes of a page's field; None where there is none."""
    name = _OTHER_NAMES.get(field_name(page_field), field_name(page_field))
    return name if name in _PROFILE_FIELDS else None


def polled_only(page_fields: Iterable[str]) -> tuple[str, ...]:
    """Those of the page fields whose changes no webhook tells, so that only a poll finds them."""
    names = (field_name(field) for field in page_fields)
    return tuple(name for name in names if name != "id" and webhook_field(name) is None)


def split_webhook_fields(text: str) -> tuple[str, ...]:
    """The names in a list with commas, each once."""
    return tuple(dict.fromkeys(name for name in re.split(r"[,\s]+", text) if name))


def unknown_fields(names: Collection[str]) -> list[str]:
    """For each name that is no webhook field, a text with the nearest that is, or the reason."""
    return [_describe(name) for name in names if name not in WEBHOOK_FIELDS]


def _describe(name: str) -> str:
    if name in _POLLED_FIELDS:
        return f"{name} (it has no webhook; fbsync sync finds its changes)"
    near = get_close_matches(name, sorted(WEBHOOK_FIELDS), n=1)
    nearest = _OTHER_NAMES.get(name) or (near[0] if near else None)
    return f"{name} (did you mean {nearest}?)" if nearest else name
