/* The file of codes: a first line, options of the program one a line, an empty line, and the numbers, a line for each
 * digit. */
#ifndef DIGITS_CODES_FILE_H
#define DIGITS_CODES_FILE_H

#include "args.h"

struct digits_codes {
	char *text;              /* of the file; args point into it */
	struct digits_args args; /* under which the codes were made */
	int32_t *index;
	size_t n;
};

/* index: args->count rows of n_index numbers, of `bits` bits together. 0, or -1 and a text. */
int digits_codes_write(const struct digits_args *args, const int32_t *index, size_t n_index, double bits,
                       struct digits_error *error);

/* Reads args->codes. Where files are written and how the work is done is taken from args. 0, or -1 and a text. */
int digits_codes_read(struct digits_codes *codes, const struct digits_args *args, struct digits_error *error);
void digits_codes_free(struct digits_codes *codes);

#endif
