-- Wörter
CREATE TABLE "größe;" (
  a
);

INSERT INTO "größe;" VALUES ('😀;
');
SELECT :a(;), x'3b' ;
/* never closed; SELECT 1;
