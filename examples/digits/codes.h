/* Digits as the numbers of a codebook's vectors (the library's codebook.h): each step adds one of `size` noises, and their numbers
 * are the digit. */
#ifndef DIGITS_CODES_H
#define DIGITS_CODES_H

#include "args.h"

/* encode writes the file of codes, and a sheet of the originals and what the codes make of them; decode reads the file and
 * draws what they make. program: argv[0]. An exit code of draw.h, with a text unless it is DIGITS_EXIT_OK. */
int digits_encode(const struct digits_args *args, const char *program, struct digits_error *error);
int digits_decode(const struct digits_args *args, const char *program, struct digits_error *error);

#endif
