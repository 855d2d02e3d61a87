-- name: e-mail addresses differ by more than case
-- severity: warning
-- why: The unique index tells A@x from a@x, people do not, and a login by e-mail finds one of the two.

SELECT 'e-mail ' || LOWER(email) || ' is used by ' || COUNT(*) || ' users' AS message
FROM users
GROUP BY LOWER(email)
HAVING COUNT(*) > 1;
