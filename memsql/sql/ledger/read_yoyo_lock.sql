-- The process that holds yoyo's lock, if any.
SELECT pid FROM yoyo_lock LIMIT 1
