#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Programs that work long on many files, inside a mounted folder, and what they leave compared with the same on the filesystem
# of the temporary folder: apps.sh DIR
#
#   APPS_SCALE   how much of it (1)
. "$(dirname "$0")/common.sh"

scale=${APPS_SCALE:-1}
export npm_config_cache=$outside/npm npm_config_update_notifier=false npm_config_fund=false npm_config_audit=false
export PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1

# ---- git ----

# A history of small files on a few branches, made without touching any.
make_history() {
	local commit file
	git init -q --bare "$1"
	for ((commit = 1; commit <= 24 * scale; commit++)); do
		echo "commit refs/heads/branch$((commit % 6))"
		echo 'committer tester <tester@example.org> 1700000000 +0000'
		echo 'data 1'
		echo m
		[ "$commit" -gt 6 ] || [ "$commit" -le 1 ] || echo 'from refs/heads/branch1'
		for ((file = 0; file < 40; file++)); do
			echo "M 100644 inline d$((file % 7))/s$((file % 3))/f$(((file * commit) % 211))"
			printf 'data <<end\n%s\nend\n' "$(seq "$commit" $((commit + file * 5)))"
		done
	done | git -C "$1" fast-import --quiet
	git -C "$1" symbolic-ref HEAD refs/heads/branch1
}

git_storm() {
	need git
	make_history "$outside/origin.git"
	git clone -q --no-local "$outside/origin.git" repo
	cd repo
	local i
	# 1 is checked out
	for i in 0 2 3 4 5; do
		git branch -q --force "branch$i" "origin/branch$i"
	done
	for ((i = 0; i < 24 * scale; i++)); do
		git checkout -q "branch$((i * 5 % 6))"
		same "$(git status --porcelain)" '' "git status after checkout $i"
		[ $((i % 8)) != 3 ] || git gc -q
		[ $((i % 8)) != 6 ] || git repack -adq
	done
	git worktree add -q ../tree branch2
	same "$(git -C ../tree status --porcelain)" '' "git status in the worktree"
	git gc -q --aggressive --prune=now
	git fsck --full --strict --no-dangling
	for i in 0 1 2 3 4 5; do
		same "$(git rev-parse "branch$i")" "$(git -C "$outside/origin.git" rev-parse "branch$i")" "branch$i"
		git archive "branch$i" | cmp - <(git -C "$outside/origin.git" archive "branch$i")
	done
	git clone -q --branch branch2 "$outside/origin.git" "$outside/elsewhere"
	diff -r --exclude=.git ../tree "$outside/elsewhere"
}

# ---- SQLite ----

sql() {
	sqlite3 -cmd '.timeout 30000' -cmd 'PRAGMA mmap_size=268435456' db "$@" | sed '/^268435456$/d'
}

# A writer that adds rows of which each transaction has ten.
sqlite_writer() {
	local i
	for ((i = 0; i < 25 * scale; i++)); do
		sql "BEGIN IMMEDIATE;
			WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 10)
			INSERT INTO t(writer, n, b) SELECT $1, $i, randomblob(700) FROM c;
			COMMIT;"
	done
}

sqlite_map() {
	need sqlite3
	local i pids=()
	same "$(sql 'PRAGMA journal_mode=WAL')" wal "journal mode"
	sql 'PRAGMA wal_autocheckpoint=50; CREATE TABLE t(id INTEGER PRIMARY KEY, writer, n, b); CREATE INDEX i ON t(writer, n)' >/dev/null
	for i in 1 2 3; do
		sqlite_writer "$i" &
		pids+=($!)
	done
	for ((i = 0; i < 30; i++)); do
		same "$(sql 'SELECT count(*) FROM (SELECT 1 FROM t GROUP BY writer, n HAVING count(*) <> 10)')" 0 "transactions seen in part"
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	same "$(sql 'SELECT count(*) FROM t')" $((750 * scale)) rows
	same "$(sql 'PRAGMA integrity_check')" ok integrity
	# killed inside a transaction that is larger than the cache
	sqlite3 db 'PRAGMA mmap_size=268435456; PRAGMA cache_size=20; BEGIN; UPDATE t SET b = zeroblob(900);' \
		"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c" >/dev/null 2>&1 &
	i=$!
	sleep 1
	kill -KILL "$i"
	killed "$i"
	same "$(sql 'PRAGMA integrity_check')" ok "integrity after the kill"
	same "$(sql 'SELECT count(*) FROM t WHERE length(b) = 700')" $((750 * scale)) "rows after the kill"
	sql 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
	same "$(sqlite3 -readonly db 'PRAGMA integrity_check')" ok "integrity after the checkpoint"
	cp db "$outside/db"
	same "$(sqlite3 "$outside/db" 'SELECT count(*) FROM t')" $((750 * scale)) "rows of the copy"
}

# ---- a project in C ----

