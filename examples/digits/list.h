/* Everything that can be asked for by name. */
#ifndef DIGITS_LIST_H
#define DIGITS_LIST_H

#include <stdio.h>

#include "error.h"

/* Prints a line for every method of the library. */
void digits_list(FILE *out);

/* Prints the methods of this name, of whatever kind, with their options, defaults and bounds. 0, or -1 and a text. */
int digits_list_options(FILE *out, const char *name, struct digits_error *error);

#endif
