-- Decisions as data, limits with their history, the trading mode, and how far risk has read the
-- order log.
CREATE SCHEMA risk;

CREATE TABLE risk.decision (
    id              uuid PRIMARY KEY,
    decided_at      timestamptz NOT NULL,
    approved        boolean NOT NULL,
    account         text NOT NULL,
    strategy_id     text NOT NULL,
    symbol          text NOT NULL,
    side            smallint NOT NULL,
    reject_code     text NOT NULL DEFAULT '',
    reject_reason   text NOT NULL DEFAULT '',
    checks          jsonb NOT NULL DEFAULT '[]',
    content         bytea NOT NULL,  -- the decision as its protobuf message
    signal_id       uuid,
    client_order_id text NOT NULL DEFAULT ''
);
CREATE INDEX decision_newest ON risk.decision (decided_at DESC, id DESC);
CREATE INDEX decision_of_symbol ON risk.decision (symbol, decided_at DESC, id DESC);
CREATE INDEX decision_of_strategy ON risk.decision (strategy_id, decided_at DESC, id DESC);
CREATE INDEX decision_refused ON risk.decision (decided_at DESC, id DESC) WHERE NOT approved;
CREATE INDEX decision_of_order ON risk.decision (client_order_id) WHERE client_order_id <> '';
CREATE INDEX decision_of_signal ON risk.decision (signal_id) WHERE signal_id IS NOT NULL;

-- Empty texts in the key mean "every": ('', '', '') holds the limits of everything.
CREATE TABLE risk.limits (
    account     text NOT NULL DEFAULT '',
    strategy_id text NOT NULL DEFAULT '',
    symbol      text NOT NULL DEFAULT '',
    content     jsonb NOT NULL,
    revision    bigint NOT NULL DEFAULT 1,
    changed_by  text NOT NULL DEFAULT '',
    changed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account, strategy_id, symbol)
);

CREATE TABLE risk.limit_change (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account     text NOT NULL DEFAULT '',
    strategy_id text NOT NULL DEFAULT '',
    symbol      text NOT NULL DEFAULT '',
    before      jsonb,
    after       jsonb NOT NULL,
    changed_by  text NOT NULL,
    changed_at  timestamptz NOT NULL,
    reason      text NOT NULL DEFAULT ''
);

CREATE TABLE risk.mode (
    id         smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    mode       smallint NOT NULL,
    reason     text NOT NULL DEFAULT '',
    changed_by text NOT NULL DEFAULT '',
    changed_at timestamptz NOT NULL DEFAULT now(),
    revision   bigint NOT NULL DEFAULT 1
);

CREATE TABLE risk.day (
    account      text NOT NULL,
    day          date NOT NULL,
    start_equity numeric NOT NULL,
    high_equity  numeric NOT NULL,
    PRIMARY KEY (account, day)
);

-- What working orders may still use of the limits; written in the cursor's transaction, so that a
-- restart goes on exactly where the log was left.
CREATE TABLE risk.reservation (
    client_order_id text PRIMARY KEY,
    content         jsonb NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE risk.cursor (
    consumer text NOT NULL,
    stream   text NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (consumer, stream)
) WITH (fillfactor = 50);

CREATE TABLE risk.request (
    request_id uuid PRIMARY KEY,
    method     text NOT NULL,
    body_hash  bytea NOT NULL,
    response   bytea,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX request_by_age ON risk.request (created_at);

GRANT USAGE ON SCHEMA risk TO pi5_risk;
GRANT SELECT, INSERT ON risk.decision, risk.limit_change TO pi5_risk;
GRANT SELECT, INSERT, UPDATE ON risk.mode, risk.day, risk.cursor TO pi5_risk;
GRANT SELECT, INSERT, UPDATE, DELETE ON risk.limits, risk.request, risk.reservation TO pi5_risk;
