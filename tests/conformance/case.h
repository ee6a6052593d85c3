/* A reference case in memory. The format is described in tests/data/conformance/FORMAT.md. */
#ifndef CASE_H
#define CASE_H

#include <stddef.h>

enum { VERDICT_PASS = 0, VERDICT_FAIL = 1, VERDICT_SKIP = 2 };

/* How a case ended, and why where it did not pass. */
struct verdict {
	int kind;
	char reason[400];
};

/* Fills in the verdict (printf rules) and returns kind. */
int say(struct verdict *verdict, int kind, const char *format, ...);

enum { BLOCK_HEADER, BLOCK_EVAL, BLOCK_NOISE, BLOCK_RESULT };

struct case_array {
	const char *name;
	double *value;
	size_t n, block; /* block: index of the block it belongs to */
};

/* An `eval`, a `noise`, the `result`; the header is block 0. The time on an eval line is the array "time" of that
 * block. */
struct case_block {
	int kind, used;
};

struct case_setting {
	const char *key, *value;
};

struct test_case {
	char *text; /* the file, cut into words in place: keys, values and names point into it */
	struct case_setting *setting;
	struct case_array *array;
	struct case_block *block;
	size_t n_setting, n_array, n_block;
};

/* A verdict other than VERDICT_PASS names file and line. */
int case_read(struct test_case *c, const char *path, struct verdict *verdict);
void case_free(struct test_case *c);

/* The value of a setting, NULL where it is absent. */
const char *case_text(const struct test_case *c, const char *key);

/* Whether the setting is there with this value. */
int case_is(const struct test_case *c, const char *key, const char *value);

/* As a number; NaN for a value that is none; fallback where the setting is absent. */
double case_number(const struct test_case *c, const char *key, double fallback);

/* As a whole number; 0 where it is absent. */
unsigned long long case_integer(const struct test_case *c, const char *key);

/* The k-th word of a setting as a number, NaN past the end. */
double case_nth(const struct test_case *c, const char *key, size_t k);

/* The array of a block; NULL where there is none. */
struct case_array *case_block_array(const struct test_case *c, size_t block, const char *name);

/* The array of the header or of the result. */
struct case_array *case_array(const struct test_case *c, const char *name);

/* The first block of a kind from position `from` on; n_block where there is none. */
size_t case_next_block(const struct test_case *c, int kind, size_t from);

/* Batch size and elements per batch entry, from `shape`. */
size_t case_batch(const struct test_case *c);
size_t case_elements(const struct test_case *c);

#endif
