#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a program as an ordinary user. 77 where that cannot be: started by one, or in a folder that is not for others.
# usage: as-user.sh PROGRAM [ARG...]
set -u
user="setpriv --reuid 65534 --regid 65534 --clear-groups"
[ "$(id -u)" = 0 ] || { echo "SKIPPED: an ordinary user has run it already"; exit 77; }
command -v setpriv >/dev/null || { echo "SKIPPED: no setpriv"; exit 77; }
$user test -x "$1" || { echo "SKIPPED: $1 is not for others"; exit 77; }
exec $user "$@"
