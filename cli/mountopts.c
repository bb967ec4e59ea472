/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table for all: where a value goes, or that the option is handed to libfuse, or that it
 * concerns mount(8) only. Options the kernel enforces (nosuid, noexec, ...) must reach it, so they
 * are passed on, not swallowed.
 */
#include "cli/mountopts.h"

#include "util/err.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum kind {
	FLAG,   /* sets a bool */
	CLEAR,  /* clears it */
	VALUE,  /* takes a value */
	PASS,   /* for libfuse */
	IGNORE, /* for mount(8) */
};

struct def {
	const char *name;
	enum kind kind;
	size_t offset;
	const char *help; /* "value: words"; NULL for what mount(8) brings */
};

#define AT(field) offsetof(struct mountopts, field)

static const struct def defs[] = {
    {"ro", FLAG, AT(read_only), "mount read-only; possible while another machine writes"},
    {"rw", CLEAR, AT(read_only), NULL},
    {"at", VALUE, AT(at), "TIME  mount the past, read-only"},
    {"allow_other", FLAG, AT(allow_other), "let other users in, as the permissions say"},
    {"passphrase_file", VALUE, AT(passphrase_file), "FILE  as --passphrase-file"},
    {"passphrase_command", VALUE, AT(passphrase_command), "CMD  as --passphrase-command"},
    {"recovery_code_file", VALUE, AT(recovery_code_file), "FILE  as --recovery-code-file"},
    {"state_dir", VALUE, AT(state_dir), "DIR  as --state-dir"},
    {"ca_file", VALUE, AT(ca_file), "FILE  as --ca-file"},
    {"insecure_http", FLAG, AT(insecure_http), "as --insecure-http"},
    {"takeover", FLAG, AT(takeover), "as --takeover"},
    {"cache", VALUE, AT(cache), "SIZE  most local space for ciphertext (10G)"},
    {"quota", VALUE, AT(quota), "SIZE  most that the files may hold; then writing gives EDQUOT"},
    {"epoch", VALUE, AT(epoch), "SECONDS  distance between restorable moments (5)"},
    {"suid", PASS, 0, NULL},
    {"nosuid", PASS, 0, NULL},
    {"dev", PASS, 0, NULL},
    {"nodev", PASS, 0, NULL},
    {"exec", PASS, 0, NULL},
    {"noexec", PASS, 0, NULL},
    {"atime", PASS, 0, NULL},
    {"noatime", PASS, 0, NULL},
    {"sync", PASS, 0, NULL},
    {"async", PASS, 0, NULL},
    {"dirsync", PASS, 0, NULL},
    {"relatime", IGNORE, 0, NULL},
    {"norelatime", IGNORE, 0, NULL},
    {"nodiratime", IGNORE, 0, NULL},
    {"diratime", IGNORE, 0, NULL},
    {"strictatime", IGNORE, 0, NULL},
    {"lazytime", IGNORE, 0, NULL},
    {"defaults", IGNORE, 0, NULL},
    {"default_permissions", IGNORE, 0, NULL},
    {"auto", IGNORE, 0, NULL},
    {"noauto", IGNORE, 0, NULL},
    {"user", IGNORE, 0, NULL},
    {"users", IGNORE, 0, NULL},
    {"nouser", IGNORE, 0, NULL},
    {"owner", IGNORE, 0, NULL},
    {"group", IGNORE, 0, NULL},
    {"nofail", IGNORE, 0, NULL},
    {"_netdev", IGNORE, 0, NULL},
};

#define NDEFS (sizeof(defs) / sizeof(defs[0]))

static const struct def *find_def(const char *name, size_t len)
{
	for (size_t i = 0; i < NDEFS; i++)
		if (strlen(defs[i].name) == len && memcmp(defs[i].name, name, len) == 0)
			return &defs[i];
	return NULL;
}

static int pass_on(struct mountopts *m, const char *name)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", m->extra ? m->extra : "", m->extra ? "," : "", name) < 0)
		return ERR_NOMEM;
	free(m->extra);
	m->extra = joined;
	return 0;
}

static int apply_value(const struct def *d, const char *value, char **field)
{
	if (!value || !*value)
		return err_note(ERR_USAGE, "mount option %s needs a value", d->name);
	free(*field);
	*field = strdup(value);
	return *field ? 0 : ERR_NOMEM;
}

/* @item is one option, "name" or "name=value". */
static int apply(const char *item, struct mountopts *m)
{
	size_t len = strcspn(item, "=");
	const char *value = item[len] ? item + len + 1 : NULL;
	const struct def *d = find_def(item, len);
	char *field;

	if (strncmp(item, "x-", 2) == 0 || strncmp(item, "X-", 2) == 0)
		return 0;
	if (!d)
		return err_note(ERR_USAGE, "unknown mount option %.*s", (int)len, item);
	if (value && d->kind != VALUE && d->kind != IGNORE)
		return err_note(ERR_USAGE, "mount option %s takes no value", d->name);
	field = (char *)m + d->offset;
	switch (d->kind) {
	case FLAG:
	case CLEAR:
		*(bool *)field = d->kind == FLAG;
		return 0;
	case VALUE:
		return apply_value(d, value, (char **)(void *)field);
	case PASS:
		return pass_on(m, d->name);
	default:
		return 0;
	}
}

int mountopts_parse(const char *text, struct mountopts *ret)
{
	char *item = malloc(strlen(text) + 1);
	size_t n = 0;
	int err = item ? 0 : ERR_NOMEM;

	while (err == 0) {
		if (text[0] == '\\' && (text[1] == ',' || text[1] == '\\')) {
			item[n++] = text[1];
			text += 2;
			continue;
		}
		if (*text && *text != ',') {
			item[n++] = *text++;
			continue;
		}
		item[n] = '\0';
		if (n > 0)
			err = apply(item, ret);
		n = 0;
		if (!*text++)
			break;
	}
	free(item);
	return err;
}

void mountopts_done(struct mountopts *m)
{
	for (size_t i = 0; i < NDEFS; i++)
		if (defs[i].kind == VALUE)
			free(*(char **)(void *)((char *)m + defs[i].offset));
	free(m->extra);
	memset(m, 0, sizeof(*m));
}

void mountopts_print_help(FILE *out)
{
	fprintf(out, "\nMount options (-o):\n");
	for (size_t i = 0; i < NDEFS; i++) {
		const char *help = defs[i].help, *rest;
		char left[64];

		if (!help)
			continue;
		rest = defs[i].kind == VALUE ? strstr(help, "  ") : NULL;
		snprintf(left, sizeof(left), "%s%s%.*s", defs[i].name, rest ? "=" : "",
		         rest ? (int)(rest - help) : 0, help);
		fprintf(out, "  %-32s %s\n", left, rest ? rest + 2 : help);
	}
	fprintf(
	    out,
	    "  and what mount(8) and /etc/fstab bring: nosuid, noexec, noauto, nofail, x-...\n");
}
