-- The roles the services act as. Nobody can log in as one: a service logs in as the installation's
-- own user and takes its role on (SET ROLE), so a fault in one service cannot touch another's data.
-- Roles belong to the whole server, so they may be there already from another database.
DO $$
DECLARE
    wanted text;
    may_create boolean;
BEGIN
    SELECT rolsuper OR rolcreaterole INTO may_create FROM pg_roles WHERE rolname = session_user;
    FOREACH wanted IN ARRAY ARRAY[
        'pi5_data', 'pi5_strategy', 'pi5_risk', 'pi5_execution', 'pi5_portfolio', 'pi5_backtest',
        'pi5_system'
    ] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            IF NOT may_create THEN
                RAISE EXCEPTION USING
                    ERRCODE = 'insufficient_privilege',
                    MESSAGE = format(
                        'the database user %I may not create the role %s', session_user, wanted
                    ),
                    HINT = format(
                        'run once as an administrator of the database: ALTER ROLE %I CREATEROLE',
                        session_user
                    );
            END IF;
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another database of this server was set up at the same moment
            END;
        END IF;
        -- Taking the role on is the one thing that must work, whoever created and granted it.
        BEGIN
            EXECUTE format('SET LOCAL ROLE %I', wanted);
            SET LOCAL ROLE NONE;
        EXCEPTION WHEN insufficient_privilege THEN
            BEGIN
                EXECUTE format('GRANT %I TO %I', wanted, session_user);
            EXCEPTION WHEN insufficient_privilege THEN
                RAISE EXCEPTION USING
                    ERRCODE = 'insufficient_privilege',
                    MESSAGE = format(
                        'the database user %I may not act as the role %s', session_user, wanted
                    ),
                    HINT = format(
                        'run once as an administrator of the database: GRANT %I TO %I',
                        wanted, session_user
                    );
            END;
        END;
    END LOOP;
END
$$;

-- Every service may see which version of the schema it works on.
GRANT USAGE ON SCHEMA pi5 TO pi5_data, pi5_strategy, pi5_risk, pi5_execution, pi5_portfolio,
    pi5_backtest, pi5_system;
GRANT SELECT ON pi5.schema_version TO pi5_data, pi5_strategy, pi5_risk, pi5_execution,
    pi5_portfolio, pi5_backtest, pi5_system;
