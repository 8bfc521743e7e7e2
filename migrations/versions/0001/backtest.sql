-- Runs over history: what was asked for, how far it is, what came out.
CREATE SCHEMA backtest;

CREATE TABLE backtest.run (
    id         uuid PRIMARY KEY,
    state      smallint NOT NULL,
    spec       bytea NOT NULL,  -- BacktestSpec as its protobuf message
    result     bytea,           -- BacktestResult as its protobuf message
    progress   double precision NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
    bars       bigint NOT NULL DEFAULT 0,
    error      text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at   timestamptz
) WITH (fillfactor = 80);
CREATE INDEX run_newest ON backtest.run (created_at DESC, id DESC);
-- Queued and running ones, taken up again after a restart.
CREATE INDEX run_unfinished ON backtest.run (created_at) WHERE state IN (1, 2);

CREATE TABLE backtest.request (
    request_id uuid PRIMARY KEY,
    method     text NOT NULL,
    body_hash  bytea NOT NULL,
    response   bytea,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX request_by_age ON backtest.request (created_at);

GRANT USAGE ON SCHEMA backtest TO pi5_backtest;
GRANT SELECT, INSERT, UPDATE, DELETE ON backtest.run, backtest.request TO pi5_backtest;
