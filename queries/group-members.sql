-- title: Members of a group, as the API server saw them
-- shows: Every user that made a request as a member of the group, with the first and last event. `system:masters`
--     may do everything, whatever RBAC says.
-- limits: Members who made no logged request. Groups that a user was given by impersonation.
-- attack: T1078 Valid Accounts
-- parameter: group pattern | name of the group; `%` stands for any text
-- column: cluster | the cluster
-- column: group_name | the group
-- column: user_name | the user
-- column: first_seen | first event
-- column: last_seen | last event
-- column: events | number of events, which are stages of requests

SELECT cluster, group_name, user_name, first_seen, last_seen, events
FROM memberships
WHERE group_name LIKE /*:group*/ 'system:masters'
ORDER BY cluster, group_name, user_name
