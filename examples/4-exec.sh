#!/usr/bin/env bash
# Single commands over ssh, for scripts: files through pipes, hashes, sizes, JSON. The exit status is 0 done, 1 failed,
# 2 for words that are off.
set -euo pipefail
port=${PORT:-8808} who=${WHO:-zhangsan@127.0.0.1}
server() { ssh -p "$port" "$who" "$@"; }

server mkdir -p backups
tar -C /etc -cf - hostname | server put -f backups/etc.tar
server ls -l backups
server get backups/etc.tar | tar -tf -

server sha256sum backups/etc.tar
server df -h
server ls backups --json
server quota --json

# Several commands, a line each.
printf '%s\n' 'cd backups' 'mv etc.tar old.tar' 'ls' 'rm old.tar' 'cd ..' 'rm backups' | server

status=0
server get nothing-of-this-name > /dev/null || status=$?
echo "A file that is not there: status $status"
test "$status" -eq 1
