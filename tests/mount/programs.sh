#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Programs that people use, run inside a mounted folder: programs.sh DIR
. "$(dirname "$0")/common.sh"

# A small tree with all that makes copying hard: modes, times, links, holes, attributes, odd names.
make_tree() {
	mkdir -p "$1/sub/deep" "$1/empty"
	echo "hello" >"$1/file"
	head -c 300000 /dev/urandom >"$1/sub/data"
	: >"$1/sub/nothing"
	echo "#!/bin/sh" >"$1/sub/deep/script"
	chmod 750 "$1/sub/deep/script"
	ln "$1/sub/data" "$1/sub/deep/hard"
	ln -s ../sub/data "$1/sub/soft"
	ln -s /nowhere/at/all "$1/dangling"
	mkfifo "$1/fifo"
	echo "odd" >"$1/with space, \"quotes\" and
newline"
	truncate -s 5000000 "$1/holes"
	echo "end" >>"$1/holes"
	setfattr -n user.note -v "kept" "$1/file" 2>/dev/null || true
	touch -d "1999-12-31 23:59:59.123456789" "$1/file"
	touch -h -d "2001-02-03" "$1/sub/soft"
	chmod 2775 "$1/empty"
	touch -d "2010-10-10" "$1/empty" "$1/sub"
	# rsync leaves times alone that differ by less than a second
	find "$1" -newermt 2015-01-01 -exec touch -h -d "2012-03-04 05:06:07.891234567" {} +
}

# Path, type, mode, owner, size, link count and times of everything.
listing() {
	(cd "$1" && find . ! -type d -printf '%p %y %m %u %g %s %n %T@ %l\n' -o -printf '%p %y %m %u %g %T@\n' | sort)
}

trees_equal() {
	diff <(listing "$1") <(listing "$2") || die "attributes differ"
	diff -r --no-dereference --exclude=fifo "$1" "$2" || die "content differs"
}

files() {
	touch a
	[ -f a ] && [ ! -s a ]
	echo text >a
	cp a b
	cmp a b
	mv b c
	[ ! -e b ]
	ln c d
	same "$(stat -c %h c)" 2 "link count"
	ln -s c l
	same "$(cat l)" text
	chmod 4711 c
	same "$(stat -c %a c)" 4711 mode
	truncate -s 1M c
	same "$(stat -c %s c)" 1048576 size
	truncate -s 2 c
	same "$(cat d)" te
	mkdir -p x/y/z
	rmdir x/y/z
	mv x/y w
	rm -r x w
	rm -f a c d l
	same "$(ls -A)" ""
}

copy_tree() {
	make_tree one
	cp -a one two
	trees_equal one two
	cp -a one "$outside/three"
	trees_equal one "$outside/three"
	cp -a "$outside/three" four
	trees_equal one four
	mv four five
	trees_equal one five
	rm -rf two five "$outside/three"
	[ ! -e two ]
}

fresh_copy() {
	# copying what was written a moment ago must not take it for a hole
	local i
	for i in 1 2 3 4 5 6 7 8; do
		head -c 3000000 /dev/urandom >"a$i"
		cp --sparse=auto "a$i" "b$i"
		cmp "a$i" "b$i"
		cp --reflink=auto --sparse=always "a$i" "c$i"
		cmp "a$i" "c$i"
	done
}

tar_round_trip() {
	need tar
	make_tree one
	tar --xattrs --xattrs-include='*' --acls -Scf one.tar one
	mkdir two
	tar --xattrs --xattrs-include='*' --acls -C two -xpf one.tar
	trees_equal one two/one
	tar -df one.tar >/dev/null
}

rsync_round_trip() {
	need rsync
	make_tree one
	rsync -aHAX one/ two/
	trees_equal one two
	same "$(rsync -aHAX --checksum --dry-run --itemize-changes --delete one/ two/)" "" "rsync's second run"
	echo more >>one/file
	rsync -aHAX --inplace one/ two/
	trees_equal one two
	rsync -aHAXS --delete one/ three/
	trees_equal one three
}

git_works() {
	need git
	git init -q repo
	cd repo
	git config user.name tester
	git config user.email tester@example.org
	local i
	for i in $(seq 1 200); do
		mkdir -p "d$((i % 10))"
		echo "file $i" >"d$((i % 10))/f$i"
	done
	git add .
	git commit -qm first
	git checkout -qb other
	git rm -rq d3
	echo changed >d1/f1
	git commit -qam second
	git checkout -q -
	same "$(cat d1/f1)" "file 1"
	[ -d d3 ]
	git merge -q other
	[ ! -e d3 ]
	git gc -q
	git fsck --strict
	same "$(git status --porcelain)" "" "git status"
	git clone -q . ../clone
	same "$(git -C ../clone rev-parse HEAD)" "$(git rev-parse HEAD)" "clone"
}

