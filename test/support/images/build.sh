# Builds one image with buildah. Everything comes by environment variables; run it in mount and PID namespaces of its own.
set -eu
mkdir -p "$STORAGE" "$WORK/run"
# Layers of older sources pile up, and a storage for other packages is of no use any more: start afresh now and then.
for other in "$STORAGE"/../*; do
	if [ "$(basename "$other")" != "$(basename "$STORAGE")" ]; then rm -rf "$other"; fi
done
if [ "$(du -sm "$STORAGE" | cut -f1)" -gt 4096 ]; then rm -rf "$STORAGE"; fi

b() { buildah --root "$STORAGE" --runroot "$WORK/run" "$@"; }
have() { b inspect --type image "$1" >/dev/null 2>&1 || b pull --quiet "docker-archive:$2"; }

have "$BASE_REF" "$BASE_TAR"
have "$NODE_REF" "$NODE_TAR"
set -- --build-arg "BASE_IMAGE=$BASE_REF" --build-arg "NODE_IMAGE=$NODE_REF" --build-arg "VERSION=$VERSION" \
	--build-arg "REVISION=$REVISION" --build-arg "SOURCE=$SOURCE"
# Where a proxy with a CA of its own stands before the registry.
if [ -n "$CA_FILE" ]; then set -- "$@" --secret "id=ca,src=$CA_FILE"; fi
# This buildah does not set BUILDPLATFORM by itself.
b build --isolation chroot --layers --pull-never --platform "$TARGET_PLATFORM" \
	--build-arg "BUILDPLATFORM=$BUILD_PLATFORM" "$@" --file "$DOCKERFILE" --tag "$REF" "$CONTEXT"
b push --quiet "$REF" "docker-archive:$TAR:$REF"
