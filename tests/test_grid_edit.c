/* Grids made from grids, and the list of times of RePaint. */
#include "schedule_testing.h"

static dm_grid *create_grid(const dm_schedule *s, const char *spec)
{
	dm_grid *g;
	dm_error err = {0};
	if (dm_grid_create(&g, s, spec, NULL, &err) != DM_OK)
		fail_msg("%s: %s", spec, err.message);
	return g;
}

static double level(const dm_grid *g, size_t i)
{
	const dm_node *node = dm_grid_node(g, i);
	return node->sigma / node->alpha;
}

/* The levels of a grid, NAN at the end; the grid is freed. */
static void check_levels(dm_grid *g, const double *want)
{
	size_t n = 0;
	for (; !isnan(want[n]); n++) {
		assert_non_null(dm_grid_node(g, n));
		check_close("level", level(g, n), want[n], 1e-14);
		assert_int_equal(dm_grid_node(g, n)->visit, (int64_t)n);
	}
	assert_int_equal(dm_grid_count(g), n);
	dm_grid_free(g);
}

static void test_split(void **state)
{
	(void)state;
	dm_schedule *s = create("ve");
	dm_grid *g = create_grid(s, "levels:at=8/4/2/1"), *high, *low;
	dm_error err = {0};
	assert_int_equal(dm_grid_split(&high, &low, g, 1, NULL, &err), DM_OK);
	check_levels(high, (double[]){8, 4, NAN});
	check_levels(low, (double[]){4, 2, 1, 0, NAN});
	assert_int_equal(dm_grid_split(&high, NULL, g, 4, NULL, &err), DM_OK);
	check_levels(high, (double[]){8, 4, 2, 1, 0, NAN});
	assert_int_equal(dm_grid_split(NULL, &low, g, 0, NULL, &err), DM_OK);
	check_levels(low, (double[]){8, 4, 2, 1, 0, NAN});
	assert_int_equal(dm_grid_split(&high, &low, g, 4, NULL, &err), DM_ERR_ARGUMENT);
	assert_non_null(strstr(err.message, "node = 4 is outside [1, 3]"));
	assert_true(high == NULL && low == NULL);
	assert_int_equal(dm_grid_split(&high, NULL, g, 0, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_grid_split(NULL, &low, g, 5, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_grid_split(&high, &low, NULL, 1, NULL, &err), DM_ERR_ARGUMENT);
	dm_grid_free(g);
	/* a grid that climbs has parts that climb */
	g = create_grid(s, "levels:at=8/4/2|restart:low=4,high=6,times=1,steps=1");
	assert_int_equal(dm_grid_split(&high, &low, g, 2, NULL, &err), DM_OK);
	check_levels(high, (double[]){8, 4, 6, NAN});
	check_levels(low, (double[]){6, 4, 2, 0, NAN});
	dm_grid_free(g);
	dm_schedule_free(s);
}

/* round(strength * steps) steps are left in the low part; halves go to even. */
static void test_strength(void **state)
{
	(void)state;
	static const struct {
		double strength;
		size_t low;
	} known[] = {{0.25, 2}, {0.3, 3}, {0.45, 4}, {0.75, 8}, {0.9, 9}};
	dm_schedule *s = create("linear");
	dm_grid *g = create_grid(s, "trailing:steps=10"), *high, *low;
	dm_error err = {0};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		assert_int_equal(dm_grid_split_strength(&high, &low, g, known[i].strength, NULL, &err), DM_OK);
		assert_int_equal(dm_grid_count(low) - 1, known[i].low);
		assert_int_equal(dm_grid_count(high) - 1, 10 - known[i].low);
		assert_true(dm_grid_node(low, 0)->t == dm_grid_node(high, 10 - known[i].low)->t);
		dm_grid_free(high);
		dm_grid_free(low);
	}
	assert_int_equal(dm_grid_split_strength(NULL, &low, g, 1, NULL, &err), DM_OK);
	assert_int_equal(dm_grid_count(low), 11);
	dm_grid_free(low);
	assert_int_equal(dm_grid_split_strength(&high, &low, g, 1, NULL, &err), DM_ERR_ARGUMENT);
	assert_non_null(strstr(err.message, "strength = 1 leaves 10 of 10 steps to the low part, which must be 1 to 9"));
	assert_int_equal(dm_grid_split_strength(NULL, &low, g, 0.01, NULL, &err), DM_ERR_ARGUMENT);
	assert_non_null(strstr(err.message, "strength = 0.01 leaves 0 of 10 steps to the low part, which must be 1 to 10"));
	assert_int_equal(dm_grid_split_strength(&high, NULL, g, 0, NULL, &err), DM_OK);
	assert_int_equal(dm_grid_count(high), 11);
	dm_grid_free(high);
	static const double outside[] = {-0.1, 1.1, NAN, INFINITY};
	for (int i = 0; i < 4; i++) {
		assert_int_equal(dm_grid_split_strength(&high, &low, g, outside[i], NULL, &err), DM_ERR_ARGUMENT);
		assert_non_null(strstr(err.message, "is outside [0, 1]"));
		assert_true(high == NULL && low == NULL);
	}
	dm_grid_free(g);
	dm_schedule_free(s);
}

static void test_flip_and_set_first(void **state)
{
	(void)state;
	dm_schedule *s = create("ve"), *table = create("linear");
	dm_grid *g = create_grid(s, "levels:at=8/4/2"), *out;
	dm_error err = {0};
	assert_int_equal(dm_grid_flip(&out, g, NULL, &err), DM_OK);
	check_levels(out, (double[]){0, 2, 4, 8, NAN});
	assert_int_equal(dm_grid_set_first(&out, g, 5, NULL, &err), DM_OK);
	check_levels(out, (double[]){5, 4, 2, 0, NAN});
	static const double outside[] = {3, NAN, -1}; /* with 3 it would rise */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(dm_grid_set_first(&out, g, outside[i], NULL, &err), DM_ERR_ARGUMENT);
		assert_non_null(strstr(err.message, "grid set_first: level = "));
		assert_non_null(strstr(err.message, "is outside [4, "));
		assert_null(out);
	}
	assert_int_equal(dm_grid_flip(NULL, g, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_grid_flip(&out, NULL, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_grid_set_first(&out, NULL, 1, NULL, &err), DM_ERR_ARGUMENT);
	dm_grid_free(g);
	/* the times that the model receives go along */
	g = create_grid(table, "linspace:steps=3,round=0,level=table");
	assert_int_equal(dm_grid_flip(&out, g, NULL, &err), DM_OK);
	assert_true(dm_grid_node(out, 2)->time == 499.5 && dm_grid_node(out, 2)->t == dm_grid_node(g, 1)->t);
	dm_grid_free(out);
	dm_grid_free(g);
	dm_schedule_free(s);
	dm_schedule_free(table);
}

static void test_extend(void **state)
{
	(void)state;
	dm_schedule *s = create("ve"), *flow = create("flow"), *noisy = create("linear:zero_snr=exact");
	dm_grid *g = create_grid(s, "levels:at=8/4/2"), *out;
	dm_error err = {0};
	assert_int_equal(dm_grid_extend(&out, g, 2, INFINITY, 0, 0, NULL, &err), DM_OK);
	check_levels(out, (double[]){8, 6, 4, 3, 2, 1, 0, NAN});
	assert_int_equal(dm_grid_extend(&out, g, 4, 5, 1, 0, NULL, &err), DM_OK);
	check_levels(out, (double[]){8, 4, 3.5, 3, 2.5, 2, 0, NAN});
	assert_int_equal(dm_grid_extend(&out, g, 2, 8, 4, 1, NULL, &err), DM_OK); /* close to the beginning */
	check_levels(out, (double[]){8, 8 - 4 * (1 - sqrt(0.5)), 4, 2, 0, NAN});
	assert_int_equal(dm_grid_extend(&out, g, 2, 8, 4, 2, NULL, &err), DM_OK);
	check_levels(out, (double[]){8, 8 - 4 * sqrt(0.5), 4, 2, 0, NAN});
	assert_int_equal(dm_grid_extend(&out, g, 1, 8, 0, 0, NULL, &err), DM_OK);
	check_levels(out, (double[]){8, 4, 2, 0, NAN});
	assert_int_equal(dm_grid_extend(&out, g, 0, 8, 0, 0, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_grid_extend(&out, g, 2, 8, 8, 0, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_grid_extend(&out, g, 2, NAN, 0, 0, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_grid_extend(&out, g, 2, 8, 0, 3, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_grid_extend(&out, NULL, 2, 8, 0, 0, NULL, &err), DM_ERR_ARGUMENT);
	assert_null(out);
	dm_grid_free(g);
	/* flow is cut in s, also from s = 1 on, where sigma/alpha is infinite */
	g = create_grid(flow, "flow:steps=2");
	assert_int_equal(dm_grid_extend(&out, g, 2, 1, 0, 0, NULL, &err), DM_OK);
	check_levels(out, (double[]){INFINITY, 3, 1, 1.0 / 3, 0, NAN});
	dm_grid_free(g);
	g = create_grid(noisy, "trailing:steps=3");
	assert_int_equal(dm_grid_extend(&out, g, 2, INFINITY, 0, 0, NULL, &err), DM_ERR_UNSUPPORTED);
	assert_int_equal(dm_grid_extend(&out, g, 2, 1e6, 0, 0, NULL, &err), DM_OK);
	assert_int_equal(dm_grid_count(out), 6);
	dm_grid_free(out);
	dm_grid_free(g);
	dm_schedule_free(s);
	dm_schedule_free(flow);
	dm_schedule_free(noisy);
}

static void test_memory(void **state)
{
	(void)state;
	struct memory memory;
	dm_allocator allocator = counting_allocator(&memory);
	dm_schedule *s = create("ve");
	dm_grid *g = create_grid(s, "karras:steps=5");
	for (int k = 0; k < 4; k++)
		for (int n = 0;; n++) {
			dm_grid *a = NULL, *b = NULL;
			dm_error err;
			memory = (struct memory){.left = n};
			dm_status st = k == 0   ? dm_grid_split(&a, &b, g, 2, &allocator, &err)
			               : k == 1 ? dm_grid_flip(&a, g, &allocator, &err)
			               : k == 2 ? dm_grid_set_first(&a, g, 99, &allocator, &err)
			                        : dm_grid_extend(&a, g, 3, 1e9, 0, 0, &allocator, &err);
			assert_true(st == DM_OK ? a != NULL : st == DM_ERR_MEMORY && !a && !b);
			dm_grid_free(a);
			dm_grid_free(b);
			assert_true(memory.bytes == 0);
			if (st == DM_OK) {
				assert_true(n >= 3);
				break;
			}
		}
	dm_grid_free(g);
	dm_schedule_free(s);
}

/* The rule as published: go down; where climbs are left, climb. */
static size_t repaint(int64_t steps, int64_t length, int64_t samples, int64_t *time)
{
	int64_t left[64] = {0}, t = steps;
	size_t n = 0;
	for (int64_t at = 0; at < steps - length; at += length)
		left[at] = samples - 1;
	while (t >= 1) {
		time[n++] = --t;
		if (left[t]-- > 0)
			for (int64_t k = 0; k < length; k++)
				time[n++] = ++t;
	}
	return n;
}

static void test_repaint(void **state)
{
	(void)state;
	int64_t want[4096], got[4096];
	size_t n;
	dm_error err = {0};
	for (size_t steps = 1; steps <= 20; steps++)
		for (size_t length = 1; length <= 21; length++)
			for (size_t samples = 1; samples <= 4; samples++) {
				size_t count = repaint((int64_t)steps, (int64_t)length, (int64_t)samples, want);
				assert_int_equal(dm_grid_repaint_times(steps, length, samples, got, 4096, &n, &err), DM_OK);
				assert_int_equal(n, count);
				assert_memory_equal(got, want, n * sizeof *got);
				n = 0;
				assert_int_equal(dm_grid_repaint_times(steps, length, samples, NULL, 0, &n, &err), DM_OK);
				assert_int_equal(n, count);
			}
	got[2] = -7; /* no more than fit are written */
	assert_int_equal(dm_grid_repaint_times(10, 3, 2, got, 2, &n, &err), DM_OK);
	assert_true(n == 28 && got[0] == 9 && got[2] == -7);
	assert_int_equal(dm_grid_repaint_times(0, 3, 2, got, 2, &n, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_grid_repaint_times(10, 0, 2, got, 2, &n, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_grid_repaint_times(10, 3, 0, got, 2, &n, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_grid_repaint_times(10, 3, 2, got, 2, NULL, &err), DM_ERR_ARGUMENT);
}

#define TEST(name) cmocka_unit_test(test_##name)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(split),  TEST(strength), TEST(flip_and_set_first),
	                                   TEST(extend), TEST(memory),   TEST(repaint)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
