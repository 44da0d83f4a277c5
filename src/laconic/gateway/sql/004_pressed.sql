-- Which unit sessions of other gateways are in need of: what can be spared of it is to be given back.
ALTER TABLE laconic_leases ADD COLUMN pressed TEXT;
