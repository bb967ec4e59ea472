/* SPDX-License-Identifier: Apache-2.0 */
#include "util/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

struct err_entry {
	int code;
	const char *name;
	int errnum;
	bool retry;
	const char *text;
};

static const struct err_entry err_table[] = {
#define ERR_ENTRY(name, value, errnum, retry, text) {-(value), #name, errnum, retry, text},
    ERR_LIST(ERR_ENTRY)
#undef ERR_ENTRY
};

static _Thread_local char note[256];

static const struct err_entry *entry_of(int code)
{
	for (size_t i = 0; i < sizeof(err_table) / sizeof(err_table[0]); i++)
		if (err_table[i].code == code)
			return &err_table[i];
	return NULL;
}

const char *err_text(int code)
{
	const struct err_entry *e = entry_of(code);

	return code == 0 ? "success" : e ? e->text : "unknown error";
}

const char *err_name(int code)
{
	const struct err_entry *e = entry_of(code);

	return code == 0 ? "OK" : e ? e->name : "UNKNOWN";
}

int err_errno(int code)
{
	const struct err_entry *e = entry_of(code);

	return code == 0 ? 0 : e ? e->errnum : EIO;
}

bool err_retry(int code)
{
	const struct err_entry *e = entry_of(code);

	return e && e->retry;
}

int err_from_errno(int errnum)
{
	switch (errnum) {
	case 0:
		return 0;
	case EDQUOT:
		return ERR_NOSPC;
	case EROFS:
		return ERR_ROFS;
	case EINTR:
		return ERR_CANCELED;
	case EACCES:
		return ERR_ACCES;
	default:
		/* the first entries are the local errnos, one each */
		for (size_t i = 0; i < sizeof(err_table) / sizeof(err_table[0]); i++)
			if (err_table[i].errnum == errnum)
				return err_table[i].code;
		return ERR_IO;
	}
}

int err_note(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(note, sizeof(note), fmt, ap);
	va_end(ap);
	return code;
}

const char *err_note_text(void)
{
	return note;
}

void err_note_clear(void)
{
	note[0] = '\0';
}
