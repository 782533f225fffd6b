#!/usr/bin/env bash
# An upload breaks off, twice, and goes on where it was: once by size with OpenSSH's own sftp, once with a proof that both
# sides hold the same beginning.
set -euo pipefail
port=${PORT:-8808} who=${WHO:-zhangsan@127.0.0.1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
server() { ssh -p "$port" "$who" "$@"; }
digest() { md5sum | cut -d' ' -f1; }

head -c 5000000 /dev/urandom > big.bin
server rm big.bin 2> /dev/null || true

# --size says how much will come: what ends before it is not taken for a whole file, but left as a partial.
head -c 1000000 big.bin | server put big.bin --size 5000000 || echo 'Broken off, as was meant'
server ls -l big.bin

# OpenSSH's sftp goes on at the size that is there (reput is put -a); here up to 3,000,000 bytes.
head -c 3000000 big.bin > part.bin
echo 'reput part.bin big.bin' | sftp -P "$port" "$who"

# The proof: the MD5 of the bytes before the offset. If the server holds others, nothing is changed and the status is 1.
offset=3000000
proof=$(head -c "$offset" big.bin | digest)
wrong=$(echo something else | digest)
if tail -c +$((offset + 1)) big.bin | server put big.bin --offset "$offset" --md5 "$wrong"; then exit 1; fi
tail -c +$((offset + 1)) big.bin | server put big.bin --offset "$offset" --md5 "$proof"

test "$(server md5sum big.bin | cut -d' ' -f1)" = "$(digest < big.bin)"
server rm big.bin
echo 'Resumed twice, and the same MD5 on both sides'
