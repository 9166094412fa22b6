#!/bin/sh
set -eu
# On your own machine the file does not exist.
if [ -e /secrets/env ]; then . /secrets/env; fi
exec "$@"
