#!/usr/bin/env bash
# A backup of a running service, encrypted with age to the operator's recipients.
#
#   HEFU_DATA=/var/lib/hefu [HEFU_DATABASE_URL=postgresql://…] \
#   backup.sh --recipients FILE [--keys-recipients FILE] DIRECTORY
#
# DIRECTORY/hefu-<time>.tar.age  database, the signer's memory, batch files, vaults. Not the published ledger, which
#                                the first start after a restore writes again from the database.
# DIRECTORY/hefu-<time>.keys.tar.age  DATA/keys, only with --keys-recipients: people other than those who can read the
#                                first file, so that no one file and no one person holds both. Once is enough: keys
#                                do not change.
# In neither: the settings, TLS keys, the auditors' token, PostgreSQL's roles and passwords.
# Wanted: bash, age, GNU tar; python3 for SQLite, psql and pg_dump (of the server's version or later) for PostgreSQL. It runs
# as the service's user, needs room for a copy of the database in HEFU_DATA, and delays no deposit.
set -euo pipefail
umask 077

fail() {
    echo "backup.sh: $*" >&2
    exit 2
}

recipients='' keys_recipients=''
while [ $# -gt 1 ]; do
    case "$1" in
        --recipients) recipients=$2 ;;
        --keys-recipients) keys_recipients=$2 ;;
        *) fail "unknown: $1" ;;
    esac
    shift 2
done
[ $# = 1 ] || fail 'give the directory that the backup is to be written to'
[ -d "$1" ] || fail "$1 is no directory"
target=$1
[ -d "${HEFU_DATA:-}/keys" ] || fail 'HEFU_DATA does not name the data directory of a ledger'
HEFU_DATA=$(CDPATH='' cd -- "$HEFU_DATA" && pwd) # tar goes to other folders
[ -n "$recipients" ] || fail '--recipients FILE is missing: age recipients, one a line (age-keygen makes them)'

time=$(date -u +%Y%m%dT%H%M%SZ)
stage=$(mktemp -d "$HEFU_DATA/.backup.XXXXXX")
unfinished=
trap 'rm -rf "$stage" ${unfinished:+"$unfinished"}' EXIT

encrypt() { # RECIPIENTS NAME TAR-ARGUMENTS…: durable, and under its name only when whole
    local to=$1 name=$2
    shift 2
    [ ! -e "$target/$name" ] || fail "$target/$name exists"
    unfinished=$target/$name.part # nothing half done is left
    # Its 1 tells of folders that grew meanwhile, as they do each second: their files are whole and never change.
    { tar --create --exclude=.unfinished --warning=no-file-changed "$@" || [ $? = 1 ]; } |
        age --encrypt --recipients-file "$to" --output "$target/$name.part"
    sync "$target/$name.part"
    mv "$target/$name.part" "$target/$name"
    unfinished=
    sync "$target"
    echo "$target/$name: $(wc -c <"$target/$name") bytes"
}

# The order matters. The signer's memory first: it must not be ahead of the database, or the restored service would
# rightly refuse to go on. Then the database, in one snapshot. Then the files that its rows speak of, which are written
# before the rows and never changed.
mkdir "$stage/signer"
cp "$HEFU_DATA/signer/checkpoint" "$stage/signer/checkpoint"
if [ -n "${HEFU_DATABASE_URL:-}" ]; then
    database=postgresql
    moved=$(psql --no-psqlrc --quiet --tuples-only --no-align --command="SELECT to_regclass('move')" "$HEFU_DATABASE_URL")
    [ -z "$moved" ] || fail 'the ledger has moved from this database, or is on its way: `hefu-service fsck` names the other'
    pg_dump --format=custom --no-owner --no-privileges --file="$stage/database" "$HEFU_DATABASE_URL"
else
    database=sqlite
    python3 - "$HEFU_DATA/hefu.sqlite3" "$stage/database" <<'PYTHON'
import sqlite3
import sys
from urllib.parse import quote

source = sqlite3.connect(f"file:{quote(sys.argv[1])}?mode=rw", uri=True)
if source.execute("SELECT 1 FROM sqlite_master WHERE name = 'move'").fetchone():
    sys.exit("backup.sh: the ledger has moved from this database, or is on its way: `hefu-service fsck` names the other")
copy = sqlite3.connect(sys.argv[2])
source.backup(copy)  # all pages in one step: one snapshot, however much is written meanwhile
copy.close()
PYTHON
fi
{
    echo 'format hefu-backup/v1'
    echo "made $time"
    echo "database $database"
    echo "program $(hefu-service --version)"
} >"$stage/MANIFEST"
files=()
for name in batches vaults; do
    [ ! -d "$HEFU_DATA/$name" ] || files+=(-C "$HEFU_DATA" "$name")
done
encrypt "$recipients" "hefu-$time.tar.age" -C "$stage" MANIFEST signer database "${files[@]}"
if [ -n "$keys_recipients" ]; then
    encrypt "$keys_recipients" "hefu-$time.keys.tar.age" -C "$HEFU_DATA" keys
fi
