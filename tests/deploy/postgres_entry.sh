#!/bin/bash
# Stands for the entry point of PostgreSQL's image: an empty volume is made a database, then the server runs.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # shellcheck disable=SC2086  # it is a list of options
    initdb --username=postgres --pwfile="$POSTGRES_PASSWORD_FILE" $POSTGRES_INITDB_ARGS > /dev/null
    pg_ctl --wait --options="-c listen_addresses=''" start > /dev/null
    for each in /docker-entrypoint-initdb.d/*.sh; do "$each"; done
    pg_ctl --wait --mode=fast stop > /dev/null
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
fi
exec "$@" -c "listen_addresses=*"
