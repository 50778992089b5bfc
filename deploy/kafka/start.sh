#!/bin/sh
# Formats Kafka's storage at the first start, with the user's salted password, then starts the broker.
set -eu
folder=$(dirname "$0")
kafka=${KAFKA_HOME:-/opt/kafka}
secrets=${KAFKA_SECRETS:-/run/secrets/kafka}
"$kafka/bin/kafka-storage.sh" format --ignore-formatted --config "$folder/server.properties" \
    --cluster-id "$(cat "$secrets/cluster-id")" --add-scram "$(cat "$secrets/scram")"
exec "$kafka/bin/kafka-server-start.sh" "$folder/server.properties"
