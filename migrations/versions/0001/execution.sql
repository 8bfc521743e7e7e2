-- The order path: intents, orders, fills and the event log that everything else is derived from.
-- All of them ordinary tables: a hypertable's unique keys must contain the time, and these keys
-- are what keeps an order from being sent twice and a fill from being counted twice.
CREATE SCHEMA execution;

CREATE TABLE execution.event (
    stream    text NOT NULL,
    seq       bigint NOT NULL CHECK (seq > 0),
    id        uuid NOT NULL UNIQUE,
    type      smallint NOT NULL,
    version   smallint NOT NULL DEFAULT 1,
    ts        timestamptz NOT NULL,
    causation text NOT NULL DEFAULT '',
    order_id  uuid,
    payload   bytea NOT NULL,
    prev_hash bytea NOT NULL,
    hash      bytea NOT NULL,
    PRIMARY KEY (stream, seq)
);
CREATE INDEX event_of_order ON execution.event (order_id, seq) WHERE order_id IS NOT NULL;

CREATE TABLE execution.stream_head (
    stream text PRIMARY KEY,
    seq    bigint NOT NULL,
    epoch  bigint NOT NULL,
    hash   bytea NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE execution.orders (
    id              uuid PRIMARY KEY,
    client_order_id text NOT NULL UNIQUE CHECK (client_order_id <> ''),
    params_hash     bytea NOT NULL,
    account         text NOT NULL,
    strategy_id     text NOT NULL,
    symbol          text NOT NULL,
    side            smallint NOT NULL,
    type            smallint NOT NULL,
    time_in_force   smallint NOT NULL,
    qty             numeric NOT NULL CHECK (qty >= 0),
    limit_price     numeric,
    stop_price      numeric,
    status          smallint NOT NULL,
    filled_qty      numeric NOT NULL DEFAULT 0,
    filled_notional numeric NOT NULL DEFAULT 0,
    fees            numeric NOT NULL DEFAULT 0,
    broker          text NOT NULL DEFAULT '',
    broker_order_id text NOT NULL DEFAULT '',
    signal_id       uuid,
    decision_id     uuid,
    reject_code     text NOT NULL DEFAULT '',
    reject_reason   text NOT NULL DEFAULT '',
    content         bytea NOT NULL,  -- the order as its protobuf message
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    submitted_at    timestamptz,
    filled_at       timestamptz,
    canceled_at     timestamptz
) WITH (fillfactor = 80);
CREATE INDEX orders_newest ON execution.orders (created_at DESC, id DESC);
CREATE INDEX orders_of_symbol ON execution.orders (symbol, created_at DESC, id DESC);
CREATE INDEX orders_of_strategy ON execution.orders (strategy_id, created_at DESC, id DESC);
-- Open ones, by status number: pending_new, accepted, partially_filled, pending_cancel,
-- pending_replace, unknown. Queries must name exactly these to use the index.
CREATE INDEX orders_open ON execution.orders (created_at DESC, id DESC)
    WHERE status IN (1, 2, 3, 5, 7, 11);
CREATE INDEX orders_at_broker ON execution.orders (broker, broker_order_id)
    WHERE broker_order_id <> '';

CREATE TABLE execution.intent (
    client_id   text PRIMARY KEY,
    order_id    uuid NOT NULL,
    action      smallint NOT NULL,
    state       smallint NOT NULL,
    epoch       bigint NOT NULL,
    params_hash bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    sent_at     timestamptz,
    settled_at  timestamptz
) WITH (fillfactor = 80);
CREATE INDEX intent_of_order ON execution.intent (order_id);
CREATE INDEX intent_unsettled ON execution.intent (created_at) WHERE settled_at IS NULL;

CREATE TABLE execution.fill (
    account         text NOT NULL,
    venue_exec_id   text NOT NULL CHECK (venue_exec_id <> ''),
    order_id        uuid NOT NULL,
    client_order_id text NOT NULL,
    strategy_id     text NOT NULL,
    symbol          text NOT NULL,
    side            smallint NOT NULL,
    qty             numeric NOT NULL CHECK (qty > 0),
    price           numeric NOT NULL,
    fee             numeric NOT NULL DEFAULT 0,
    currency        text NOT NULL,
    time            timestamptz NOT NULL,
    inferred        boolean NOT NULL DEFAULT false,
    reference_price numeric,
    PRIMARY KEY (account, venue_exec_id)
);
CREATE INDEX fill_newest ON execution.fill (time DESC, account, venue_exec_id);
CREATE INDEX fill_of_order ON execution.fill (order_id);
CREATE INDEX fill_of_symbol ON execution.fill (symbol, time DESC);
CREATE INDEX fill_of_strategy ON execution.fill (strategy_id, time DESC);

-- What a venue reported is final. Only a fill that reconciliation inferred may change or go, when
-- the venue's own report of it arrives.
CREATE FUNCTION execution.keep_reported_fills() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'restrict_violation',
        MESSAGE = format('the fill %s was reported by the venue and is final', OLD.venue_exec_id);
END
$$;

CREATE TRIGGER keep_reported_fills BEFORE UPDATE OR DELETE ON execution.fill FOR EACH ROW
    WHEN (NOT OLD.inferred) EXECUTE FUNCTION execution.keep_reported_fills();

CREATE TABLE execution.discrepancy (
    id         uuid PRIMARY KEY,
    broker     text NOT NULL,
    code       text NOT NULL,
    ours       text NOT NULL DEFAULT '',
    theirs     text NOT NULL DEFAULT '',
    order_id   uuid,
    symbol     text NOT NULL DEFAULT '',
    found_at   timestamptz NOT NULL,
    resolution text NOT NULL DEFAULT ''
);
CREATE INDEX discrepancy_newest ON execution.discrepancy (found_at DESC, id DESC);

-- The books of the simulated exchange: what a real venue would keep on its side.
CREATE TABLE execution.venue_order (
    broker          text NOT NULL,
    client_order_id text NOT NULL,
    content         jsonb NOT NULL,
    status          smallint NOT NULL,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (broker, client_order_id)
) WITH (fillfactor = 80);

CREATE TABLE execution.venue_execution (
    broker          text NOT NULL,
    execution_id    text NOT NULL,
    client_order_id text NOT NULL,
    content         jsonb NOT NULL,
    time            timestamptz NOT NULL,
    PRIMARY KEY (broker, execution_id)
);
CREATE INDEX venue_execution_of_order ON execution.venue_execution (broker, client_order_id);
CREATE INDEX venue_execution_newest ON execution.venue_execution (broker, time DESC);

GRANT USAGE ON SCHEMA execution TO pi5_execution;
GRANT SELECT, INSERT ON execution.event, execution.venue_execution TO pi5_execution;
GRANT SELECT, INSERT, UPDATE
    ON execution.stream_head, execution.orders, execution.intent, execution.discrepancy
    TO pi5_execution;
GRANT SELECT, INSERT, UPDATE, DELETE ON execution.fill, execution.venue_order TO pi5_execution;
