"""The real chain on one machine: PostgreSQL, Kafka and daprd, built or fetched once and kept up by `service`.

Read `service` (up, down, status), `chain` (the parts in order), `provision` (how they are built), `guard` (why none
outlives its starter).
"""
