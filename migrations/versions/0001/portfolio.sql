-- What is held and what it is worth: a projection of the order log. Everything here can be thrown
-- away and built again from it, so the service may delete all of it.
CREATE SCHEMA portfolio;

CREATE TABLE portfolio.account (
    account      text PRIMARY KEY CHECK (account <> ''),
    currency     text NOT NULL,
    initial_cash numeric NOT NULL,
    high_equity  numeric NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);

-- The trade_ columns are the open trade of the position; they are null while it is flat. The mark is
-- the last one seen, so that a restart values the position before the market speaks again.
CREATE TABLE portfolio.positions (
    account              text NOT NULL,
    strategy_id          text NOT NULL,
    symbol               text NOT NULL,
    qty                  numeric NOT NULL,
    cost                 numeric NOT NULL,
    realized_pnl         numeric NOT NULL DEFAULT 0,
    fees                 numeric NOT NULL DEFAULT 0,
    traded               numeric NOT NULL DEFAULT 0,
    currency             text NOT NULL,
    opened_at_ns         bigint NOT NULL DEFAULT 0,
    updated_at_ns        bigint NOT NULL,
    trade_side           smallint,
    trade_opened_at_ns   bigint,
    trade_entry_qty      numeric,
    trade_entry_notional numeric,
    trade_exit_qty       numeric,
    trade_exit_notional  numeric,
    trade_largest_qty    numeric,
    trade_fees           numeric,
    mark                 numeric,
    marked_at_ns         bigint,
    PRIMARY KEY (account, strategy_id, symbol)
) WITH (fillfactor = 80);

CREATE TABLE portfolio.cash (
    account  text NOT NULL,
    currency text NOT NULL,
    amount   numeric NOT NULL,
    PRIMARY KEY (account, currency)
) WITH (fillfactor = 50);

CREATE TABLE portfolio.applied_fill (
    account      text NOT NULL,
    execution_id text NOT NULL,
    PRIMARY KEY (account, execution_id)
);

CREATE TABLE portfolio.trade (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account     text NOT NULL,
    strategy_id text NOT NULL,
    symbol      text NOT NULL,
    side        smallint NOT NULL,
    qty         numeric NOT NULL,
    entry_price numeric NOT NULL,
    exit_price  numeric NOT NULL,
    pnl         numeric NOT NULL,
    fees        numeric NOT NULL DEFAULT 0,
    opened_at   timestamptz NOT NULL,
    closed_at   timestamptz NOT NULL
);
CREATE INDEX trade_newest ON portfolio.trade (account, closed_at DESC, id DESC);
CREATE INDEX trade_of_strategy ON portfolio.trade (strategy_id, closed_at DESC, id DESC);
CREATE INDEX trade_of_symbol ON portfolio.trade (symbol, closed_at DESC, id DESC);

-- exposure is the value of all positions regardless of direction; traded and fees count from the
-- account's begin, so any stretch of time is the difference of two points.
CREATE TABLE portfolio.equity (
    account  text NOT NULL,
    time     timestamptz NOT NULL,
    equity   numeric NOT NULL,
    cash     numeric NOT NULL,
    exposure numeric NOT NULL DEFAULT 0,
    traded   numeric NOT NULL DEFAULT 0,
    fees     numeric NOT NULL DEFAULT 0,
    PRIMARY KEY (account, time)
);

CREATE TABLE portfolio.day (
    account            text NOT NULL,
    day                date NOT NULL,
    start_equity       numeric NOT NULL,
    start_realized_pnl numeric NOT NULL DEFAULT 0,
    start_fees         numeric NOT NULL DEFAULT 0,
    PRIMARY KEY (account, day)
);

CREATE TABLE portfolio.cursor (
    consumer text NOT NULL,
    stream   text NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (consumer, stream)
) WITH (fillfactor = 50);

GRANT USAGE ON SCHEMA portfolio TO pi5_portfolio;
GRANT SELECT, INSERT, UPDATE, DELETE
    ON portfolio.account, portfolio.positions, portfolio.cash, portfolio.applied_fill,
    portfolio.trade, portfolio.equity, portfolio.day, portfolio.cursor
    TO pi5_portfolio;
