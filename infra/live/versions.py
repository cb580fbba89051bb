"""The pinned versions of the real chain's programs, and their checksums."""

DAPRD = "1.18.2"
"""The newest version that the Go module proxy serves completely: 1.18.3 and 1.19 need modules that it lacks."""
DAPR_SUM = "h1:yT1BXImaUiYtIKaKVnOBiWVFqQU1ckQaiXkXEO2+Dh0="
"""Go's checksum of the module; the module's go.sum holds those of its dependencies."""
DAPRD_TAGS = "stablecomponents"
DAPRD_COMPONENTS = (
    "bindings_cron.go",
    "nameresolution_mdns.go",
    "pubsub_in-memory.go",
    "pubsub_kafka.go",
    "secretstores_local_env.go",
    "state_in-memory.go",
    "zz_notag.go",
)
"""The files kept of `cmd/daprd/components`: the whole set pulls in the clients of every cloud."""

KAFKA = "4.3.1"

GO_AT_LEAST = (1, 26)
JAVA_AT_LEAST = (17,)
POSTGRES_AT_LEAST = (15,)
