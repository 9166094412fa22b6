# Fills the folder ROOTFS with the files of Debian PACKAGES and what they depend on, for the architecture ARCH (Debian's name).
# Nothing of them is run: no package is configured. Takes SUITE and WORK, a folder for parts, as well.
set -eu
apt=$WORK/apt
mkdir -p "$apt/etc" "$apt/lists/partial" "$apt/cache/archives/partial"
: > "$apt/status"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [arch=$ARCH signed-by=$keyring] http://deb.debian.org/debian $SUITE main" > "$apt/etc/sources.list"
# An apt of its own: this machine's may know another release or architecture alone, and needn't change.
own() {
	apt-get --quiet --option APT::Architecture="$ARCH" --option APT::Architectures="$ARCH" \
		--option Dir::Etc::sourcelist="$apt/etc/sources.list" --option Dir::Etc::sourceparts=/dev/null \
		--option Dir::State::lists="$apt/lists" --option Dir::State::status="$apt/status" \
		--option Dir::Cache="$apt/cache" --option APT::Sandbox::User=root "$@"
}
own update
# shellcheck disable=SC2086 # a list of words
own install --yes --download-only --no-install-recommends $PACKAGES

# Debian's /usr merge, which no package makes by its files alone.
mkdir -p "$ROOTFS/usr/bin" "$ROOTFS/usr/sbin" "$ROOTFS/usr/lib" "$ROOTFS/usr/lib64" "$ROOTFS/var/lib/dpkg/info"
for name in bin sbin lib lib64; do ln -s "usr/$name" "$ROOTFS/$name"; done
for deb in "$apt"/cache/archives/*.deb; do
	dpkg-deb --fsys-tarfile "$deb" | tar --extract --keep-directory-symlink --directory "$ROOTFS"
	{ dpkg-deb --field "$deb" | sed '1a Status: install ok installed'; echo; } >> "$ROOTFS/var/lib/dpkg/status"
done
if [ -e "$ROOTFS/usr/bin/dash" ]; then ln -sf dash "$ROOTFS/usr/bin/sh"; fi
