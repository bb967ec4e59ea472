#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# run_s3.sh CONFORMANCE: the conformance test against Ceph's S3 gateway over HTTPS, and what must go wrong does so by name.
# Exits 77 with a reason where the server's packages are missing, unless CI=true: there that is a failure.
set -euo pipefail
exec </dev/null

here=$(cd "$(dirname "$0")" && pwd)
[ $# = 1 ] || { echo "usage: run_s3.sh CONFORMANCE" >&2; exit 2; }
conformance=$1

skip() {
	echo "SKIP: $*"
	[ "${CI:-}" != true ] || exit 1
	exit 77
}

[ "$(id -u)" = 0 ] || skip "needs root to run Ceph"
for tool in ceph ceph-mon ceph-osd radosgw radosgw-admin curl openssl uuidgen; do
	command -v $tool >/dev/null || skip "$tool is not installed"
done

work=$(mktemp -d "${TMPDIR:-/tmp}/amberfs-s3.XXXXXX")
stop() {
	"$here/servers/ceph-rgw.sh" stop "$work/ceph" || true
	rm -rf "$work"
}
trap stop EXIT
trap 'exit 1' INT TERM

start() {
	local try
	for try in 1 2 3; do
		rm -rf "$work/ceph"
		port=$((10000 + RANDOM % 10000))
		"$here/servers/ceph-rgw.sh" start "$work/ceph" $port && return
		echo "try $try to start Ceph failed" >&2
	done
	echo "FAIL Ceph does not start"
	exit 1
}

start
# only these credentials and no others of this machine
unset "${!AWS_@}"
export HOME=$work
set -a
. "$work/ceph/env"
set +a
ca=$work/ceph/ca.pem
endpoint=https://127.0.0.1:$port
store="s3://amber-test/some/prefix?endpoint=$endpoint&retries=4"

printf 'user = "%s:%s"\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" |
	curl -sS --fail --config - --noproxy '*' --max-time 60 --retry 5 --cacert "$ca" --aws-sigv4 aws:amz:us-east-1:s3 \
		-H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -X PUT "$endpoint/amber-test"

failures=0
check() {
	local title=$1
	shift
	if "$@" >"$work/out" 2>&1; then
		echo "ok   $title"
	else
		echo "FAIL $title"
		sed 's/^/  /' "$work/out"
		failures=$((failures + 1))
	fi
}

check "conformance over HTTPS" "$conformance" s3 "$store" --ca-file "$ca"
check "conformance by host name" "$conformance" s3 "s3://amber-test/by-name?endpoint=https://localhost:$port" --ca-file "$ca"
check "credentials from a file" env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY bash -c '
	mkdir -p "$HOME/.aws" && printf "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n" "$1" "$2" >"$HOME/.aws/credentials"
	exec "${@:3}"' sh "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" "$conformance" s3 "s3://amber-test/by-file?endpoint=$endpoint" --ca-file "$ca"
check "wrong secret: DENIED" env AWS_SECRET_ACCESS_KEY=wrong "$conformance" expect DENIED "$store" --ca-file "$ca"
check "unknown user: DENIED" env AWS_ACCESS_KEY_ID=nobody "$conformance" expect DENIED "$store" --ca-file "$ca"
check "another CA: TLS" "$conformance" expect TLS "$store" --ca-file "$work/ceph/other-ca.pem"
check "the system's CAs: TLS" "$conformance" expect TLS "$store"
check "missing bucket: NOTVOLUME" "$conformance" expect NOTVOLUME "s3://amber-none?endpoint=$endpoint" --ca-file "$ca"
"$here/servers/ceph-rgw.sh" stop "$work/ceph"
check "server down: UNAVAILABLE" "$conformance" expect UNAVAILABLE "s3://amber-test?endpoint=$endpoint&retries=1" --ca-file "$ca"

echo "$failures failures"
[ $failures = 0 ]
