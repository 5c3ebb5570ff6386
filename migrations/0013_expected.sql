-- Which contract a run was for: an attempt that failed belongs to it, though it never learned which one it would have seen.
-- 0: the credentials decide; null: not recorded.
ALTER TABLE run ADD COLUMN expected INTEGER;
