/* Host arrays apart from arithmetic: finite check, poison, memory; and custom backends. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "demist.h"
#include "array/array.h"
#include <stdlib.h>
#include <string.h>

static uint64_t state = 88172645463325252u;

static size_t below(size_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (size_t)(state >> 20) % n;
}

/* Runs the units backwards: results must not depend on it. */
static void backwards(void *user, size_t n, void (*body)(void *, size_t), void *arg)
{
	(void)user;
	while (n--)
		body(arg, n);
}

static dm_array *new_host(int32_t type)
{
	dm_array *array;
	assert_int_equal(dm_array_create_host(&array, type, backwards, NULL, NULL, NULL), DM_OK);
	return array;
}

/* ------------------------------------------------------------------------------------------------- check, poison */

/* Bits of plus and minus infinity, a NaN, and the largest finite number, per type. */
static const uint64_t special[5][4] = {
    [DM_F32] = {0x7f800000, 0xff800000, 0x7f800001, 0x7f7fffff},
    [DM_F64] = {0x7ff0000000000000, 0xfff0000000000000, 0x7ff0000000000001, 0x7fefffffffffffff},
    [DM_F16] = {0x7c00, 0xfc00, 0x7c01, 0x7bff},
    [DM_BF16] = {0x7f80, 0xff80, 0x7f81, 0x7f7f},
};

static void put_bits(void *data, int32_t type, size_t i, uint64_t bits)
{
	if (type == DM_F64)
		((uint64_t *)data)[i] = bits;
	else if (type == DM_F32)
		((uint32_t *)data)[i] = (uint32_t)bits;
	else
		((uint16_t *)data)[i] = (uint16_t)bits;
}

static int32_t is_nan(const void *data, int32_t type, size_t i)
{
	if (type == DM_F64)
		return (((const uint64_t *)data)[i] & INT64_MAX) > special[type][0];
	if (type == DM_F32)
		return (((const uint32_t *)data)[i] & INT32_MAX) > special[type][0];
	return (((const uint16_t *)data)[i] & 0x7fffu) > special[type][0];
}

static void check_finds_the_first(void **unused)
{
	static uint64_t data[2][18016];
	dm_array *array = new_host(DM_F32);
	(void)unused;
	for (int it = 0; it < 2000; it++) {
		int32_t type = it % 4 + 1;
		size_t n = 1 + below(it % 8 < 4 ? 40 : 9000), a = below(n), b = below(n);
		dm_input in[2] = {{.data = data[0], .stride = n + 3, .type = type}, {.source = DM_SOURCE_NORMALS}};
		dm_job job = {.struct_size = sizeof job, .n_sample = 2, .n_element = n, .n_in = 2, .in = in};
		int64_t first[4] = {7, 7, 7, 7};
		memset(data, 0, sizeof data);
		job.seed = data[1];
		job.sample = (const int64_t *)data[1];
		put_bits(data[0], type, n, special[type][0]); /* between the rows: not looked at */
		for (size_t i = 0; i < n; i++)
			put_bits(data[0], type, i, special[type][3]);
		if (it % 3) {
			put_bits(data[0], type, n + 3 + a, special[type][below(3)]);
			put_bits(data[0], type, n + 3 + b, special[type][below(3)]);
		}
		assert_int_equal(array->ops.check(array->user, &job, first), 0);
		assert_true(first[0] == -1 && first[1] == -1 && first[3] == -1);
		assert_int_equal(first[2], it % 3 ? (int64_t)(a < b ? a : b) : -1);
	}
	dm_array_free(array);
}

static void poison_is_seen_and_not_confused(void **unused)
{
	static uint64_t data[2 * 3004];
	dm_array *array = new_host(DM_F64);
	(void)unused;
	for (int32_t type = DM_F32; type <= DM_BF16; type++)
		for (size_t n = 1; n <= 3000; n = n * 3 - 1 + n / 2) {
			const dm_output out = {data, n + 2, type, 0};
			const dm_input in = {.data = data, .stride = n + 2, .type = type};
			int32_t yes;
			memset(data, 0, sizeof data);
			assert_int_equal(array->ops.poison(array->user, &out, 2, n), 0);
			for (size_t i = 0; i < 2 * (n + 2); i++) {
				size_t e = i % (n + 2);
				assert_int_equal(array->ops.poisoned(array->user, &in, i / (n + 2), e, &yes), 0);
				assert_int_equal(yes, e < n && (e % 1024 == 0 || e == n - 1));
				assert_true(yes == is_nan(data, type, i));
			}
			put_bits(data, type, 0, special[type][2]);
			assert_int_equal(array->ops.poisoned(array->user, &in, 0, 0, &yes), 0);
			assert_false(yes);
		}
	dm_array_free(array);
}

/* --------------------------------------------------------------------------------------------------------- arrays */

struct meter {
	size_t held;
	int left; /* allocations before it refuses */
};

