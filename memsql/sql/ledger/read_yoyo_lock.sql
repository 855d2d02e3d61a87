-- The process that holds yoyo's lock; no row where nobody does.
SELECT pid FROM yoyo_lock LIMIT 1
