"""The values of `subscribed_fields` (facebook-business SDK 26, `page.py`), and what they need."""

_PROFILE = """
    affiliation attire awards bio birthday category checkins company_overview culinary_team
    current_location description email founded general_info general_manager hometown hours location
    members mission name page_about_story page_change_proposal page_upcoming_change parking
    payment_options personal_info personal_interests phone picture price_range products
    public_transit website
"""
_CONTENT = """
    conversations feed follow group_feed live_videos mention product_review ratings registration
    videos publisher_subscriptions story_poll_response story_share comment_poll_response
    video_text_question_responses merchant_review local_delivery
"""
_MESSAGING = """
    agent_messages agent_questions call_permission_reply call_settings_update calls inbox_labels
    invalid_topic_placeholder message_context message_deliveries message_echoes message_edits
    message_mention message_reactions message_reads message_template_status_update messages
    messaging_account_linking messaging_appointments messaging_checkout_updates
    messaging_customer_information messaging_direct_sends messaging_fblogin_account_linking
    messaging_feedback messaging_game_plays messaging_handovers
    messaging_in_thread_lead_form_submit messaging_integrity messaging_optins messaging_optouts
    messaging_payments messaging_policy_enforcement messaging_postbacks messaging_pre_checkouts
    messaging_referrals response_feedback send_cart standby user_action marketing_message_clicks
    marketing_message_deliveries marketing_message_delivery_failed marketing_message_echoes
    marketing_message_reads marketing_messages_subscriber_upload_status
"""
_OTHER = """
    leadgen leadgen_fat leadgen_update business_integrity feature_access_list mcom_invoice_change
    payment_request_update invoice_access_bank_slip_events invoice_access_invoice_change
    invoice_access_invoice_draft_change invoice_access_onboarding_status_active
"""

MESSAGING = frozenset(_MESSAGING.split())
"""These need pages_messaging and the task MESSAGING."""

LEADS = frozenset({"leadgen", "leadgen_fat", "leadgen_update"})
"""These need leads_retrieval."""

ALL = tuple((_PROFILE + _CONTENT + _MESSAGING + _OTHER).split())

_PROFILE_FIELDS = frozenset(_PROFILE.split())


def webhook_field(page_field: str) -> str | None:
    """The webhook field that a change of a page's field raises; None for those without one."""
    name = "email" if page_field == "emails" else page_field
    return name if name in _PROFILE_FIELDS else None
