CREATE TABLE added_fields (
    page_id VARCHAR(32) NOT NULL,
    field VARCHAR(64) NOT NULL,
    PRIMARY KEY (page_id, field)
);

CREATE TABLE deliveries (
    id INTEGER NOT NULL,
    digest VARCHAR(64) NOT NULL,
    body BLOB NOT NULL,
    page_ids TEXT NOT NULL,
    received_at FLOAT NOT NULL,
    copies INTEGER NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (digest)
);

CREATE TABLE departures (
    code VARCHAR(32) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    person VARCHAR(64) NOT NULL,
    asked_at FLOAT NOT NULL,
    done_at FLOAT NOT NULL,
    outdated BOOLEAN NOT NULL,
    logins INTEGER NOT NULL,
    page_tokens INTEGER NOT NULL,
    events INTEGER NOT NULL,
    PRIMARY KEY (code)
);

CREATE TABLE fbsync_schema (
    number INTEGER NOT NULL,
    PRIMARY KEY (number)
);

CREATE TABLE handshakes (
    id INTEGER NOT NULL,
    seen_at FLOAT NOT NULL,
    result VARCHAR(16) NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE page_accesses (
    page_id VARCHAR(32) NOT NULL,
    user_id VARCHAR(64) NOT NULL,
    logged_in_at FLOAT,
    name TEXT NOT NULL,
    token TEXT NOT NULL,
    tasks TEXT NOT NULL,
    PRIMARY KEY (page_id, user_id)
);

CREATE TABLE pages (
    page_id VARCHAR(32) NOT NULL,
    marks INTEGER NOT NULL,
    done INTEGER NOT NULL,
    suspect INTEGER NOT NULL,
    noticed_by VARCHAR(16) NOT NULL,
    due_at FLOAT NOT NULL,
    attempts INTEGER NOT NULL,
    lease VARCHAR(32),
    leased_until FLOAT NOT NULL,
    reason TEXT,
    parked_at FLOAT,
    unparked INTEGER,
    stored_number INTEGER NOT NULL,
    stored_digest VARCHAR(64),
    stored_fields TEXT,
    stored_at FLOAT,
    last_event_at FLOAT,
    PRIMARY KEY (page_id)
);

CREATE TABLE rate_limits (
    name VARCHAR(64) NOT NULL,
    percent INTEGER NOT NULL,
    seen_at FLOAT NOT NULL,
    refused_until FLOAT NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE refused_fields (
    version VARCHAR(16) NOT NULL,
    name VARCHAR(64) NOT NULL,
    PRIMARY KEY (version, name)
);

CREATE TABLE store_address (
    address TEXT NOT NULL,
    PRIMARY KEY (address)
);

CREATE TABLE user_tokens (
    user_id VARCHAR(64) NOT NULL,
    name TEXT NOT NULL,
    token TEXT NOT NULL,
    expires_at FLOAT,
    logged_in_at FLOAT,
    data_access_expires_at FLOAT,
    scopes TEXT,
    PRIMARY KEY (user_id)
);
