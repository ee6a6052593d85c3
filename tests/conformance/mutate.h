/* Moves expected numbers and looks whether the cases notice. */
#ifndef MUTATE_H
#define MUTATE_H

#include <stdint.h>

/* paths ends with NULL. Prints a line for every case that does not notice, and the totals; the exit status. */
int mutate_all(char **paths, uint64_t seed);

#endif
