#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Builds the Debian package from a copy of this tree; the .deb comes to build/. `make deb` calls it.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=lab/cross.sh
. lab/cross.sh
[ -z "$cross" ] || { echo "make deb: the package is for amd64, this is $(uname -m); 'make install' works" >&2; exit 2; }

# A tag v1.2 is version 1.2, three commits behind it is 1.2+3.HASH. Without a tag all is before 0.
version=0~unknown
epoch=$(date +%s)
if head=$(TZ=UTC git log -1 --date=format-local:%Y%m%d%H%M%S --format='%ct %cd %h' 2>/dev/null); then
	read -r epoch date hash <<<"$head"
	version=$(git describe --tags --match 'v[0-9]*' 2>/dev/null) || version=0~git$date.$hash
	version=$(sed -E 's/^v//; s/-([0-9]+)-g([0-9a-f]+)$/+\1.\2/; s/-/~/g' <<<"$version")
	[ -z "$(git status --porcelain)" ] || version+=+dirty
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/midflight-deb.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/midflight" build
tar -c --exclude=./.git --exclude=./build . | tar -x -C "$work/midflight"
maintainer=$(sed -n 's/^Maintainer: //p' debian/control)
cat >"$work/midflight/debian/changelog" <<CHANGELOG
midflight ($version) unstable; urgency=medium

  * Built from the sources of $(date -u -d "@$epoch" '+%F %T UTC').

 -- $maintainer  $(date -u -R -d "@$epoch")
CHANGELOG
# What a make above has been told is not for the make of the package.
unset MAKEFLAGS MFLAGS MAKELEVEL DESTDIR PREFIX VERSION SOURCE_DATE_EPOCH
(cd "$work/midflight" && dpkg-buildpackage -b -us -uc -j"$(nproc)") >"$work/log" 2>&1 || {
	tail -n 20 "$work/log" >&2
	exit 1
}
rm -f build/midflight_*.deb
mv "$work"/midflight_*.deb build/
ls build/midflight_*.deb
