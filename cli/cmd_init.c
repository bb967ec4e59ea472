/* SPDX-License-Identifier: Apache-2.0 */
/* amberfs init STORE */
#include "backend/store.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/passphrase.h"
#include "cli/report.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/hex.h"
#include "util/rng.h"
#include "util/secret.h"
#include "volume/volume.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct option_def option_defs[] = {
    {"passphrase-file", 0, "FILE", "read the passphrase from FILE"},
    {"passphrase-command", 0, "CMD", "take the passphrase from the output of CMD"},
    {"ca-file", 0, "FILE", "trust the certificates in FILE (PEM) instead of the system's"},
    {"insecure-http", 0, NULL, "allow http:// to this machine itself"},
    {"json", 0, NULL, "print one JSON object"},
    {"mirror", 0, "STORE", "keep a second copy in STORE (not supported yet)"},
    {0},
};

static int refuse_any(void *ctx, const struct blob_info *info)
{
	(void)ctx;
	return err_note(ERR_NOTEMPTY, "it holds %s", info->name);
}

/* Before a passphrase is asked for: can there be a new volume at all? */
static int check_empty(struct blob *store)
{
	struct keyring *k = NULL;
	int err = volume_keyring_fetch(store, &k);

	volume_keyring_free(k);
	if (err == 0)
		return ERR_VOLUMEEXISTS;
	if (err != ERR_NOTVOLUME)
		return err;
	return blob_list(store, "", NULL, refuse_any, NULL);
}

/* Out by write(2): stdio would keep a copy of the code. */
static int write_code(const char *before, const char *code, const char *after)
{
	struct {
		const char *text;
	} parts[] = {{before}, {code}, {after}};

	fflush(stdout);
	for (size_t i = 0; i < 3; i++) {
		size_t len = strlen(parts[i].text);

		if (write(STDOUT_FILENO, parts[i].text, len) != (ssize_t)len)
			return err_note(ERR_IO, "the recovery code was not shown");
	}
	return 0;
}

static int show(bool json, const char *url, const char *id, const char *code)
{
	struct json j;
	int err;

	if (!json) {
		printf("Volume %s is made in %s.\n\n", id, url);
		return write_code("Recovery code:  ", code,
		                  "\n\nWrite it down and keep it apart from this machine. It opens "
		                  "the volume when\n"
		                  "the passphrase is lost, and it is not shown again.\n");
	}
	json_init(&j);
	json_object(&j);
	json_key_string(&j, "volume", id);
	json_key_string(&j, "store", url);
	/* the code has no character that JSON would escape */
	printf("%.*s", (int)j.text.len, (const char *)j.text.data);
	json_done(&j);
	err = write_code(",\"recovery_code\":\"", code, "\"}\n");
	return err;
}

static int make(struct blob *store, const struct passphrase_source *source, const char *url,
                bool json)
{
	uint8_t id[VOLUME_ID_BYTES];
	char hex[2 * VOLUME_ID_BYTES + 1];
	char *passphrase = NULL, *code = NULL;
	size_t len = 0;
	int err;

	err = passphrase_get(source, &passphrase, &len);
	if (err)
		goto out;
	code = secret_new(VOLUME_RECOVERY_BYTES);
	if (!code) {
		err = err_note(ERR_NOMEM, "memory for secrets");
		goto out;
	}
	err = volume_init(store, clock_system(), rng_system(), passphrase, len, code, id);
	if (err)
		goto out;
	hex_encode(hex, id, sizeof(id));
	err = show(json, url, hex, code);
out:
	secret_free(code);
	secret_free(passphrase);
	return err;
}

static int run(const struct options *o)
{
	struct store_options so = {.ca_file = options_value(o, "ca-file"),
	                           .insecure_http = options_has(o, "insecure-http"),
	                           .create = true};
	struct passphrase_source source = {.file = options_value(o, "passphrase-file"),
	                                   .command = options_value(o, "passphrase-command"),
	                                   .word = "passphrase",
	                                   .twice = true};
	char *url = store_display(options_arg(o, 0));
	struct blob *store = NULL;
	int err;

	if (!url)
		return report_no_memory();
	passphrase_from_environment(&source);
	source.what = url;
	if (options_has(o, "mirror"))
		err = err_note(ERR_USAGE, "mirrors are not supported yet");
	else
		err = secret_setup(); /* the store's credentials are secrets too */
	if (err == 0)
		err = store_open(options_arg(o, 0), &so, &store);
	if (err == 0)
		err = check_empty(store);
	if (err == 0)
		err = make(store, &source, url, options_has(o, "json"));
	if (err)
		err = report_error_hint(
		    err, err == ERR_USAGE ? "see `amberfs help init`" : report_hint(err),
		    "cannot make a volume in %s", url);
	blob_free(store);
	free(url);
	return err;
}

const struct command cmd_init = {
    .name = "init",
    .args = "STORE",
    .summary = "Make a new volume",
    .details = "Makes a volume in STORE, which must be empty, asks for a new passphrase twice, and "
               "prints\n"
               "the recovery code once.\n",
    .options = option_defs,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
