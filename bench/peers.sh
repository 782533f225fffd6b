#!/usr/bin/env bash
# `npm run bench:peers`: what the benchmark compares with, by apt (Debian, Ubuntu). Starts no daemon.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
root=()
((EUID == 0)) || root=(sudo --preserve-env=DEBIAN_FRONTEND)
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
  "${root[@]}" chmod 755 "$policy"
  trap '"${root[@]}" rm -f "$policy"' EXIT
fi
"${root[@]}" apt-get update -qq
"${root[@]}" apt-get install -y -qq --no-install-recommends openssh-client openssh-server proftpd-core proftpd-mod-crypto rclone
