-- What is written stays written. Who owns the file can drop these; `laconic ledger verify` finds what was changed then.

CREATE TRIGGER laconic_rows_stay BEFORE UPDATE ON laconic_rows
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

CREATE TRIGGER laconic_rows_last BEFORE DELETE ON laconic_rows
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

CREATE TRIGGER laconic_rates_stay BEFORE UPDATE ON laconic_rates
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

CREATE TRIGGER laconic_rates_last BEFORE DELETE ON laconic_rates
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
