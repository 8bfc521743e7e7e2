-- What is held and what it is worth: a projection of the order log. Everything here can be thrown
-- away and built again from it, so the service may delete all of it.
CREATE SCHEMA portfolio;

CREATE TABLE portfolio.account (
    account      text PRIMARY KEY CHECK (account <> ''),
    currency     text NOT NULL,
    initial_cash numeric NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE portfolio.positions (
    account      text NOT NULL,
    strategy_id  text NOT NULL,
    symbol       text NOT NULL,
    qty          numeric NOT NULL,
    cost         numeric NOT NULL,
    realized_pnl numeric NOT NULL DEFAULT 0,
    fees         numeric NOT NULL DEFAULT 0,
    currency     text NOT NULL,
    opened_at    timestamptz,
    updated_at   timestamptz NOT NULL,
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

CREATE TABLE portfolio.equity (
    account text NOT NULL,
    time    timestamptz NOT NULL,
    equity  numeric NOT NULL,
    cash    numeric NOT NULL,
    PRIMARY KEY (account, time)
);

CREATE TABLE portfolio.day (
    account      text NOT NULL,
    day          date NOT NULL,
    start_equity numeric NOT NULL,
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
