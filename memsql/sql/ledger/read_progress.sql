-- How far each migration without a transaction came that stopped halfway; failed attempts do not count.
SELECT h.version, h.operation, h.statements_done, h.checksum
FROM memsql_history AS h
WHERE
    h.status = 'partial'
    AND h.operation <> 'import'
    AND h.id = (SELECT max(i.id) FROM memsql_history AS i WHERE i.version = h.version AND i.status <> 'failed')
