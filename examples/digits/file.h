/* Writing whole files so that nothing is lost when it fails. */
#ifndef DIGITS_FILE_H
#define DIGITS_FILE_H

#include <stddef.h>

#include "error.h"

/* Whether a file could be written at `path`, to know before a long computation. It leaves no trace. 0, or -1 and a
 * text. */
int digits_file_check(const char *path, struct digits_error *error);

/* Writes a file under a temporary name beside `path`, then renames it: a failing write leaves whatever stood at `path`
 * as it was, and no temporary file. Devices and pipes, which a rename would replace, are written directly. */
int digits_file_write(const char *path, const void *bytes, size_t size, struct digits_error *error);

#endif
