-- INSERT OR REPLACE takes a row away without a word to the triggers that keep rows from being deleted. A row that is
-- there stays, whoever writes one of its name again; one that names the place of another (rowid) is refused. Without a
-- place of its own a new row has -1 here.

CREATE TRIGGER laconic_rows_first BEFORE INSERT ON laconic_rows
WHEN EXISTS (SELECT 1 FROM laconic_rows WHERE session = NEW.session AND id = NEW.id)
BEGIN SELECT RAISE(IGNORE); END;

CREATE TRIGGER laconic_rows_place BEFORE INSERT ON laconic_rows
WHEN NEW.rowid > 0 AND EXISTS (SELECT 1 FROM laconic_rows WHERE rowid = NEW.rowid)
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

CREATE TRIGGER laconic_rates_first BEFORE INSERT ON laconic_rates
WHEN EXISTS (SELECT 1 FROM laconic_rates WHERE version = NEW.version)
BEGIN SELECT RAISE(IGNORE); END;

CREATE TRIGGER laconic_rates_place BEFORE INSERT ON laconic_rates
WHEN NEW.rowid > 0 AND EXISTS (SELECT 1 FROM laconic_rates WHERE rowid = NEW.rowid)
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
