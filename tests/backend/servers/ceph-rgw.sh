#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A whole Ceph of one machine with its S3 gateway over TLS, for tests: one monitor, one OSD in memory, one radosgw.
#
#   ceph-rgw.sh start DIR PORT   return when https://127.0.0.1:PORT answers
#   ceph-rgw.sh stop DIR         kill all of it; DIR is left for looking at the logs
#
# Needs root and the packages ceph-mon, ceph-osd, ceph-common and radosgw. Everything is kept below DIR, ports other than PORT
# are chosen among free ones, so several can run side by side. DIR/ca.pem is the CA to trust (see make-cert.sh), and
# DIR/env holds the keys of a user as shell assignments.
set -euo pipefail
exec </dev/null

here=$(cd "$(dirname "$0")" && pwd)
wait_s=120

die() {
	echo "ceph-rgw.sh: $*" >&2
	exit 1
}

# The process that DIR/run/NAME.pid tells of, as long as it is still that program.
pid_of() {
	local pid
	[ -f "$dir/run/$1.pid" ] || return 1
	pid=$(cat "$dir/run/$1.pid")
	grep -qz "^$dir/ceph.conf$" "/proc/$pid/cmdline" 2>/dev/null || return 1
	echo "$pid"
}

stop_all() {
	local name pid
	for name in rgw osd mon; do
		pid=$(pid_of $name) || continue
		# what they hold is thrown away, so there is nothing to wait for
		kill -KILL "$pid" 2>/dev/null || true
		for _ in $(seq 100); do
			pid_of $name >/dev/null || break
			sleep 0.1
		done
		rm -f "$dir/run/$name.pid"
	done
}

fail_start() {
	{
		echo "ceph-rgw.sh: $*; the logs in $dir/log end so:"
		tail -n 8 "$dir"/log/* || true
	} >&2
	stop_all
	exit 1
}

# Start a daemon in the background, in a session of its own.
launch() {
	local name=$1
	shift
	setsid "$@" --conf "$dir/ceph.conf" -f >>"$dir/log/$name.out" 2>&1 &
	echo $! >"$dir/run/$name.pid"
}

# wait_for DAEMON WHAT COMMAND...: until the command succeeds, while the daemon lives.
wait_for() {
	local name=$1 what=$2 end=$((SECONDS + wait_s))
	shift 2
	until "$@" >>"$dir/log/wait.out" 2>&1; do
		kill -0 "$(cat "$dir/run/$name.pid")" 2>/dev/null || fail_start "$name ended while waiting for $what"
		[ $SECONDS -lt $end ] || fail_start "no $what within $wait_s s"
		sleep 0.2
	done
}

run() {
	timeout -k 5 60 "$@" >>"$dir/log/setup.out" 2>&1 || fail_start "failed: $1 $2"
}

free_port() {
	local port
	for _ in $(seq 200); do
		port=$((20000 + RANDOM % 10000))
		if ! (exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
			echo $port
			return
		fi
	done
	die "no free port"
}

write_conf() {
	cat >"$dir/ceph.conf" <<-CONF
		[global]
		fsid = $fsid
		mon_host = $mon_host
		auth_cluster_required = cephx
		auth_service_required = cephx
		auth_client_required = cephx
		ms_bind_ipv4 = true
		ms_bind_ipv6 = false
		public_network = 127.0.0.0/8
		cluster_network = 127.0.0.0/8
		osd_pool_default_size = 1
		osd_pool_default_min_size = 1
		mon_allow_pool_size_one = true
		mon_warn_on_pool_no_redundancy = false
		osd_pool_default_pg_num = 1
		osd_pool_default_pgp_num = 1
		osd_pool_default_pg_autoscale_mode = off
		osd_crush_chooseleaf_type = 0
		mon_max_pg_per_osd = 1000
		mon_data_avail_warn = 1
		mon_data_avail_crit = 0
		keyring = $dir/keyring
		run_dir = $dir/run
		crash_dir = $dir/crash
		admin_socket =
		log_to_stderr = false
		log_file = $dir/log/\$name.log
		mon_cluster_log_file = $dir/log/cluster.log
		mon_data = $dir/mon
		osd_data = $dir/osd
		osd_objectstore = memstore
		memstore_device_bytes = 8589934592
		osd_op_num_shards = 2
		osd_op_num_threads_per_shard = 1
		rgw_data = $dir/rgw
		rgw_dns_name = localhost
		rgw_run_sync_thread = false
		rgw_enable_usage_log = false
		rgw_thread_pool_size = 64
	CONF
}

write_keyring() {
	local name create=(--create-keyring)
	for name in mon. client.admin client.rgw osd.0; do
		run ceph-authtool "${create[@]}" "$dir/keyring" --gen-key -n $name --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
		create=()
	done
}

start() {
	local port=$1 tool fsid osd mon_host access secret
	[ "$(id -u)" = 0 ] || die "must be root"
	for tool in ceph ceph-mon ceph-osd ceph-authtool monmaptool radosgw radosgw-admin uuidgen curl openssl; do
		command -v $tool >/dev/null || die "$tool is not installed"
	done
	[ ! -e "$dir/run" ] || die "$dir was used before"
	if (exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
		die "port $port is taken"
	fi
	mkdir -p "$dir"/{mon,osd,rgw,run,log,crash}
	"$here/make-cert.sh" "$dir"
	fsid=$(uuidgen)
	osd=$(uuidgen)
	mon_host="[v2:127.0.0.1:$(free_port),v1:127.0.0.1:$(free_port)]"
	access=test$(openssl rand -hex 8)
	secret=$(openssl rand -hex 20)
	unset CEPH_ARGS CEPH_KEYRING
	export CEPH_CONF=$dir/ceph.conf
	write_conf
	write_keyring
	run monmaptool --create --clobber --fsid "$fsid" --addv a "$mon_host" "$dir/monmap"
	run ceph-mon -i a --mkfs --monmap "$dir/monmap" --keyring "$dir/keyring"
	launch mon ceph-mon -i a
	wait_for mon "answer of the monitor" timeout -k 5 15 ceph osd new "$osd"
	run ceph-osd -i 0 --mkfs --osd-uuid "$osd"
	launch osd ceph-osd -i 0
	wait_for osd "OSD that is up" bash -c 'timeout -k 5 15 ceph osd stat | grep -q "1 up"'
	run radosgw-admin user create --uid test --display-name test --access-key "$access" --secret-key "$secret"
	launch rgw radosgw -n client.rgw --keyring "$dir/keyring" \
		--rgw-frontends="beast ssl_endpoint=127.0.0.1:$port ssl_certificate=$dir/cert.pem ssl_private_key=$dir/key.pem"
	wait_for rgw "answer on port $port" \
		curl -s --noproxy '*' --max-time 5 -o /dev/null --cacert "$dir/ca.pem" "https://127.0.0.1:$port/"
	printf 'AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n' "$access" "$secret" >"$dir/env"
}

usage="usage: ceph-rgw.sh start DIR PORT | stop DIR"
[ $# -ge 2 ] || { echo "$usage" >&2; exit 2; }
dir=$(realpath -m "$2")
case "$1 $#" in
"start 3") start "$3" ;;
"stop 2") stop_all ;;
*)
	echo "$usage" >&2
	exit 2
	;;
esac
