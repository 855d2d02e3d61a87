-- A file that starts with a comment; it is no statement.

/* Neither is
   this; */
CREATE TABLE notes (
    id INTEGER PRIMARY KEY, -- the key; really
    body TEXT DEFAULT 'a;b'
);;

INSERT INTO notes (body) VALUES ('it''s'); INSERT INTO notes (body) VALUES ('two
lines;') ; -- the end
SELECT "x;y", [x;y], `x;y` FROM notes -- no semicolon
