-- name: user by e-mail
-- why: Login.
-- param: email = SELECT email FROM users LIMIT 1
-- plan: no-scan, no-sort

SELECT id, email, name, oauth_provider, oauth_id, is_active
FROM users
WHERE email = :email;
