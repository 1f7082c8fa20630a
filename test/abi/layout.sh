#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The layout of the public structures is what layout.txt says. A structure may only grow at its end; after
# such a change, write the program's output to layout.txt. usage: layout.sh PROGRAM layout.txt
set -u
if "$1" | diff -u "$2" -; then
	echo "ok: $(grep -c '^struct' "$2") structures"
else
	echo "$2: layout changed: lines with - are what programs were compiled against"
	exit 1
fi
