#!/bin/bash
# The user that everything runs as, and its folders; written by hand, since a slim base has no useradd.
set -euo pipefail
id=10001
grep -q '^preceptor:' /etc/passwd || echo "preceptor:x:$id:$id::/home/preceptor:/usr/sbin/nologin" >> /etc/passwd
grep -q '^preceptor:' /etc/group || echo "preceptor:x:$id:" >> /etc/group
install -d -m 0555 /home/preceptor                       # nobody writes there: caches go to /tmp
install -d -m 0700 -o "$id" -g "$id" /var/lib/preceptor  # PRECEPTOR_HOME, a volume
