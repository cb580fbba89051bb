"""The versions of the real chain's programs, and what is known of their contents beforehand."""

DAPRD = "1.18.2"
"""The newest that the Go module proxy serves whole: 1.18.3 and 1.19 need modules that are not there."""
DAPR_SUM = "h1:yT1BXImaUiYtIKaKVnOBiWVFqQU1ckQaiXkXEO2+Dh0="
"""Go's checksum of the module; that of everything else stands in the module's own go.sum."""
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
"""Files of `cmd/daprd/components` that are kept: the whole set pulls in the client of every cloud there is."""

KAFKA = "4.3.1"

GO_AT_LEAST = (1, 26)
JAVA_AT_LEAST = (17,)
POSTGRES_AT_LEAST = (15,)
