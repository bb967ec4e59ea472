/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table says for each private code what the exit code is and what to do. Whatever comes from a
 * store, a server or a name is made one line before it is printed, so a script can take stderr line
 * by line.
 */
#include "cli/report.h"

#include "cli/format.h"
#include "util/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct entry {
	int err;
	enum report_exit exit_code;
	const char *hint;
};

static const struct entry table[] = {
    {ERR_NOMEM, REPORT_FAILED, "close other programs, or raise `ulimit -l`"},
    {ERR_IO, REPORT_FAILED, "check the disk and the system's log"},
    {ERR_NOSPC, REPORT_NO_SPACE, "free some space and try again"},
    {ERR_INVAL, REPORT_FAILED, "see `amberfs help`"},
    {ERR_NOENT, REPORT_NOT_FOUND, "check the path; `amberfs log` shows what there was"},
    {ERR_EXIST, REPORT_FAILED, "choose another name"},
    {ERR_NOTDIR, REPORT_FAILED, "name a folder"},
    {ERR_ISDIR, REPORT_FAILED, "name a file"},
    {ERR_NOTEMPTY, REPORT_FAILED, "name an empty folder"},
    {ERR_NAMETOOLONG, REPORT_FAILED, "choose a shorter name"},
    {ERR_FBIG, REPORT_FAILED, "name fewer paths at once"},
    {ERR_PERM, REPORT_FAILED, "run it as the owner, or as root"},
    {ERR_ACCES, REPORT_FAILED, "check the permissions, or run it as the owner"},
    {ERR_ROFS, REPORT_FAILED, "mount the volume without `-o ro` and `-o at`"},
    {ERR_BUSY, REPORT_FAILED, "close what uses it and try again"},
    {ERR_NOTSUP, REPORT_FAILED, "see `amberfs help`"},
    {ERR_STALE, REPORT_FAILED, "run `amberfs umount` on the mountpoint, then mount it again"},
    {ERR_CANCELED, REPORT_FAILED, "run it again; nothing is lost"},
    {ERR_LOCKED, REPORT_OTHER_WRITER, "is it mounted already? see `amberfs status`"},
    {ERR_MISSING, REPORT_INTEGRITY, "do not write to the store; put the object back from a copy"},
    {ERR_CORRUPT, REPORT_INTEGRITY, "do not write to the store; put the object back from a copy"},
    {ERR_UNAUTHENTIC, REPORT_INTEGRITY,
     "somebody or something changed it: put the object back from a copy"},
    {ERR_ROLLBACK, REPORT_INTEGRITY,
     "find out who put an older copy there; to go on from what it has, run `amberfs fsck "
     "--accept-rollback`"},
    {ERR_UNAVAILABLE, REPORT_STORE, "check the network and the store, then try again"},
    {ERR_DENIED, REPORT_STORE, "check the store's credentials and their rights"},
    {ERR_FULL, REPORT_NO_SPACE, "make room in the store"},
    {ERR_FENCED, REPORT_OTHER_WRITER,
     "unmount it there, mount it with `-o ro`, or use --takeover when that one is gone for good"},
    {ERR_TLS, REPORT_STORE, "check the address, or name the CA with --ca-file"},
    {ERR_VERSION, REPORT_INTEGRITY, "install a newer amberfs"},
    {ERR_WRONGKEY, REPORT_WRONG_KEY, "try again, or mount with --recovery"},
    {ERR_NOTVOLUME, REPORT_FAILED, "check the address, or make a volume with `amberfs init`"},
    {ERR_VOLUMEEXISTS, REPORT_FAILED, "mount it, or name another place; nothing was changed"},
    {ERR_BADTIME, REPORT_USAGE,
     "write '2026-11-20 14:00', 15:30, yesterday, '2 hours ago', a snapshot's name or e123"},
    {ERR_NOHISTORY, REPORT_NOT_FOUND, "see `amberfs log` and `amberfs snapshot list`"},
    {ERR_POISONED, REPORT_FAILED, "unmount it and mount it again"},
    {ERR_USAGE, REPORT_USAGE, "see `amberfs help`"},
};

static const struct entry *entry_of(int err)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].err == err)
			return &table[i];
	return NULL;
}

int report_exit_code(int err)
{
	const struct entry *e = entry_of(err);

	return err == 0 ? REPORT_DONE : e ? (int)e->exit_code : REPORT_FAILED;
}

/* Two causes of one code, told apart by the note that the volume gives. */
static const char *hint_by_note(int err)
{
	const char *note = err_note_text();

	if (err == ERR_FENCED &&
	    (strstr(note, "by another writer") || strstr(note, "went on without")))
		return "keep this machine's changes aside and go on with the store's: run `amberfs "
		       "fsck --accept-rollback`";
	if (err == ERR_CORRUPT && (strncmp(note, "journal", 7) == 0 ||
	                           strncmp(note, "outlog", 6) == 0))
		return "look at this machine's disk, then run `amberfs fsck --rebuild`";
	return NULL;
}

const char *report_hint(int err)
{
	const struct entry *e = entry_of(err);
	const char *hint = hint_by_note(err);

	if (hint)
		return hint;

	return e ? e->hint : "try again";
}

static int print_error(int err, const char *hint, const char *what, va_list ap)
{
	const char *note = err_note_text();
	char head[2048], line[4096];

	vsnprintf(head, sizeof(head), what, ap);
	/* a wrong use is said by the note alone; "wrong usage" would add nothing */
	if (err == ERR_USAGE && *note)
		snprintf(line, sizeof(line), "amberfs: %s: %s: %s", head, note, hint);
	else if (*note)
		snprintf(line, sizeof(line), "amberfs: %s: %s (%s): %s", head, err_text(err), note,
		         hint);
	else
		snprintf(line, sizeof(line), "amberfs: %s: %s: %s", head, err_text(err), hint);
	format_one_line(line);
	fflush(stdout);
	fprintf(stderr, "%s\n", line);
	return report_exit_code(err);
}

int report_error(int err, const char *what, ...)
{
	va_list ap;
	int code;

	va_start(ap, what);
	code = print_error(err, report_hint(err), what, ap);
	va_end(ap);
	return code;
}

int report_error_hint(int err, const char *hint, const char *what, ...)
{
	va_list ap;
	int code;

	va_start(ap, what);
	code = print_error(err, hint, what, ap);
	va_end(ap);
	return code;
}

void report_warning(const char *fmt, ...)
{
	char line[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	format_one_line(line);
	fprintf(stderr, "amberfs: warning: %s\n", line);
}

int report_no_memory(void)
{
	err_note_clear();
	return report_error(ERR_NOMEM, "cannot go on");
}
