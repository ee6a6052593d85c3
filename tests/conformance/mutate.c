#include "mutate.h"
#include "files.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ARRAY = 16384 };

struct mutation {
	uint64_t random;
	size_t n_passed, n_noticed;
	struct case_array *touched[MAX_ARRAY];
};

/* Vigna 2015, splitmix64. */
static size_t below(uint64_t *state, size_t n)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (size_t)((z ^ (z >> 31)) % n);
}

/* 5 % of the largest absolute value; the time on an eval line is one number, compared with a floor of 1e-3. */
static double shift_of(const struct case_array *array)
{
	double largest = strcmp(array->name, "time") ? 0 : 1e-3;
	for (size_t i = 0; i < array->n; i++)
		if (isfinite(array->value[i]))
			largest = fmax(largest, fabs(array->value[i]));
	return 0.05 * (largest > 0 ? largest : 1);
}

/* Moves one number of a case that passes and runs it again. */
static int mutate_case(const char *path, void *user)
{
	struct mutation *m = user;
	struct test_case c;
	struct verdict verdict;
	size_t n = 0;
	char name[NAME_SIZE];
	if (!case_read(&c, path, &verdict) && !run_case(&c, m->touched, MAX_ARRAY, &n, &verdict) && n) {
		struct case_array *array = m->touched[below(&m->random, n)];
		size_t i = below(&m->random, array->n);
		double before = array->value[i], shift = shift_of(array);
		array->value[i] += below(&m->random, 2) ? shift : -shift;
		m->n_passed++;
		m->n_noticed += run_case(&c, NULL, 0, NULL, &verdict) == VERDICT_FAIL;
		if (verdict.kind != VERDICT_FAIL)
			printf("FAIL %s does not notice %s[%zu] moved from %.9g to %.9g\n", case_name(path, name), array->name, i,
			       before, array->value[i]);
	}
	case_free(&c);
	return 0;
}

int mutate_all(char **paths, uint64_t seed)
{
	struct mutation *m = calloc(1, sizeof *m);
	if (!m)
		return EXIT_FAILURE;
	m->random = seed;
	for (; *paths; paths++)
		if (for_each_case(*paths, mutate_case, m))
			printf("FAIL %s cannot be read, or holds no case\n", *paths);
	printf("%zu cases pass, %zu of them fail with one number moved\n", m->n_passed, m->n_noticed);
	int bad = m->n_passed == 0 || m->n_noticed < m->n_passed;
	free(m);
	return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}
