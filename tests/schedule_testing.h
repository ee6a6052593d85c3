/* What the tests of schedules and grids share. */
#ifndef SCHEDULE_TESTING_H
#define SCHEDULE_TESTING_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "demist.h"

static inline dm_schedule *create(const char *spec)
{
	dm_schedule *s;
	dm_error err = {0};
	if (dm_schedule_create(&s, spec, NULL, &err) != DM_OK)
		fail_msg("%s: %s", spec, err.message);
	return s;
}

static inline dm_node at_time(const dm_schedule *s, double t)
{
	dm_node node;
	dm_error err = {0};
	if (dm_schedule_at_time(s, t, &node, &err) != DM_OK)
		fail_msg("%s", err.message);
	return node;
}

static inline dm_node at_lambda(const dm_schedule *s, double lambda)
{
	dm_node node;
	dm_error err = {0};
	if (dm_schedule_at_lambda(s, lambda, &node, &err) != DM_OK)
		fail_msg("%s", err.message);
	return node;
}

static inline void check_close(const char *what, double got, double want, double tolerance)
{
	if (!(fabs(got - want) <= tolerance * fmax(fabs(want), 1e-300)) && got != want)
		fail_msg("%s: %.17g instead of %.17g", what, got, want);
}

/* A repeatable number in [0, 1). */
static inline double uniform(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (double)(*state >> 11) / 9007199254740992.0;
}

struct memory {
	int left, allocations; /* allocations until the first failure */
	size_t bytes;
};

static inline void *counting_allocate(void *user, size_t bytes)
{
	struct memory *m = user;
	if (m->left-- <= 0)
		return NULL;
	m->allocations++;
	m->bytes += bytes;
	return malloc(bytes);
}

static inline void counting_release(void *user, void *memory, size_t bytes)
{
	((struct memory *)user)->bytes -= bytes;
	free(memory);
}

static inline dm_allocator counting_allocator(struct memory *memory)
{
	return (dm_allocator){sizeof(dm_allocator), memory, counting_allocate, counting_release};
}

#endif
