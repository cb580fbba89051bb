"""The event catalogue and the path of an event from the change to its consumers.

Read in this order: `catalog` (the six types), `cloudevent` (their encoding), `outbox` (recorded with the change),
`relay` (outbox to publisher), `embedded` and `dapr` (the two publishers), `consumer` and `inbox` (each reaction once),
`redelivery` and `dead_letters` (failures), `lease` (which process works). The reactions are in
`todo.activity.reactions`.
"""
