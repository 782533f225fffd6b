#!/usr/bin/env bash
# A batch of sftp's commands: a folder goes up, is listed, and comes back the same. sftp stops at the first command that
# fails, and says so by its exit status, when the batch is given with -b. (-b asks no password, unless BatchMode is turned off.)
set -euo pipefail
port=${PORT:-8808} who=${WHO:-zhangsan@127.0.0.1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

mkdir -p report/figures
echo 'A report' > report/text.md
head -c 100000 /dev/urandom > report/figures/one.bin

sftp -P "$port" -o BatchMode=no -b - "$who" <<'END'
put -rp report
ls -l report
rename report/text.md report/final.md
chmod 600 report/final.md
get -rp report back
rm report/figures/one.bin
rm report/final.md
rmdir report/figures
rmdir report
END

cmp report/text.md back/final.md
cmp report/figures/one.bin back/figures/one.bin
echo 'What came back is what went up'
