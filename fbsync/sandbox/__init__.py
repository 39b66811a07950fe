"""A Graph API simulator for any client: login dialog, tokens, pages, subscriptions, webhooks.

An outsider on purpose: it imports nothing of fbsync and computes its own signatures, so that a
mistake shared by both sides cannot cancel out. What it imitates is Meta's documentation, named
beside each rule. Everything is invented.

    options, process  what it is started with; the socket and the end
    server            the application: dialog, Graph API and /_sandbox on one port
    call, answer      one call and its answer, whatever way they travel
    graph_api         who asks, for what; the answer with its headers
    batch, batch_item many calls in one
    dialog, oauth     the login page; code and token exchange, debug_token
    nodes, edges      me and pages; /me/accounts and permissions
    paging            parts of a list
    usage             limits, their headers, throttles
    faults, seeded    what goes wrong: by name, or chosen by a seed
    subscriptions     both levels; handshake is the callback's check
    events            what a change tells; deliveries sends it
    person_callbacks  the app removed, the data to be deleted: signed requests to the app
    control           /_sandbox: what the page's owner and the tester do
    tester            all endpoints under /_sandbox
    manual            the help, made from all of these
    world, switches   what there is, and how it behaves; state_file keeps it
"""
