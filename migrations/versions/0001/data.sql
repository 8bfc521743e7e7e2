-- Market data. Prices and sizes of bars and ticks are whole numbers of the instrument's scales
-- (price × 10^price_scale): exact, and they compress by 95 % where floats reach 78 %.
CREATE SCHEMA data;

CREATE TABLE data.instrument (
    symbol       text PRIMARY KEY CHECK (symbol <> ''),
    name         text NOT NULL DEFAULT '',
    asset_class  smallint NOT NULL,
    currency     text NOT NULL,
    venue        text NOT NULL,
    tick_size    numeric NOT NULL CHECK (tick_size > 0),
    lot_size     numeric NOT NULL CHECK (lot_size > 0),
    min_notional numeric,
    margin_rate  numeric NOT NULL DEFAULT 1,
    calendar     text NOT NULL DEFAULT '24/7',
    tradable     boolean NOT NULL DEFAULT true,
    provider     text NOT NULL DEFAULT '',
    price_scale  smallint NOT NULL CHECK (price_scale BETWEEN 0 AND 18),
    size_scale   smallint NOT NULL CHECK (size_scale BETWEEN 0 AND 18)
);

-- No foreign key to instrument: a check for each of a million copied rows buys nothing, because
-- only one service writes here and it knows the scales before it can write.
CREATE TABLE data.bar (
    symbol    text NOT NULL,
    timeframe smallint NOT NULL,
    time      timestamptz NOT NULL,
    open      bigint NOT NULL,
    high      bigint NOT NULL,
    low       bigint NOT NULL,
    close     bigint NOT NULL,
    volume    bigint NOT NULL DEFAULT 0,
    source    text NOT NULL DEFAULT '',
    PRIMARY KEY (symbol, timeframe, time)
);

CREATE TABLE data.tick (
    symbol    text NOT NULL,
    time_ns   bigint NOT NULL,
    sequence  bigint NOT NULL DEFAULT 0,  -- tells ticks of the same nanosecond apart
    price     bigint NOT NULL,
    size      bigint NOT NULL,
    aggressor smallint NOT NULL DEFAULT 0,
    source    text NOT NULL DEFAULT '',
    PRIMARY KEY (symbol, time_ns, sequence)
);

-- Where TimescaleDB is there (and loaded by the server, which it must be), bars and ticks become
-- hypertables that compress themselves; elsewhere the plain tables above do the same work, larger.
-- Chunks of 30 days: 75 years of daily bars stay below a thousand chunks.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
        AND current_setting('shared_preload_libraries') LIKE '%timescaledb%'
    THEN
        CREATE EXTENSION IF NOT EXISTS timescaledb;
        PERFORM create_hypertable('data.bar', 'time', chunk_time_interval => INTERVAL '30 days');
        ALTER TABLE data.bar SET (
            timescaledb.compress,
            timescaledb.compress_segmentby = 'symbol, timeframe',
            timescaledb.compress_orderby = 'time DESC'
        );
        PERFORM add_compression_policy('data.bar', INTERVAL '1 day');

        CREATE FUNCTION data.now_ns() RETURNS bigint LANGUAGE sql STABLE
            AS 'SELECT (extract(epoch FROM now()) * 1000000000)::bigint';
        PERFORM create_hypertable(
            'data.tick', 'time_ns', chunk_time_interval => 86400000000000::bigint
        );
        PERFORM set_integer_now_func('data.tick', 'data.now_ns');
        ALTER TABLE data.tick SET (
            timescaledb.compress,
            timescaledb.compress_segmentby = 'symbol',
            timescaledb.compress_orderby = 'time_ns DESC, sequence DESC'
        );
        PERFORM add_compression_policy('data.tick', 86400000000000::bigint);
    END IF;
END
$$;

-- An integer count of 10^-scale as an exact decimal: 1234 at scale 2 is 12.34.
CREATE FUNCTION data.from_ticks(ticks bigint, scale smallint) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ticks * ('1e-' || scale::text)::numeric;

-- Bars as people read them.
CREATE VIEW data.market_data AS
SELECT
    bar.time,
    bar.symbol,
    bar.timeframe,
    data.from_ticks(bar.open, instrument.price_scale) AS open,
    data.from_ticks(bar.high, instrument.price_scale) AS high,
    data.from_ticks(bar.low, instrument.price_scale) AS low,
    data.from_ticks(bar.close, instrument.price_scale) AS close,
    data.from_ticks(bar.volume, instrument.size_scale) AS volume,
    bar.source
FROM data.bar
JOIN data.instrument USING (symbol);

-- The scales give the stored integers their meaning, so they are fixed once there are any.
CREATE FUNCTION data.keep_scales() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM data.bar WHERE symbol = OLD.symbol)
        OR EXISTS (SELECT FROM data.tick WHERE symbol = OLD.symbol)
    THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = format('the scales of %s are fixed: bars or ticks are stored in them', OLD.symbol);
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER keep_scales BEFORE UPDATE ON data.instrument FOR EACH ROW
    WHEN (OLD.price_scale <> NEW.price_scale OR OLD.size_scale <> NEW.size_scale)
    EXECUTE FUNCTION data.keep_scales();

CREATE TABLE data.quarantine (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    symbol      text NOT NULL,
    source      text NOT NULL,
    line        bigint NOT NULL DEFAULT 0,
    reason      text NOT NULL,
    detail      text NOT NULL DEFAULT '',
    content     text NOT NULL DEFAULT '',
    received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX quarantine_by_symbol ON data.quarantine (symbol, id DESC);
CREATE INDEX quarantine_findings ON data.quarantine (symbol, source, reason);

CREATE TABLE data.request (
    request_id uuid PRIMARY KEY,
    method     text NOT NULL,
    body_hash  bytea NOT NULL,
    response   bytea,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX request_by_age ON data.request (created_at);

GRANT USAGE ON SCHEMA data TO pi5_data;
GRANT SELECT, INSERT, UPDATE ON data.instrument TO pi5_data;
GRANT SELECT, INSERT, UPDATE, DELETE ON data.bar, data.tick, data.request TO pi5_data;
GRANT SELECT, INSERT, DELETE ON data.quarantine TO pi5_data;
GRANT SELECT ON data.market_data TO pi5_data;
