"""What judges the files for Compose and Kubernetes: their own parsers and validators, each built once per version."""
