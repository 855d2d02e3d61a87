-- name: user by e-mail
-- why: Login.
-- param: email = 'user0001@example.com'
-- plan: no-scan, no-sort

SELECT id, email, name, oauth_provider, oauth_id, is_active
FROM users
WHERE email = :email;
