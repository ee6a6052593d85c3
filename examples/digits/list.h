/* Everything that can be asked for by name. */
#ifndef DIGITS_LIST_H
#define DIGITS_LIST_H

#include <stdio.h>

/* Prints all methods of the library with their options, defaults and bounds. */
void digits_list(FILE *out);

#endif
