/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the vectors: records of `name = value` lines, parted by empty lines; a line that begins
 * with # is a comment. Whatever cannot be read ends the program: a test that skips its vectors
 * would pass.
 */
#ifndef AMBERFS_TESTS_VECTORS_RECORDS_H
#define AMBERFS_TESTS_VECTORS_RECORDS_H

#include "util/hex.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_FIELDS_MAX 20

struct record {
	char *name[RECORD_FIELDS_MAX];
	char *value[RECORD_FIELDS_MAX];
	uint8_t *bytes[RECORD_FIELDS_MAX]; /* of those asked for by record_bytes() */
	int fields;
};

struct records {
	FILE *file;
	const char *path;
	struct record now;
};

static inline void records_die(const struct records *r, const char *what, const char *which)
{
	printf("FAIL %s: %s %s\n", r->path, what, which);
	exit(1);
}

/* @path is below the source folder, which automake's driver names in $srcdir. */
static inline void records_open(struct records *r, const char *path)
{
	const char *srcdir = getenv("srcdir");
	char full[4096];

	memset(r, 0, sizeof(*r));
	r->path = path;
	snprintf(full, sizeof(full), "%s/%s", srcdir ? srcdir : ".", path);
	r->file = fopen(full, "r");
	if (!r->file)
		records_die(r, "cannot open", full);
}

static inline void records_forget(struct records *r)
{
	for (int i = 0; i < r->now.fields; i++) {
		free(r->now.name[i]);
		free(r->now.value[i]);
		free(r->now.bytes[i]);
	}
	memset(&r->now, 0, sizeof(r->now));
}

static inline void records_close(struct records *r)
{
	records_forget(r);
	fclose(r->file);
}

static inline void records_add(struct records *r, char *line)
{
	struct record *now = &r->now;
	char *equals = strstr(line, " =");
	char *value;

	if (!equals || now->fields == RECORD_FIELDS_MAX)
		records_die(r, "cannot read", line);
	*equals = '\0';
	value = equals + 2;
	if (*value == ' ')
		value++;
	now->name[now->fields] = strdup(line);
	now->value[now->fields] = strdup(value);
	now->fields++;
}

/* Go to the next record; false when there is none. */
static inline bool records_next(struct records *r)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	records_forget(r);
	while ((len = getline(&line, &cap, r->file)) >= 0) {
		if (len > 0 && line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (line[0] == '#')
			continue;
		if (line[0] != '\0')
			records_add(r, line);
		else if (r->now.fields > 0)
			break;
	}
	free(line);
	return r->now.fields > 0;
}

static inline int record_index(const struct records *r, const char *name)
{
	for (int i = 0; i < r->now.fields; i++)
		if (strcmp(r->now.name[i], name) == 0)
			return i;
	records_die(r, "no field", name);
	return -1;
}

static inline const char *record_text(const struct records *r, const char *name)
{
	return r->now.value[record_index(r, name)];
}

static inline uint64_t record_number(const struct records *r, const char *name)
{
	return strtoull(record_text(r, name), NULL, 10);
}

/* The bytes that the field has in hexadecimal, valid until the next record. */
static inline const uint8_t *record_bytes(struct records *r, const char *name, size_t *ret_len)
{
	int i = record_index(r, name);
	size_t len = strlen(r->now.value[i]) / 2;

	if (!r->now.bytes[i]) {
		r->now.bytes[i] = malloc(len + 1);
		if (hex_decode(r->now.bytes[i], len, r->now.value[i]) != 0)
			records_die(r, "not hexadecimal:", name);
	}
	if (ret_len)
		*ret_len = len;
	return r->now.bytes[i];
}

#endif
