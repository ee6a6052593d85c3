/* From paths to verdicts. */
#ifndef FILES_H
#define FILES_H

#include "check.h"

enum { NAME_SIZE = 256 };

/* Calls body for a file, or for every .case file of a folder in the order of their names, until it returns non-zero.
 * Non-zero when there was none. */
int for_each_case(const char *path, int (*body)(const char *path, void *user), void *user);

/* The name of a case file, without folder and ".case", in name; returns it. */
const char *case_name(const char *path, char name[NAME_SIZE]);

/* A case that has been read, in f32 and in f64. touched (capacity entries, may be NULL) receives the arrays that were
 * compared, *n_touched how many. */
int run_case(const struct test_case *c, struct case_array **touched, size_t capacity, size_t *n_touched,
             struct verdict *verdict);

/* Reads and runs a file. */
int run_file(const char *path, struct verdict *verdict);

#endif
