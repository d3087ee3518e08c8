#!/bin/sh
# Writes a dump of the whole registry every BACKUP_HOURS, and keeps those of the last BACKUP_DAYS.
# With BACKUP_HOURS=0 it writes one and ends.
set -u
PGPASSWORD=$(cat "${SECRETS:-/run/secrets}/registry")
export PGPASSWORD
folder=${BACKUPS:-/backups}
while true; do
    file=$folder/registry-$(date -u +%Y%m%dT%H%M%SZ).dump
    if pg_dump --host database --username registry --format custom --file "$file.part" registry; then
        mv "$file.part" "$file"
        echo "wrote $file"
        find "$folder" -name 'registry-*.dump' -mtime "+${BACKUP_DAYS:-14}" -delete
        code=0
    else
        rm -f "$file.part"
        echo "no backup was written; the next attempt follows" >&2
        code=1
    fi
    [ "${BACKUP_HOURS:-24}" = 0 ] && exit $code
    sleep "$((${BACKUP_HOURS:-24} * 3600))"
done
