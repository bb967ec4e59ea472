#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make-cert.sh DIR: in DIR, a test CA (ca.pem), a certificate of this machine that it signed (cert.pem, key.pem),
# and another CA that signed nothing (other-ca.pem).
set -euo pipefail

[ $# = 1 ] || { echo "usage: make-cert.sh DIR" >&2; exit 2; }
mkdir -p "$1"
cd "$1"
umask 077
exec 3>&2 2>make-cert.log
trap 'echo "make-cert.sh: failed, see $PWD/make-cert.log" >&3' ERR

new_key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
openssl req -x509 "${new_key[@]}" -days 30 -subj '/CN=amberfs test CA' -keyout ca-key.pem -out ca.pem
openssl req -x509 "${new_key[@]}" -days 30 -subj '/CN=some other CA' -keyout other-ca-key.pem -out other-ca.pem
openssl req "${new_key[@]}" -subj '/CN=localhost' -keyout key.pem -out request.pem
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >names.cnf
openssl x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 30 -extfile names.cnf -out cert.pem
