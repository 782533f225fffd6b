#!/usr/bin/env bash
# The first login: who am I, what is here, how much may I store. Start the server in another terminal: npm start
# zhangsan's password is 123; say PORT=… and WHO=name@host for another server or account.
set -euo pipefail
port=${PORT:-8808} who=${WHO:-zhangsan@127.0.0.1}

sftp -P "$port" "$who" <<'END'
pwd
ls -la
df -h
END

ssh -p "$port" "$who" help
ssh -p "$port" "$who" quota
