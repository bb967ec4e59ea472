/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of the program (not of the volume): one line an event, `level module event key=value`, to
 * stderr, to a file, or nowhere. Never keys, plaintext, names of files or whole URLs. Thread safe.
 */
#ifndef AMBERFS_UTIL_LOG_H
#define AMBERFS_UTIL_LOG_H

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
};

/** Lines above @level are dropped. At start: LOG_WARN. */
void log_set_level(enum log_level level);

/** Append to @path (created 0600) from now on instead of stderr. Returns 0 or a code. */
int log_to_file(const char *path);

void log_line(enum log_level level, const char *module, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(module, ...) log_line(LOG_ERROR, module, __VA_ARGS__)
#define log_warn(module, ...) log_line(LOG_WARN, module, __VA_ARGS__)
#define log_info(module, ...) log_line(LOG_INFO, module, __VA_ARGS__)
#define log_debug(module, ...) log_line(LOG_DEBUG, module, __VA_ARGS__)

#endif
