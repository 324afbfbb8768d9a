-- title: What became of the records of each source
-- shows: Every evidence file with the records read and what became of them, the time they span and signs that
--     something is missing. `unaccounted` is 0 for every source, or the case is damaged.
-- limits: Files that were never collected. Gaps inside a source: see `kubesleuth coverage`.
-- attack: none
-- parameter: path pattern | path of the source; `%` stands for any text
-- column: cluster | the cluster
-- column: source_id | id of the source
-- column: path | where it was read
-- column: format wide | recognised format
-- column: records | records read
-- column: row_count | records that became rows
-- column: duplicates | records that say the same as one already kept
-- column: rejects | records that could not be read: see rejected-records
-- column: unaccounted | records that are none of these
-- column: skipped wide | readable records of other kinds, not counted in records
-- column: first_time | earliest time in its records
-- column: last_time | latest time in its records
-- column: warnings | signs of incompleteness

SELECT
  cluster, source_id, path, format, records, s.rows AS row_count, duplicates, rejects,
  records - s.rows - duplicates - rejects AS unaccounted, skipped, first_time, last_time, warnings
FROM sources AS s
WHERE path LIKE /*:path*/ '%'
ORDER BY cluster, rejects DESC, path, source_id
