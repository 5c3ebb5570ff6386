-- As which [[contract]] of the configuration a run collected: two contracts without a number stay apart before the first
-- snapshot of each says which number it has.

ALTER TABLE run ADD COLUMN contract_name TEXT;  -- null where the configuration has no [[contract]] for it
