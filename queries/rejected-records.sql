-- title: Records that could not be read
-- shows: Every stretch of bytes that should be a record and could not be read, where it lies and why.
-- limits: What stood in it: `kubesleuth show` prints the bytes.
-- attack: none
-- parameter: reason pattern | why; `%` stands for any text
-- column: cluster | the cluster
-- column: source_id | id of the source
-- column: path | path of the source
-- column: line | line on which it starts, from 1
-- column: length wide | length in bytes
-- column: reason | what was expected and what was found
-- column: first_bytes wide | the first 200 bytes, invalid UTF-8 as U+FFFD
-- column: record | as `kubesleuth show` takes it

SELECT
  r.cluster, r.source_id, s.path, r.line, r.length, r.reason, r.first_bytes,
  CONCAT(r.source_id, ':', CAST(r.line AS STRING)) AS record
FROM rejects AS r
LEFT JOIN sources AS s ON r.source_id = s.source_id AND r.cluster = s.cluster
WHERE r.reason LIKE /*:reason*/ '%'
ORDER BY cluster, source_id, line, length, reason, first_bytes
