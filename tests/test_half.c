/* The 16-bit number types. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "demist.h"
#include "array/half.h"
#include <math.h>

struct format {
	int mantissa;
	void (*widen)(const uint16_t *, float *, size_t);
	void (*narrow_f32)(const float *, uint16_t *, size_t);
	void (*narrow_f64)(const double *, uint16_t *, size_t);
};

static const struct format formats[] = {
    {10, dmi_widen_f16, dmi_narrow_f16_f32, dmi_narrow_f16_f64},
    {7, dmi_widen_bf16, dmi_narrow_bf16_f32, dmi_narrow_bf16_f64},
};

/* The value by definition; infinity continues the finite numbers at twice the largest power of two. */
static double decode(uint16_t h, int mantissa)
{
	int exponent = (h & 0x7fff) >> mantissa, bias = (1 << (14 - mantissa)) - 1;
	double part = h & ((1 << mantissa) - 1), sign = h >> 15 ? -1 : 1;
	return sign * ldexp(exponent ? part + (1 << mantissa) : part, (exponent ? exponent : 1) - bias - mantissa);
}

static uint16_t infinity_of(const struct format *f)
{
	return (uint16_t)(((1 << (15 - f->mantissa)) - 1) << f->mantissa);
}

static uint16_t from_f32(const struct format *f, double x)
{
	float in = (float)x;
	uint16_t out;
	f->narrow_f32(&in, &out, 1);
	return out;
}

static uint16_t from_f64(const struct format *f, double x)
{
	uint16_t out;
	f->narrow_f64(&x, &out, 1);
	return out;
}

static void every_number_round_trips(void **unused)
{
	(void)unused;
	for (size_t k = 0; k < 2; k++)
		for (uint32_t h = 0; h < 65536; h++) {
			const struct format *f = &formats[k];
			uint16_t in = (uint16_t)h;
			float wide;
			f->widen(&in, &wide, 1);
			if ((h & 0x7fff) > infinity_of(f)) {
				assert_true(isnan(wide));
				assert_true((from_f32(f, (double)wide) & 0x7fff) > infinity_of(f));
				assert_true((from_f64(f, (double)wide) & 0x7fff) > infinity_of(f));
				continue;
			}
			if ((h & 0x7fff) == infinity_of(f))
				assert_true(isinf(wide) && !signbit(wide) == !(h >> 15));
			else
				assert_true((double)wide == decode(in, f->mantissa) && !signbit(wide) == !(h >> 15));
			assert_int_equal(from_f32(f, (double)wide), h);
			assert_int_equal(from_f64(f, (double)wide), h);
		}
}

/* Halfway to the next number the even one wins; one step of the wide type off, the nearer one. From f64 that step is
 * far below an f32's: rounding to f32 first would lose it. */
static void halfway_goes_to_even(void **unused)
{
	(void)unused;
	for (size_t k = 0; k < 2; k++)
		for (uint32_t h = 0; h < infinity_of(&formats[k]); h++) {
			const struct format *f = &formats[k];
			double low = decode((uint16_t)h, f->mantissa), high = decode((uint16_t)(h + 1), f->mantissa);
			double middle = low + (high - low) / 2;
			uint16_t even = (uint16_t)(h + (h & 1));
			float narrow = (float)middle;
			assert_int_equal(from_f64(f, middle), even);
			assert_int_equal(from_f64(f, nextafter(middle, 0)), h);
			assert_int_equal(from_f64(f, nextafter(middle, (double)INFINITY)), h + 1);
			assert_int_equal(from_f64(f, -nextafter(middle, (double)INFINITY)), (h + 1) | 0x8000);
			if ((double)narrow != middle)
				continue;
			assert_int_equal(from_f32(f, middle), even);
			assert_int_equal(from_f32(f, (double)nextafterf(narrow, 0)), h);
			assert_int_equal(from_f32(f, (double)nextafterf(narrow, INFINITY)), h + 1);
			assert_int_equal(from_f32(f, -(double)nextafterf(narrow, INFINITY)), (h + 1) | 0x8000);
		}
}

static void ends_of_the_range(void **unused)
{
	(void)unused;
	for (size_t k = 0; k < 2; k++) {
		const struct format *f = &formats[k];
		assert_int_equal(from_f64(f, 1e300), infinity_of(f));
		assert_int_equal(from_f64(f, -1e300), infinity_of(f) | 0x8000);
		assert_int_equal(from_f64(f, 1e-300), 0);
		assert_int_equal(from_f64(f, -5e-324), 0x8000);
		assert_int_equal(from_f32(f, (double)-0x1p-149f), 0x8000);
		assert_int_equal(from_f32(f, (double)INFINITY), infinity_of(f));
		assert_int_equal(from_f32(f, 0x1.fffffep127), infinity_of(f));
		assert_true((from_f32(f, (double)NAN) & 0x7fff) > infinity_of(f));
		assert_true((from_f64(f, (double)NAN) & 0x7fff) > infinity_of(f));
	}
	assert_int_equal(from_f32(&formats[0], 65519.0), 0x7bff);
	assert_int_equal(from_f32(&formats[0], 65520.0), 0x7c00);
	assert_int_equal(from_f64(&formats[0], 65519.9999999999), 0x7bff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_number_round_trips),
	    cmocka_unit_test(halfway_goes_to_even),
	    cmocka_unit_test(ends_of_the_range),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
