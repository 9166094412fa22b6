# Fills the folder ROOTFS with Node and its libraries for another architecture, at the places where the official image has them.
# Nothing of that architecture is run. Takes ARCH (Debian's name), NODE_ARCH (Node's name), NODE_VERSION, SUITE, ROOTFS, WORK.
set -eu
apt=$WORK/apt
mkdir -p "$apt/etc" "$apt/lists/partial" "$apt/cache/archives/partial" "$WORK/debs"
: > "$apt/status"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [arch=$ARCH signed-by=$keyring] http://deb.debian.org/debian $SUITE main" > "$apt/etc/sources.list"
# An apt of its own: the machine's knows nothing of this architecture, and needn't.
own() {
	apt-get --quiet -o APT::Architecture="$ARCH" -o APT::Architectures="$ARCH" -o Dir::Etc::sourcelist="$apt/etc/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$apt/lists" -o Dir::State::status="$apt/status" \
		-o Dir::Cache="$apt/cache" -o APT::Sandbox::User=root "$@"
}
own update
cd "$WORK/debs"
own download base-files gcc-12-base libatomic1 libc6 libgcc-s1 libstdc++6

# Debian's /usr merge, which a package alone does not make.
mkdir -p "$ROOTFS/usr/lib" "$ROOTFS/usr/lib64" "$ROOTFS/var/lib/dpkg/info"
ln -s usr/lib "$ROOTFS/lib"
ln -s usr/lib64 "$ROOTFS/lib64"
for deb in *.deb; do
	dpkg-deb --fsys-tarfile "$deb" | tar --extract --keep-directory-symlink --directory "$ROOTFS"
	{ dpkg-deb --field "$deb" | sed '1a Status: install ok installed'; echo; } >> "$ROOTFS/var/lib/dpkg/status"
done

cd "$WORK"
npm pack --silent "node-linux-$NODE_ARCH@$NODE_VERSION" > /dev/null
tar --extract --gzip --file node-linux-*.tgz package/bin/node
install -D -m 0755 package/bin/node "$ROOTFS/usr/local/bin/node"