make_project() {
	local i
	mkdir -p "$1/src" "$1/include"
	for ((i = 0; i < 60; i++)); do
		echo "int f$i(int);" >"$1/include/f$i.h"
		{
			echo "#include \"f$i.h\""
			echo "#include \"f$(((i + 1) % 60)).h\""
			echo "static const char text[] = \"$i of many\";"
			echo "int f$i(int x) { return x > 100 ? x : f$(((i + 1) % 60))(x + text[x % 3] % 7 + 1); }"
		} >"$1/src/f$i.c"
	done
	echo '#include <stdio.h>' >"$1/src/main.c"
	echo '#include "f0.h"' >>"$1/src/main.c"
	echo 'int main(void) { return printf("%d ", f0(1)) < 0; }' >>"$1/src/main.c"
	cat >"$1/Makefile" <<-'M'
		.RECIPEPREFIX = >
		objects := $(patsubst src/%.c,%.o,$(sort $(wildcard src/*.c)))
		program: libf.a main.o
		>$(CC) -o $@ main.o libf.a
		libf.a: $(filter-out main.o,$(objects))
		>rm -f $@ && $(AR) rcsD $@ $^
		%.o: src/%.c
		>$(CC) -g -O1 -Iinclude -ffile-prefix-map=$(CURDIR)=. -MMD -c -o $@ $<
		>@echo $@ >>built
		-include $(wildcard *.d)
	M
}

build_project() {
	need make gcc
	make_project here
	make_project "$outside/there"
	local dir
	for dir in here "$outside/there"; do
		make -C "$dir" -s -j2
		same "$(make -C "$dir" -s -q && echo nothing)" nothing "make's second run in $dir"
	done
	same "$(here/program)" "$("$outside/there/program")" "what the program says"
	(cd here && find . -name '*.o' -o -name '*.a' -o -name program) | while IFS= read -r dir; do
		cmp "here/$dir" "$outside/there/$dir"
	done
	# a header is newer: what includes it is built again, and nothing else
	for dir in here "$outside/there"; do
		: >"$dir/built"
		echo '/* changed */' >>"$dir/include/f7.h"
		make -C "$dir" -s -j2
	done
	same "$(sort here/built | tr '\n' ' ')" "f6.o f7.o " "what is built again"
	same "$(sort "$outside/there/built" | tr '\n' ' ')" "f6.o f7.o " "what is built again elsewhere"
}

# ---- there and back ----

make_attributes() {
	mkdir -p "$1/plain" "$1/shared"
	local i modes=(400 644 755 600 7 1640 444)
	for ((i = 0; i < 30; i++)); do
		head -c $((i * 777)) /dev/urandom >"$1/plain/f$i"
		chmod "${modes[i % 7]}" "$1/plain/f$i"
		touch -d "@$((1000000000 + i * 1000003)).$((i * 31234567 % 1000000000))" "$1/plain/f$i"
	done
	ln "$1/plain/f3" "$1/shared/link"
	ln -s ../plain/f4 "$1/shared/soft"
	mkfifo "$1/shared/fifo"
	setfacl -m u:1234:rwx,g:2345:r-x,m:rx "$1/plain/f5" "$1/shared"
	setfacl -d -m u:1234:rwx,g::r-x,o::--- "$1/shared"
	setfattr -n user.text -v 'some words' "$1/plain/f6"
	setfattr -n user.bytes -v 0x000102ff "$1/shared"
	[ "$(id -u)" != 0 ] || chown 1234:2345 "$1/plain/f7"
	[ "$(id -u)" != 0 ] || setfattr -n trusted.note -v hidden "$1/plain/f8"
	[ "$(id -u)" != 0 ] || chmod 6755 "$1/plain/f9"
	truncate -s 3M "$1/plain/f10"
	# rsync leaves times alone that differ by less than a second
	find "$1" -newermt 2020-01-01 -exec touch -h -d @1100000000.123456789 {} +
}

# All that getfacl, getfattr and stat say.
attributes() {
	(
		cd "$1"
		find . ! -type l -print0 | sort -z | xargs -0 getfacl -pn --
		find . -print0 | sort -z | xargs -0 getfattr -hd -m - -e hex --
		find . ! -type d -printf '%p %y %m %U %G %s %n %T@ %l\n' | sort
		find . -type d -printf '%p %y %m %U %G %T@\n' | sort
	)
}

there_and_back() {
	need rsync tar setfacl setfattr
	local change
	make_attributes "$outside/tree"
	rsync -aHAX "$outside/tree/" here/
	diff <(attributes "$outside/tree") <(attributes here)
	change=$(rsync -aHAX --checksum --dry-run --itemize-changes --delete "$outside/tree/" here/)
	same "$change" '' "rsync's second run"
	rsync -aHAXS here/ "$outside/back/"
	change=$(rsync -aHAX --checksum --dry-run --itemize-changes --delete "$outside/tree/" "$outside/back/")
	same "$change" '' "rsync of what came back"
	tar --acls --xattrs --xattrs-include='*' -C "$outside" -cf tree.tar tree
	tar --acls --xattrs --xattrs-include='*' -xpf tree.tar
	diff <(attributes "$outside/tree") <(attributes tree)
	tar --acls --xattrs --xattrs-include='*' -cf - tree | tar --acls --xattrs --xattrs-include='*' -C "$outside/back" -xpf -
	diff <(attributes "$outside/tree") <(attributes "$outside/back/tree")
}

zip_and_unzip() {
	need zip unzip
	local i
	mkdir -p "$outside/pack/sub dir" "$outside/pack/ärger"
	for ((i = 0; i < 200; i++)); do
		seq $((i * i)) >"$outside/pack/sub dir/file $i"
	done
	echo '#!/bin/sh' >"$outside/pack/ärger/script"
	chmod 755 "$outside/pack/ärger/script"
	ln -s 'sub dir/file 7' "$outside/pack/link"
	(cd "$outside/pack" && zip -qry ../pack.zip .)
	unzip -q "$outside/pack.zip" -d here
	diff -r --no-dereference "$outside/pack" here
	same "$(cd here && find . -printf '%p %y %m\n' | sort)" "$(cd "$outside/pack" && find . -printf '%p %y %m\n' | sort)" modes
	same "$(stat -c %Y here/*/file\ 9)" "$(stat -c %Y "$outside"/pack/*/file\ 9)" "a file's time"
	(cd here && zip -qry ../again.zip .)
	unzip -tq again.zip
	zip -q --delete again.zip 'sub dir/file 1*'
	unzip -tq again.zip
}

# ---- Python and Node ----

python_venv() {
	need python3
	python3 -c 'import ensurepip, venv' 2>/dev/null || skip "needs python3-venv"
	python3 -m venv env
	python3 - <<-'P'
		import zipfile
		files = {
		    'greeting/__init__.py': 'words = "from the mount"\n',
		    'greeting-1.0.dist-info/METADATA': 'Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n',
		    'greeting-1.0.dist-info/WHEEL': 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
		    'greeting-1.0.dist-info/entry_points.txt': '[console_scripts]\ngreet = greeting:__str__\n',
		}
		with zipfile.ZipFile('greeting-1.0-py3-none-any.whl', 'w') as wheel:
		    for name, text in files.items():
		        wheel.writestr(name, text)
		    wheel.writestr('greeting-1.0.dist-info/RECORD', ''.join(f'{name},,\n' for name in files))
	P
	env/bin/pip -q install --no-index ./greeting-1.0-py3-none-any.whl
	same "$(env/bin/python -c 'import greeting; print(greeting.words)')" "from the mount"
	[ -x env/bin/greet ]
	env/bin/pip -q check
	env/bin/python -m compileall -q -f env/lib
	rm -rf copy && cp -a env copy
	diff -r --no-dereference env copy
}

npm_ci() {
	need node npm
	mkdir -p app left/lib right
	echo '{"name": "left", "version": "1.0.0", "main": "lib/index.js", "bin": {"left": "lib/run.js"}}' >left/package.json
	echo 'module.exports = 40' >left/lib/index.js
	printf '#!/usr/bin/env node\nconsole.log(require("left") + require("right"))\n' >left/lib/run.js
	echo '{"name": "right", "version": "2.0.0"}' >right/package.json
	echo 'module.exports = 2' >right/index.js
	(cd right && npm pack --silent --offline >/dev/null)
	cat >app/package.json <<-'J'
		{"name": "app", "version": "1.0.0", "dependencies": {"left": "file:../left", "right": "file:../right/right-2.0.0.tgz"}}
	J
	cd app
	npm install --silent --offline --package-lock-only
	npm ci --silent --offline
	same "$(node -e 'console.log(require("left") + require("right"))')" 42
	[ -L node_modules/left ]
	[ -L node_modules/.bin/left ]
	[ ! -L node_modules/right ]
	# over what is there, too
	npm ci --silent --offline
	same "$(node -e 'console.log(require("left") + require("right"))')" 42
	npm ls --silent --offline >/dev/null
}

CASE_SECONDS=$((60 * scale)) run "git: clone, gc and a storm of checkouts" git_storm
CASE_SECONDS=$((60 * scale)) run "SQLite: WAL, mmap, three writers, a kill" sqlite_map
CASE_SECONDS=60 run "a project in C: the same objects as elsewhere" build_project
CASE_SECONDS=60 run "rsync and tar there and back, with ACLs and attributes" there_and_back
CASE_SECONDS=40 run "unzip and zip" zip_and_unzip
CASE_SECONDS=90 run "a Python venv" python_venv
CASE_SECONDS=60 run "npm ci" npm_ci
finish
