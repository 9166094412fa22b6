#!/bin/sh
set -eu
# On your own machine there is no such file.
if [ -e /secrets/env ]; then . /secrets/env; fi
exec "$@"
