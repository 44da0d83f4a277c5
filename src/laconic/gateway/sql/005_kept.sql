-- What of a lease its session gives to nobody, since its goodbye is to be paid with it. Of time that is nothing so far.
ALTER TABLE laconic_leases ADD COLUMN kept_nanodollars BIGINT NOT NULL DEFAULT 0;

ALTER TABLE laconic_leases ADD COLUMN kept_tokens BIGINT NOT NULL DEFAULT 0;

ALTER TABLE laconic_leases ADD COLUMN kept_ms BIGINT NOT NULL DEFAULT 0;
