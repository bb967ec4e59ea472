/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table. A row is a promise: what is right there is right in every case of the row, and an error has a name. The
 * machines are explained in tamper.c, the ways of damage in damage.h; "all" are the cases of whole.c.
 *
 * How to read the rows that are not only right or an error:
 *
 *   right and an error    what is damaged is needed or not: the padding of a pack, a log object that is made again from
 *                         the journal
 *   reopen                the index is damaged in a page that is read late: that read fails, and the next mount builds the
 *                         index again
 *   older, fresh          a machine that has seen nothing believes a store that is whole
 *   older, journal        the last batch is taken for one that a crash tore; without any journal, or with one of another
 *                         time, what only it held is gone, and the state before it is shown
 *
 * `tamper --verbose` prints the table as it is found.
 */
#include "tests/tamper/expect.h"

#include <string.h>

struct expectation {
	const char *kind, *machine, *how;
	unsigned verdicts;
};

/* clang-format off */
static const struct expectation table[] = {
	{"keyring", "fresh", "a bit flipped", V_UNAUTHENTIC | V_CORRUPT | V_WRONGKEY | V_VERSION},
	{"keyring", "fresh", "cut short", V_CORRUPT},
	{"keyring", "fresh", "made longer", V_CORRUPT},
	{"keyring", "fresh", "of another volume", V_UNAUTHENTIC},
	{"keyring", "fresh", "removed", V_NOTVOLUME},

	{"lease", "fresh", "a bit flipped", V_UNAUTHENTIC | V_CORRUPT | V_VERSION},
	{"lease", "fresh", "cut short", V_UNAUTHENTIC | V_CORRUPT},
	{"lease", "fresh", "made longer", V_UNAUTHENTIC | V_CORRUPT},
	{"lease", "fresh", "of another volume", V_UNAUTHENTIC},
	{"lease", "fresh", "as it was before", V_RIGHT},
	{"lease", "fresh", "removed", V_RIGHT},

	{"log before the checkpoint", "fresh", "a bit flipped", V_RIGHT},
	{"log before the checkpoint", "fresh", "cut short", V_RIGHT},
	{"log before the checkpoint", "fresh", "made longer", V_RIGHT},
	{"log before the checkpoint", "fresh", "names exchanged", V_RIGHT},
	{"log before the checkpoint", "fresh", "of another volume", V_RIGHT},
	{"log before the checkpoint", "fresh", "removed", V_RIGHT},

	{"log after the checkpoint", "fresh", "a bit flipped", V_UNAUTHENTIC | V_CORRUPT | V_VERSION},
	{"log after the checkpoint", "fresh", "cut short", V_UNAUTHENTIC | V_CORRUPT},
	{"log after the checkpoint", "fresh", "made longer", V_UNAUTHENTIC},
	{"log after the checkpoint", "fresh", "names exchanged", V_UNAUTHENTIC},
	{"log after the checkpoint", "fresh", "of another volume", V_UNAUTHENTIC},
	{"log after the checkpoint", "fresh", "removed", V_MISSING},

	{"newest log", "fresh", "a bit flipped", V_UNAUTHENTIC | V_CORRUPT | V_VERSION},
	{"newest log", "fresh", "cut short", V_UNAUTHENTIC | V_CORRUPT},
	{"newest log", "fresh", "made longer", V_UNAUTHENTIC},
	{"newest log", "fresh", "names exchanged", V_UNAUTHENTIC},
	{"newest log", "fresh", "of another volume", V_UNAUTHENTIC},
	{"newest log", "fresh", "removed", V_OLDER},

	{"newest checkpoint", "fresh", "a bit flipped", V_UNAUTHENTIC | V_CORRUPT | V_VERSION},
	{"newest checkpoint", "fresh", "cut short", V_UNAUTHENTIC | V_CORRUPT},
	{"newest checkpoint", "fresh", "made longer", V_UNAUTHENTIC},
	{"newest checkpoint", "fresh", "names exchanged", V_UNAUTHENTIC},
	{"newest checkpoint", "fresh", "of another volume", V_UNAUTHENTIC},
	{"newest checkpoint", "fresh", "removed", V_RIGHT},

	{"older checkpoint", "fresh", "a bit flipped", V_RIGHT},
	{"older checkpoint", "fresh", "cut short", V_RIGHT},
	{"older checkpoint", "fresh", "made longer", V_RIGHT},
	{"older checkpoint", "fresh", "names exchanged", V_UNAUTHENTIC},
	{"older checkpoint", "fresh", "of another volume", V_RIGHT},
	{"older checkpoint", "fresh", "removed", V_RIGHT},

	{"part of the newest checkpoint", "fresh", "a bit flipped", V_UNAUTHENTIC},
	{"part of the newest checkpoint", "fresh", "cut short", V_UNAUTHENTIC},
	{"part of the newest checkpoint", "fresh", "made longer", V_UNAUTHENTIC},
	{"part of the newest checkpoint", "fresh", "names exchanged", V_UNAUTHENTIC},
	{"part of the newest checkpoint", "fresh", "of another volume", V_UNAUTHENTIC},
	{"part of the newest checkpoint", "fresh", "removed", V_MISSING},

	{"part of the older checkpoint", "fresh", "a bit flipped", V_RIGHT},
	{"part of the older checkpoint", "fresh", "cut short", V_RIGHT},
	{"part of the older checkpoint", "fresh", "made longer", V_RIGHT},
	{"part of the older checkpoint", "fresh", "names exchanged", V_UNAUTHENTIC},
	{"part of the older checkpoint", "fresh", "of another volume", V_RIGHT},
	{"part of the older checkpoint", "fresh", "removed", V_RIGHT},

	{"pack", "fresh", "a bit flipped", V_RIGHT | V_UNAUTHENTIC},
	{"pack", "fresh", "cut short", V_RIGHT | V_CORRUPT},
	{"pack", "fresh", "made longer", V_RIGHT},
	{"pack", "fresh", "names exchanged", V_UNAUTHENTIC | V_CORRUPT},
	{"pack", "fresh", "of another volume", V_UNAUTHENTIC},
	{"pack", "fresh", "removed", V_MISSING},

	{"keyring", "known", "a bit flipped", V_UNAUTHENTIC | V_CORRUPT | V_WRONGKEY | V_VERSION},
	{"keyring", "known", "cut short", V_CORRUPT},
	{"keyring", "known", "made longer", V_CORRUPT},
	{"keyring", "known", "of another volume", V_UNAUTHENTIC},
	{"keyring", "known", "removed", V_NOTVOLUME},

	{"lease", "known", "a bit flipped", V_UNAUTHENTIC | V_CORRUPT | V_VERSION},
	{"lease", "known", "cut short", V_UNAUTHENTIC | V_CORRUPT},
	{"lease", "known", "made longer", V_UNAUTHENTIC | V_CORRUPT},
	{"lease", "known", "of another volume", V_UNAUTHENTIC},
	{"lease", "known", "as it was before", V_RIGHT},
	{"lease", "known", "removed", V_RIGHT},

	{"log before the checkpoint", "known", "a bit flipped", V_RIGHT},
	{"log before the checkpoint", "known", "cut short", V_RIGHT},
	{"log before the checkpoint", "known", "made longer", V_RIGHT},
	{"log before the checkpoint", "known", "names exchanged", V_RIGHT},
	{"log before the checkpoint", "known", "of another volume", V_RIGHT},
	{"log before the checkpoint", "known", "removed", V_RIGHT},

	{"log after the checkpoint", "known", "a bit flipped", V_RIGHT},
	{"log after the checkpoint", "known", "cut short", V_RIGHT},
	{"log after the checkpoint", "known", "made longer", V_RIGHT},
	{"log after the checkpoint", "known", "names exchanged", V_RIGHT},
	{"log after the checkpoint", "known", "of another volume", V_RIGHT},
	{"log after the checkpoint", "known", "removed", V_RIGHT},

	{"newest log", "known", "a bit flipped", V_UNAUTHENTIC | V_CORRUPT | V_VERSION},
	{"newest log", "known", "cut short", V_UNAUTHENTIC | V_CORRUPT},
	{"newest log", "known", "made longer", V_UNAUTHENTIC},
	{"newest log", "known", "names exchanged", V_UNAUTHENTIC},
	{"newest log", "known", "of another volume", V_UNAUTHENTIC},
	{"newest log", "known", "removed", V_ROLLBACK},

	{"newest checkpoint", "known", "a bit flipped", V_RIGHT},
	{"newest checkpoint", "known", "cut short", V_RIGHT},
	{"newest checkpoint", "known", "made longer", V_RIGHT},
	{"newest checkpoint", "known", "names exchanged", V_RIGHT},
	{"newest checkpoint", "known", "of another volume", V_RIGHT},
	{"newest checkpoint", "known", "removed", V_RIGHT},

	{"older checkpoint", "known", "a bit flipped", V_RIGHT},
	{"older checkpoint", "known", "cut short", V_RIGHT},
	{"older checkpoint", "known", "made longer", V_RIGHT},
	{"older checkpoint", "known", "names exchanged", V_RIGHT},
	{"older checkpoint", "known", "of another volume", V_RIGHT},
	{"older checkpoint", "known", "removed", V_RIGHT},

	{"part of the newest checkpoint", "known", "a bit flipped", V_RIGHT},
	{"part of the newest checkpoint", "known", "cut short", V_RIGHT},
	{"part of the newest checkpoint", "known", "made longer", V_RIGHT},
	{"part of the newest checkpoint", "known", "names exchanged", V_RIGHT},
	{"part of the newest checkpoint", "known", "of another volume", V_RIGHT},
	{"part of the newest checkpoint", "known", "removed", V_RIGHT},

	{"part of the older checkpoint", "known", "a bit flipped", V_RIGHT},
	{"part of the older checkpoint", "known", "cut short", V_RIGHT},
	{"part of the older checkpoint", "known", "made longer", V_RIGHT},
	{"part of the older checkpoint", "known", "names exchanged", V_RIGHT},
	{"part of the older checkpoint", "known", "of another volume", V_RIGHT},
	{"part of the older checkpoint", "known", "removed", V_RIGHT},

	{"pack", "known", "a bit flipped", V_RIGHT},
	{"pack", "known", "cut short", V_RIGHT},
	{"pack", "known", "made longer", V_RIGHT},
	{"pack", "known", "names exchanged", V_RIGHT},
	{"pack", "known", "of another volume", V_RIGHT},
	{"pack", "known", "removed", V_RIGHT},

	{"newest log", "stored", "a bit flipped", V_UNAUTHENTIC | V_CORRUPT | V_VERSION},
	{"newest log", "stored", "cut short", V_UNAUTHENTIC | V_CORRUPT},
	{"newest log", "stored", "made longer", V_UNAUTHENTIC},
	{"newest log", "stored", "names exchanged", V_UNAUTHENTIC},
	{"newest log", "stored", "of another volume", V_UNAUTHENTIC},
	{"newest log", "stored", "removed", V_ROLLBACK},

	{"pack", "cold", "a bit flipped", V_RIGHT | V_UNAUTHENTIC},
	{"pack", "cold", "cut short", V_RIGHT | V_CORRUPT},
	{"pack", "cold", "made longer", V_RIGHT},
	{"pack", "cold", "names exchanged", V_UNAUTHENTIC | V_CORRUPT},
	{"pack", "cold", "of another volume", V_UNAUTHENTIC},
	{"pack", "cold", "removed", V_MISSING},

	{"cache/", "dead", "a bit flipped", V_RIGHT},
	{"cache/", "dead", "cut short", V_RIGHT},
	{"cache/", "dead", "made longer", V_RIGHT},
	{"cache/", "dead", "names exchanged", V_RIGHT},
	{"cache/", "dead", "of another volume", V_RIGHT},
	{"cache/", "dead", "removed", V_RIGHT},

	{"index.db", "dead", "a bit flipped", V_RIGHT | V_REOPEN},
	{"index.db", "dead", "cut short", V_RIGHT},
	{"index.db", "dead", "made longer", V_RIGHT},
	{"index.db", "dead", "a bit in a page", V_RIGHT | V_REOPEN},
	{"index.db", "dead", "a page of zeros", V_RIGHT | V_REOPEN},
	{"index.db", "dead", "an older page", V_RIGHT | V_REOPEN},
	{"index.db", "dead", "names exchanged", V_RIGHT},
	{"index.db", "dead", "of another volume", V_RIGHT},
	{"index.db", "dead", "as it was before", V_RIGHT},
	{"index.db", "dead", "removed", V_RIGHT},

	{"index.db-sum", "dead", "a bit flipped", V_RIGHT},
	{"index.db-sum", "dead", "cut short", V_RIGHT},
	{"index.db-sum", "dead", "made longer", V_RIGHT},
	{"index.db-sum", "dead", "of another volume", V_RIGHT},
	{"index.db-sum", "dead", "as it was before", V_RIGHT},
	{"index.db-sum", "dead", "removed", V_RIGHT},

	{"index.db-wal", "dead", "a bit flipped", V_RIGHT},
	{"index.db-wal", "dead", "cut short", V_RIGHT},
	{"index.db-wal", "dead", "made longer", V_RIGHT},
	{"index.db-wal", "dead", "a bit in a page", V_RIGHT},
	{"index.db-wal", "dead", "a page of zeros", V_RIGHT},
	{"index.db-wal", "dead", "of another volume", V_RIGHT},
	{"index.db-wal", "dead", "as it was before", V_RIGHT},
	{"index.db-wal", "dead", "removed", V_RIGHT},

	{"journal", "dead", "a bit flipped", V_RIGHT | V_OLDER | V_CORRUPT},
	{"journal", "dead", "cut short", V_OLDER},
	{"journal", "dead", "made longer", V_RIGHT},
	{"journal", "dead", "a bit in a page", V_RIGHT | V_OLDER | V_CORRUPT},
	{"journal", "dead", "a page of zeros", V_RIGHT | V_OLDER | V_CORRUPT},
	{"journal", "dead", "an older page", V_RIGHT | V_OLDER | V_CORRUPT},
	{"journal", "dead", "of another volume", V_OLDER},
	{"journal", "dead", "as it was before", V_OLDER},
	{"journal", "dead", "removed", V_OLDER},

	{"outlog/", "dead", "a bit flipped", V_RIGHT | V_UNAUTHENTIC | V_CORRUPT | V_VERSION},
	{"outlog/", "dead", "cut short", V_RIGHT | V_UNAUTHENTIC | V_CORRUPT},
	{"outlog/", "dead", "made longer", V_RIGHT | V_UNAUTHENTIC},
	{"outlog/", "dead", "names exchanged", V_UNAUTHENTIC},
	{"outlog/", "dead", "of another volume", V_RIGHT | V_UNAUTHENTIC},
	{"outlog/", "dead", "removed", V_RIGHT | V_CORRUPT | V_ROLLBACK},

	{"packs/", "dead", "a bit flipped", V_RIGHT | V_UNAUTHENTIC},
	{"packs/", "dead", "cut short", V_RIGHT | V_CORRUPT},
	{"packs/", "dead", "made longer", V_RIGHT},
	{"packs/", "dead", "names exchanged", V_CORRUPT},
	{"packs/", "dead", "of another volume", V_RIGHT | V_UNAUTHENTIC},
	{"packs/", "dead", "removed", V_RIGHT | V_MISSING},
	{"packs/", "dead", "as it was before", V_CORRUPT},

	{"writer", "dead", "a bit flipped", V_RIGHT},
	{"writer", "dead", "cut short", V_RIGHT},
	{"writer", "dead", "made longer", V_RIGHT},
	{"writer", "dead", "of another volume", V_RIGHT},
	{"writer", "dead", "removed", V_RIGHT},

	{"index.db", "closed", "a bit flipped", V_RIGHT | V_REOPEN},
	{"index.db", "closed", "cut short", V_RIGHT | V_REOPEN},
	{"index.db", "closed", "made longer", V_RIGHT},
	{"index.db", "closed", "a bit in a page", V_RIGHT | V_REOPEN},
	{"index.db", "closed", "a page of zeros", V_RIGHT | V_REOPEN},
	{"index.db", "closed", "an older page", V_RIGHT | V_REOPEN},
	{"index.db", "closed", "names exchanged", V_RIGHT},
	{"index.db", "closed", "of another volume", V_RIGHT},
	{"index.db", "closed", "as it was before", V_RIGHT},
	{"index.db", "closed", "removed", V_RIGHT},

	{"index.db-sum", "closed", "a bit flipped", V_RIGHT},
	{"index.db-sum", "closed", "cut short", V_RIGHT},
	{"index.db-sum", "closed", "made longer", V_RIGHT},
	{"index.db-sum", "closed", "of another volume", V_RIGHT},
	{"index.db-sum", "closed", "as it was before", V_RIGHT},
	{"index.db-sum", "closed", "removed", V_RIGHT},

	{"journal", "closed", "a bit flipped", V_RIGHT},
	{"journal", "closed", "cut short", V_RIGHT},
	{"journal", "closed", "made longer", V_RIGHT},
	{"journal", "closed", "a bit in a page", V_RIGHT},
	{"journal", "closed", "a page of zeros", V_RIGHT},
	{"journal", "closed", "an older page", V_RIGHT},
	{"journal", "closed", "of another volume", V_RIGHT},
	{"journal", "closed", "as it was before", V_RIGHT},
	{"journal", "closed", "removed", V_RIGHT},

	{"writer", "closed", "a bit flipped", V_RIGHT},
	{"writer", "closed", "cut short", V_RIGHT},
	{"writer", "closed", "made longer", V_RIGHT},
	{"writer", "closed", "of another volume", V_RIGHT},
	{"writer", "closed", "removed", V_RIGHT},

	{"all", "fresh", "the store is an old copy", V_OLDER},

	{"all", "dead", "the store is an old copy", V_ROLLBACK},

	{"all", "closed", "the store is an old copy", V_ROLLBACK},

	{"all", "after", "the store is an old copy", V_ROLLBACK},

	{"all", "early", "the state folder is an old copy", V_RIGHT},

	{"all", "closed", "the state folder is an old copy", V_RIGHT},

	{"all", "midway", "the state folder is an old copy", V_FENCED},

	{"all", "dead", "the state folder is an old copy", V_RIGHT},

	{"all", "early", "both are old copies", V_RIGHT},

	{"all", "midway", "both are old copies", V_RIGHT},

	{"all", "dead", "index.db and index.db-wal as they were before", V_RIGHT},
	{"all", "dead", "index.db and index.db-wal of another volume", V_RIGHT},
	{"all", "dead", "index.db and index.db-wal removed", V_RIGHT},
	{"all", "dead", "all of outlog/ removed", V_ROLLBACK},
	{"all", "dead", "all of packs/ removed", V_MISSING},
	{"all", "dead", "all of cache/ removed", V_RIGHT},
	{"all", "dead", "everything removed", V_OLDER},
	{"all", "dead", "everything of another volume", V_CORRUPT},
	{"all", "dead", "index and journal removed", V_OLDER},
	{"all", "dead", "index and journal as they were before", V_OLDER},
	{"all", "dead", "index and outlog/ removed", V_RIGHT},
	{"all", "dead", "journal and outlog/ removed", V_ROLLBACK},
	{"all", "dead", "index and writer removed", V_FENCED},
};
/* clang-format on */

unsigned expect_of(const char *kind, const char *machine, const char *how)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (strcmp(table[i].kind, kind) == 0 && strcmp(table[i].machine, machine) == 0 &&
		    strcmp(table[i].how, how) == 0)
			return table[i].verdicts;
	return 0;
}
