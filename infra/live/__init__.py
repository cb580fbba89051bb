"""The real chain on one machine: PostgreSQL, Kafka and daprd, built or fetched once and run by `service`.

Read in this order: `service` (up, down, status), `chain` (the parts in order), `provision` (how they are built),
`guard` (why no program outlives its owner).
"""
