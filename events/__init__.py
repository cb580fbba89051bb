"""What can happen, and how it travels: the catalogue of events, and the path from a change to its consumers.

Read in this order: `catalog` (the six types), `cloudevent` (their form), `outbox` (recorded with the change), `relay`
(outbox to publisher), `embedded` and `dapr` (the two publishers), `consumer` and `inbox` (each reaction once),
`redelivery` and `dead_letters` (what goes wrong), `lease` (which process does it). What reacts to an event stands in
`todo.activity.reactions`.
"""
