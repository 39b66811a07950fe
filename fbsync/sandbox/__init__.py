"""A Graph API simulator for any client: login dialog, tokens, pages, subscriptions, webhooks.

An outsider on purpose: it imports nothing of fbsync and computes its own signatures, so that a
mistake shared by both sides cannot cancel out. What it imitates is Meta's documentation, named
beside each rule. Everything is invented and kept in memory.

    server          the sockets: dialog, Graph API and /_sandbox on one port
    graph_api       one call: who asks, for what, and the answer with its headers
    batch           many calls in one
    dialog, oauth   the login page; code and token exchange, debug_token
    nodes, edges    me and pages; /me/accounts and permissions
    subscriptions   both levels; handshake is the callback's check
    deliveries      signed webhook deliveries with retries
    person_callbacks  the app removed, the data to be deleted: signed requests to the app
    control         /_sandbox: what the page's owner and the tester do
    world           what there is: app, pages, logins, subscriptions
"""
