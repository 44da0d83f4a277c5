-- What is written stays written. Who owns the table can drop these; `laconic ledger verify` finds what was changed then.

CREATE FUNCTION laconic_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only';
END
$$;

CREATE TRIGGER laconic_rows_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON laconic_rows
FOR EACH STATEMENT EXECUTE FUNCTION laconic_refuse();

CREATE TRIGGER laconic_rates_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON laconic_rates
FOR EACH STATEMENT EXECUTE FUNCTION laconic_refuse();