sqlite_in() {
	need sqlite3
	sqlite3 db "PRAGMA journal_mode=$1; CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);" >/dev/null
	local i
	for i in 1 2 3 4 5; do
		sqlite3 db "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<2000)
			INSERT INTO t(b) SELECT hex(randomblob(50)) FROM c;
			BEGIN; DELETE FROM t WHERE a % 3 = 0; ROLLBACK;
			UPDATE t SET b = 'x' WHERE a % 7 = 0;" || die "sqlite3 failed"
	done
	# two at once: locks, and in WAL mode shared memory
	sqlite3 db ".timeout 20000" "UPDATE t SET b = b || 'y'" &
	sqlite3 db ".timeout 20000" "UPDATE t SET b = b || 'z'"
	wait $!
	same "$(sqlite3 db 'PRAGMA integrity_check')" ok integrity
	same "$(sqlite3 db 'SELECT count(*) FROM t')" 10000 rows
	same "$(sqlite3 db "SELECT count(*) FROM t WHERE b LIKE '%yz' OR b LIKE '%zy'")" 10000 "updated rows"
}

sqlite_rollback() {
	sqlite_in delete
}

sqlite_wal() {
	sqlite_in wal
}

save_by_rename() {
	local i
	echo "version 0" >doc
	for i in $(seq 1 300); do
		echo "version $i" >.doc.tmp
		mv -f .doc.tmp doc
		same "$(cat doc)" "version $i"
	done
	same "$(ls -A)" doc
}

compile() {
	need gcc
	mkdir src
	cat >src/a.c <<-'C'
		#include <stdio.h>
		int twice(int);
		int main(void) { printf("%d\n", twice(21)); return 0; }
	C
	echo 'int twice(int x) { return 2 * x; }' >src/b.c
	gcc -pipe -g -c src/a.c -o a.o
	gcc -g -c src/b.c -o b.o
	ar rcs lib.a b.o
	gcc a.o lib.a -o prog
	same "$(./prog)" 42
}

finding() {
	make_tree one
	same "$(find one -name data -size +200k)" one/sub/data
	same "$(find one -samefile one/sub/data | wc -l)" 2
	same "$(find one -type l | wc -l)" 2
	grep -rq hello one/file one/sub
	[ "$(du -s --apparent-size -B1 one | cut -f1)" -gt 5000000 ]
	[ "$(du -s -B1 one/holes | cut -f1)" -lt 5000000 ]
	df . >/dev/null
	df -i . >/dev/null
	[ "$(stat -f -c %l .)" = 255 ]
}

fifo() {
	mkfifo p
	echo through >p &
	same "$(cat p)" through
	wait
}

parallel() {
	# many writers in one folder, many readers of one file
	local i
	for i in 1 2 3 4 5 6; do
		(for j in $(seq 1 150); do echo "$i $j" >"f$i-$j" && mv "f$i-$j" "g$i-$j"; done) &
	done
	wait
	same "$(ls | wc -l)" 900
	head -c 5000000 /dev/urandom >big
	for i in 1 2 3 4; do
		(cmp big <(cat big)) &
	done
	wait
	for i in 1 2 3 4; do
		dd if=big of=out bs=100000 skip=$((i * 10)) seek=$((i * 10)) count=10 conv=notrunc status=none &
	done
	wait
	cmp -n 4000000 -i 1000000 big out
}

append_log() {
	local i
	for i in $(seq 1 500); do echo "line $i" >>log; done
	same "$(wc -l <log)" 500
	same "$(tail -n 1 log)" "line 500"
}

big_file() {
	dd if=/dev/urandom of=big bs=1M count=64 status=none
	same "$(sha256sum <big)" "$(dd if=big bs=4k status=none | sha256sum)"
	dd if=big of=copy bs=1M conv=fsync status=none
	cmp big copy
	dd if=/dev/zero of=big bs=4k seek=1000 count=1 conv=notrunc status=none
	! cmp -s big copy
	truncate -s 10M big
	cmp -n 4096000 big copy
}

run "files: touch, cp, mv, ln, chmod, truncate, rm" files
run "cp -a and mv keep everything" copy_tree
run "cp of a file just written" fresh_copy
run "tar with attributes, links and holes" tar_round_trip
run "rsync -aHAX, and a second run that finds nothing" rsync_round_trip
run "git: commit, checkout, merge, gc, fsck, clone" git_works
run "sqlite with a rollback journal" sqlite_rollback
run "sqlite with a WAL" sqlite_wal
run "saving by rename" save_by_rename
run "compiling a program and running it" compile
run "find, grep, du, df" finding
run "a fifo" fifo
run "many at once" parallel
run "appending to a log" append_log
run "a big file" big_file
finish
