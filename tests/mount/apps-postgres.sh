#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A PostgreSQL server with its data in a mounted folder: apps-postgres.sh DIR
#
# The server runs as the user postgres, so the mount needs allow_other. It is killed under load and must recover; the sums of
# its tables tell whether a transaction was lost in part.
#
#   PGBENCH_SECONDS   of load, twice (5)
. "$(dirname "$0")/common.sh"

seconds=${PGBENCH_SECONDS:-5}
bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
user=postgres
server=

as_user() {
	runuser -u "$user" -- "$@"
}

# The socket's path has 107 bytes at most, so it is named from where it is.
sql() {
	as_user "$bin/psql" -XAtq -h "$outside/socket" -d "$1" -c "$2"
}

server_start() {
	local i
	as_user "$bin/postgres" -D "$PWD/data" -k "$outside/socket" -c listen_addresses= -c shared_buffers=16MB \
		-c logging_collector=off >>"$outside/socket/log" 2>&1 &
	server=$!
	for ((i = 0; i < 300; i++)); do
		! sql postgres 'SELECT 1' >/dev/null 2>&1 || return 0
		[ -d "/proc/$server" ] || break
		sleep 0.1
	done
	tail -n 5 "$outside/socket/log"
	die "the server does not start"
}

# The postmaster is the child of runuser.
postmaster() {
	head -n 1 data/postmaster.pid
}

server_stop() {
	as_user "$bin/pg_ctl" -D "$PWD/data" -m fast -w -t 60 stop >/dev/null
	wait "$server"
}

server_kill() {
	local pid
	pid=$(postmaster)
	# shellcheck disable=SC2046 # pids
	kill -KILL "$pid" $(cat "/proc/$pid/task/$pid/children")
	killed "$server"
}

# Money moves between the tables, and none is lost.
sums_agree() {
	local sums
	sums=$(sql bench 'SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(bbalance) FROM pgbench_branches),
		(SELECT sum(tbalance) FROM pgbench_tellers), (SELECT coalesce(sum(delta), 0) FROM pgbench_history)')
	[[ $sums =~ ^(-?[0-9]+)\|(-?[0-9]+)\|(-?[0-9]+)\|(-?[0-9]+)$ ]] || die "sums: $sums"
	same "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "the sum of accounts"
	same "${BASH_REMATCH[1]}" "${BASH_REMATCH[3]}" "the sum of accounts"
	same "${BASH_REMATCH[1]}" "${BASH_REMATCH[4]}" "the sum of accounts"
}

load() {
	as_user "$bin/pgbench" -n -h "$outside/socket" -c 4 -j 2 -T "$1" bench >>"$outside/socket/pgbench" 2>&1
}

database() {
	local before load
	mkdir data "$outside/socket"
	chmod 711 .
	chown "$user" data "$outside/socket"
	chmod 700 data
	as_user "$bin/initdb" -D "$PWD/data" --data-checksums -A trust -E UTF8 --no-locale >/dev/null
	server_start
	sql postgres 'CREATE DATABASE bench'
	as_user "$bin/pgbench" -q -i -s 2 -h "$outside/socket" bench 2>/dev/null
	load "$seconds" || die "pgbench: $(tail -n 3 "$outside/socket/pgbench")"
	sums_agree
	before=$(sql bench 'SELECT count(*) FROM pgbench_history')
	[ "$before" -gt 0 ]
	# killed in the middle of transactions
	load 60 &
	load=$!
	sleep "$seconds"
	server_kill
	! wait "$load" || die "pgbench did not notice the kill"
	server_start
	grep -q 'redo done at' "$outside/socket/log" || die "no recovery took place"
	sums_agree
	[ "$(sql bench 'SELECT count(*) FROM pgbench_history')" -ge "$before" ] || die "transactions are lost"
	sql bench 'CREATE EXTENSION amcheck'
	sql bench "SELECT bt_index_check(oid, true) FROM pg_class WHERE relname = 'pgbench_accounts_pkey'" >/dev/null
	sql bench 'VACUUM FULL'
	sql bench 'REINDEX DATABASE bench'
	sums_agree
	server_stop
	as_user "$bin/pg_checksums" --check -D "$PWD/data" >/dev/null
}

postgres() {
	[ "$(id -u)" = 0 ] || skip "needs root, to become $user"
	need runuser
	[ -x "$bin/pgbench" ] || skip "needs PostgreSQL"
	id "$user" >/dev/null || skip "needs the user $user"
	as_user test -x . || skip "the user $user cannot enter: needs a mount with allow_other"
	# what is left of a server after a failure keeps the mount busy
	trap '[ ! -f data/postmaster.pid ] || server_kill' EXIT
	database
}

CASE_SECONDS=$((80 + 3 * seconds)) run "PostgreSQL: initdb, pgbench, kill -9, recovery" postgres
finish
