-- Times are UTC as text, 2026-11-22T11:40:57.123456Z, which sorts. Money is 10^-9 of the currency. JSON is text.

CREATE TABLE laconic_rows (
    session TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    at TEXT NOT NULL,
    status TEXT NOT NULL,
    route TEXT NOT NULL,
    model TEXT NOT NULL,
    usage TEXT,
    charges TEXT NOT NULL,
    nanodollars BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    ms BIGINT NOT NULL,
    unknown BIGINT NOT NULL,
    at_most TEXT NOT NULL,
    currency TEXT NOT NULL,
    rates_version TEXT NOT NULL,
    laws TEXT NOT NULL,
    memory TEXT NOT NULL,
    key_id TEXT,
    labels TEXT NOT NULL,
    user_label TEXT,
    PRIMARY KEY (session, id)
);

CREATE INDEX laconic_rows_in_time ON laconic_rows (at, session, id);

CREATE INDEX laconic_rows_of_key ON laconic_rows (key_id, at);

-- The price lists the rows were priced by, whole.
CREATE TABLE laconic_rates (
    version TEXT PRIMARY KEY,
    prices TEXT NOT NULL
);

-- What a key has used on a day, all users together under the empty label, and each user of it.
CREATE TABLE laconic_spending (
    key_id TEXT NOT NULL,
    user_label TEXT NOT NULL,
    day TEXT NOT NULL,
    nanodollars BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    ms BIGINT NOT NULL,
    PRIMARY KEY (key_id, user_label, day)
);

-- What a running session holds of its key's budgets and has no row for.
CREATE TABLE laconic_leases (
    session TEXT PRIMARY KEY,
    gateway TEXT NOT NULL,
    key_id TEXT NOT NULL,
    user_label TEXT NOT NULL,
    nanodollars BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    ms BIGINT NOT NULL,
    renewed TEXT NOT NULL,
    expires TEXT NOT NULL
);

CREATE INDEX laconic_leases_of_key ON laconic_leases (key_id, user_label);

CREATE TABLE laconic_keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    hash TEXT NOT NULL UNIQUE,
    session_budget TEXT NOT NULL,
    budgets TEXT NOT NULL,
    user_budgets TEXT NOT NULL,
    models TEXT,
    memory TEXT,
    labels TEXT NOT NULL,
    created TEXT NOT NULL,
    expires TEXT,
    revoked TEXT
);
