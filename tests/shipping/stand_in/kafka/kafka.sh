#!/bin/bash
# Does what the scripts of Kafka's image do that infra/compose.yaml calls; Kafka's own code reads the settings.
set -euo pipefail
run() {
  local log="$1"
  shift
  exec java "-Xmx${HEAP:-96}m" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "-Dlog4j2.configurationFile=$log" \
    -cp '/opt/kafka/libs/*' "$@"
}
tools=/etc/kafka/docker/tools-log4j2.yaml
case "$(basename "$0")" in
  kafka-topics.sh) run "$tools" org.apache.kafka.tools.TopicCommand "$@" ;;
  kafka-broker-api-versions.sh) run "$tools" org.apache.kafka.tools.BrokerApiVersionsCommand "$@" ;;
esac
export CLUSTER_ID="${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}"
said="$(run "$tools" kafka.docker.KafkaDockerWrapper setup --default-configs-dir /etc/kafka/docker \
  --mounted-configs-dir /mnt/shared/config --final-configs-dir /opt/kafka/config 2>&1)" \
  || [[ "$said" == *"already formatted"* ]] || { echo "$said" >&2; exit 1; }
HEAP=256 run /opt/kafka/config/log4j2.yaml kafka.Kafka /opt/kafka/config/server.properties
