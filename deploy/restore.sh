#!/usr/bin/env bash
# Bring a backup of backup.sh back, into a place that is empty; ends with `hefu-service fsck`.
#
#   HEFU_DATA=/var/lib/hefu [HEFU_DATABASE_URL=postgresql://… of an empty database] \
#   restore.sh --identity FILE --keys FILE --keys-identity FILE --seen CHECKPOINT|none BACKUP.tar.age
#
# --seen is the newest checkpoint that anyone outside has: of a CDN, a witness, an auditor, an enterprise. A holder
# of more records than the backup has, or of others, was promised them; then fsck says so and this ledger has
# ended (RUNBOOK.md). `none` says that you asked everyone and found no checkpoint.
# --keys is the keys' own backup; without it and --keys-identity, HEFU_DATA/keys must be there already and nothing else.
# Wanted: as for backup.sh, with pg_restore in the place of pg_dump. Run it as the service's user, the service stopped.
set -euo pipefail
umask 077

fail() {
    echo "restore.sh: $*" >&2
    exit 2
}

identity='' keys='' keys_identity='' seen=''
while [ $# -gt 1 ]; do
    case "$1" in
        --identity) identity=$2 ;;
        --keys) keys=$2 ;;
        --keys-identity) keys_identity=$2 ;;
        --seen) seen=$2 ;;
        *) fail "unknown: $1" ;;
    esac
    shift 2
done
[ $# = 1 ] || fail 'name the backup'
[ -f "$1" ] || fail "there is no $1"
backup=$1
[ -n "${HEFU_DATA:-}" ] || fail 'HEFU_DATA is not set'
[ -n "$identity" ] || fail '--identity FILE is missing: the age identity that can read the backup'
[ "$seen" = none ] || [ -f "$seen" ] || fail '--seen is missing: the newest checkpoint that anyone has, or none'
present=$(ls -A "$HEFU_DATA" 2>/dev/null || true)
if [ -n "$keys" ]; then
    [ -n "$keys_identity" ] || fail '--keys-identity FILE is missing'
    [ -z "$present" ] || fail "$HEFU_DATA is not empty: nothing is ever restored over anything"
else
    [ "$present" = keys ] || fail "$HEFU_DATA must hold the directory keys and nothing else, or name their backup: --keys"
fi

stage=$HEFU_DATA.restoring
mkdir "$stage" || fail "$stage is of an earlier attempt, and may hold keys: look at it, and move it away"
unpack() { age --decrypt --identity "$1" "$2" | tar --extract --preserve-permissions --no-same-owner -C "$stage"; }
unpack "$identity" "$backup"
grep -qx 'format hefu-backup/v1' "$stage/MANIFEST" || fail 'this program does not know the format of this backup'
[ -z "$keys" ] || unpack "$keys_identity" "$keys"

if grep -qx 'database postgresql' "$stage/MANIFEST"; then
    [ -n "${HEFU_DATABASE_URL:-}" ] || fail "the backup is PostgreSQL's: HEFU_DATABASE_URL must name an empty database"
    pg_restore --single-transaction --exit-on-error --no-owner --no-privileges --dbname="$HEFU_DATABASE_URL" \
        "$stage/database"
    rm "$stage/database"
else
    [ -z "${HEFU_DATABASE_URL:-}" ] || fail "the backup is SQLite's: HEFU_DATABASE_URL must not be set"
    mv "$stage/database" "$stage/hefu.sqlite3"
fi

# The signer must remember every checkpoint that was published, with the log's two lines: it refuses to sign less, or
# as much of another history, and signs none a second time.
if [ "$seen" != none ] && [ "$(sed -n 2p "$seen")" -ge "$(sed -n 2p "$stage/signer/checkpoint")" ]; then
    [ "$(grep -cF "— $(sed -n 1p "$seen") " "$seen")" -ge 2 ] ||
        fail "$seen lacks a line of the log, which signs with two keys: ask for the whole file"
    cp "$seen" "$stage/signer/checkpoint"
fi
rm "$stage/MANIFEST"
mkdir -p "$HEFU_DATA"
mv "$stage"/* "$HEFU_DATA"/
rmdir "$stage"
chmod 700 "$HEFU_DATA"
sync
echo "restored to $HEFU_DATA; checking all of it"
check=(hefu-service fsck)
[ "$seen" = none ] || check+=(--seen "$seen") # one that is smaller may be of another history as well
"${check[@]}" || {
    code=$?
    echo 'restore.sh: do not start the service before you know what each finding means: RUNBOOK.md' >&2
    exit "$code"
}