static void *metered_allocate(void *user, size_t bytes)
{
	struct meter *meter = user;
	unsigned char *memory = meter->left-- > 0 ? malloc(bytes + 16) : NULL;
	meter->held += memory ? bytes : 0;
	return memory ? memory + 16 : NULL;
}

static void metered_release(void *user, void *memory, size_t bytes)
{
	((struct meter *)user)->held -= bytes;
	free((unsigned char *)memory - 16);
}

static void host_memory_is_aligned_and_returned(void **unused)
{
	struct meter meter = {0, 20};
	const dm_allocator allocator = {sizeof allocator, &meter, metered_allocate, metered_release};
	dm_array *array;
	void *memory[8];
	(void)unused;
	assert_int_equal(dm_array_create_host(&array, DM_F32, NULL, NULL, &allocator, NULL), DM_OK);
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(array->ops.allocate(array->user, i * 7, &memory[i]), DM_OK);
		assert_true((uintptr_t)memory[i] % 64 == 0);
		memset(memory[i], 1, i * 7);
	}
	for (size_t i = 0; i < 8; i++)
		array->ops.release(array->user, memory[i], i * 7);
	array->ops.release(array->user, NULL, 0);
	assert_int_equal(array->ops.allocate(array->user, SIZE_MAX, &memory[0]), DM_ERR_OVERFLOW);
	meter.left = 0;
	assert_int_equal(array->ops.allocate(array->user, 1, &memory[0]), DM_ERR_MEMORY);
	assert_int_equal(array->ops.copy(array->user, memory, "copied", 7, DM_COPY_TO_BACKEND), 0);
	assert_string_equal((const char *)memory, "copied");
	dm_array_free(array);
	assert_int_equal(meter.held, 0);
	assert_int_equal(dm_array_create_host(&array, DM_F32, NULL, NULL, &allocator, NULL), DM_ERR_MEMORY);
	assert_null(array);
	dm_array_free(NULL);
}

static void count_destroy(void *user)
{
	++*(int *)user;
}

static void custom_needs_every_slot(void **unused)
{
	struct meter meter = {0, 0};
	const dm_allocator empty = {sizeof empty, &meter, metered_allocate, metered_release};
	int count = 0, expected = 0;
	dm_error err;
	dm_array *host, *array;
	(void)unused;
	assert_int_equal(dm_array_create_host(&host, DM_BF16, NULL, NULL, NULL, &err), DM_ERR_ARGUMENT);
	assert_string_equal(err.message, "array: type is 4, it must be DM_F32 (1) or DM_F64 (2)");
	assert_int_equal(dm_array_create_host(NULL, DM_F32, NULL, NULL, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_array_create_host(&host, DM_F64, NULL, NULL, NULL, &err), DM_OK);
	dm_array_ops ops = host->ops, bad;
	ops.destroy = count_destroy;
	assert_int_equal(dm_array_create_custom(&array, &ops, &count, NULL, &err), DM_OK);
	assert_false(array->host);
	dm_array_free(array);
	assert_int_equal(count, ++expected);
#define WITHOUT(slot)                                                                                                  \
	bad = ops;                                                                                                         \
	bad.slot = NULL;                                                                                                   \
	assert_int_equal(dm_array_create_custom(&array, &bad, &count, NULL, &err), DM_ERR_ARGUMENT);                       \
	assert_string_equal(err.message, "array ops: " #slot " is NULL, every function is required");                      \
	assert_null(array);                                                                                                \
	assert_int_equal(count, ++expected)
	WITHOUT(combine);
	WITHOUT(stats);
	WITHOUT(check);
	WITHOUT(map);
	WITHOUT(error);
	WITHOUT(poison);
	WITHOUT(poisoned);
	WITHOUT(copy);
	WITHOUT(allocate);
	WITHOUT(release);
	bad = ops;
	bad.type = DM_F16;
	assert_int_equal(dm_array_create_custom(&array, &bad, &count, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(count, ++expected);
	assert_int_equal(dm_array_create_custom(&array, &ops, &count, &empty, NULL), DM_ERR_MEMORY);
	assert_int_equal(count, ++expected);
	assert_int_equal(dm_array_create_custom(NULL, &ops, &count, NULL, NULL), DM_ERR_ARGUMENT);
	assert_int_equal(count, ++expected);
	bad.struct_size = 12;
	assert_int_equal(dm_array_create_custom(&array, &bad, &count, NULL, &err), DM_ERR_ARGUMENT);
	assert_non_null(strstr(err.message, "struct_size is 12"));
	assert_int_equal(dm_array_create_custom(&array, NULL, &count, NULL, &err), DM_ERR_ARGUMENT);
	dm_array_free(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(check_finds_the_first),
	    cmocka_unit_test(poison_is_seen_and_not_confused),
	    cmocka_unit_test(host_memory_is_aligned_and_returned),
	    cmocka_unit_test(custom_needs_every_slot),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
