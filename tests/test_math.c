/* The elementary functions against the C library's long double ones, and the text of doubles against strtod and
 * snprintf in the C locale. */
#include "base/compiler.h"
#include "base/math.h"
#include "base/number.h"

#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define POINTS 4000 /* per function and range */

/* What the reference itself may be wrong by, in ulp of double: next to nothing where long double is wider. */
#if LDBL_MANT_DIG >= 64
#define REFERENCE_ERROR 0.01
#else
#define REFERENCE_ERROR 1.0
#endif

typedef double (*function)(double);
typedef long double (*reference)(long double);

/* xorshift64* of a fixed seed, so that every run sees the same points. */
static uint64_t random_state;

static uint64_t random_bits(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * UINT64_C(2685821657736338717);
}

static double random_between(double low, double high)
{
	return low + (high - low) * ((double)(random_bits() >> 11) * 0x1p-53);
}

static int restart(void **state)
{
	(void)state;
	random_state = UINT64_C(88172645463325252);
	return 0;
}

static uint64_t bits_of(double x)
{
	uint64_t bits;
	memcpy(&bits, &x, sizeof bits);
	return bits;
}

static double from_bits(uint64_t bits)
{
	double x;
	memcpy(&x, &bits, sizeof x);
	return x;
}

static double random_finite(void)
{
	for (;;) {
		double x = from_bits(random_bits());
		if (isfinite(x))
			return x;
	}
}

/* Bitwise equal: tells -0 from 0, and takes NaN for equal only to the one NaN the library makes. */
#define assert_same(got, want)                                                                                         \
	do {                                                                                                               \
		double got_ = (got), want_ = (want);                                                                           \
		if (bits_of(got_) != bits_of(want_))                                                                           \
			fail_msg("%s is %a, not %a", #got, got_, want_);                                                           \
	} while (0)

/* ---- accuracy ---- */

/* |got - exact| in units of the last place of exact, subnormals included. */
static double ulp_error(double got, long double exact)
{
	double rounded = (double)exact;
	if (!isfinite(rounded) || !isfinite(got) || exact == 0)
		return rounded == got ? 0 : INFINITY;
	int exponent;
	frexpl(exact, &exponent);
	long double place = ldexpl(1, exponent - 53 < -1074 ? -1074 : exponent - 53);
	return (double)(fabsl((long double)got - exact) / place);
}

static void check_point(const char *name, double x, double got, long double exact, double bound)
{
	double error = ulp_error(got, exact);
	if (!(error <= bound + REFERENCE_ERROR))
		fail_msg("%s(%.17g) = %.17g is wrong by %.3f ulp", name, x, got, error);
}

typedef struct {
	const char *name;
	function f;
	reference exact;
	double bound; /* in ulp: a little above what math.h states */
	double low, high;
} accuracy;

static const accuracy ranges[] = {
    {"exp", dmi_exp, expl, 0.54, -1, 1},
    {"exp", dmi_exp, expl, 0.54, -745, 709.7},
    {"exp", dmi_exp, expl, 0.54, -745.1, -708.3}, /* subnormal */
    {"expm1", dmi_expm1, expm1l, 0.63, -1, 1},
    {"expm1", dmi_expm1, expm1l, 0.63, -45, 709.7},
    {"expm1", dmi_expm1, expm1l, 0.63, -1e-6, 1e-6},
    {"log", dmi_log, logl, 0.54, 0.5, 2},
    {"log", dmi_log, logl, 0.54, 0, 1e300},
    {"log", dmi_log, logl, 0.54, 0, 1e-308},
    {"log1p", dmi_log1p, log1pl, 0.54, -1, 1},
    {"log1p", dmi_log1p, log1pl, 0.54, -1e-6, 1e-6},
    {"log1p", dmi_log1p, log1pl, 0.54, 1, 1e17},
    {"sin", dmi_sin, sinl, 0.82, -3.2, 3.2},
    {"sin", dmi_sin, sinl, 0.82, -1e6, 1e6},
    {"sin", dmi_sin, sinl, 0.82, 1e6, 1e15},
    {"cos", dmi_cos, cosl, 0.82, -3.2, 3.2},
    {"cos", dmi_cos, cosl, 0.82, -1e6, 1e6},
    {"cos", dmi_cos, cosl, 0.82, 1e6, 1e15},
    {"tan", dmi_tan, tanl, 0.9, -3.2, 3.2},
    {"tan", dmi_tan, tanl, 0.9, -1e6, 1e6},
    {"tan", dmi_tan, tanl, 0.9, 1e6, 1e15},
    {"atan", dmi_atan, atanl, 0.56, -1, 1},
    {"atan", dmi_atan, atanl, 0.56, -20, 20},
    {"atan", dmi_atan, atanl, 0.56, -1e20, 1e20},
    {"tanh", dmi_tanh, tanhl, 0.6, -1, 1},
    {"tanh", dmi_tanh, tanhl, 0.6, -23, 23},
    {"tanh", dmi_tanh, tanhl, 0.6, -1e-6, 1e-6},
};

static void test_accuracy(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
		const accuracy *a = &ranges[i];
		for (int n = 0; n < POINTS; n++) {
			double x = random_between(a->low, a->high);
			check_point(a->name, x, a->f(x), a->exact(x), a->bound);
		}
	}
}

static void test_pow_accuracy(void **state)
{
	(void)state;
	for (int n = 0; n < POINTS; n++) {
		double x = random_between(0, 3), y = random_between(-30, 30);
		check_point("pow", x, dmi_pow(x, y), powl(x, y), 0.54);
		x = fabs(random_finite());
		y = random_between(-1074, 1023.9) / log2(x); /* results of every magnitude */
		check_point("pow", x, dmi_pow(x, y), powl(x, y), 0.54);
		x = 1 + random_between(-1e-6, 1e-6);
		y = random_between(-1e8, 1e8);
		check_point("pow", x, dmi_pow(x, y), powl(x, y), 0.54);
	}
}

static void test_atan2_accuracy(void **state)
{
	(void)state;
	for (int n = 0; n < POINTS; n++) {
		double x = random_between(-1, 1), y = random_between(-1, 1);
		check_point("atan2", y, dmi_atan2(y, x), atan2l(y, x), 0.56);
		check_point("atan2", y, dmi_atan2(y * 0x1p-1050, x * 0x1p-1050), atan2l(y * 0x1p-1050, x * 0x1p-1050), 0.56);
		check_point("atan2", y, dmi_atan2(y * 0x1p1020, x * 0x1p-10), atan2l(y * 0x1p1020, x * 0x1p-10), 0.56);
		check_point("atan2", y, dmi_atan2(y * 0x1p-70, x), atan2l(y * 0x1p-70, x), 0.56);
	}
}

/* The doubles next to multiples of pi/2, where the result shows every missing digit of pi. The last two are among the
 * worst there are. */
static void test_near_multiples(void **state)
{
	(void)state;
	for (int k = 1; k < 600000; k += 97) {
		double x = (double)(k * 1.57079632679489661923132169163975144L);
		check_point("sin", x, dmi_sin(x), sinl(x), 0.82);
		check_point("cos", x, dmi_cos(x), cosl(x), 0.82);
		check_point("tan", x, dmi_tan(x), tanl(x), 0.9);
	}
	assert_same(dmi_cos(6381956970095103.0 * 0x1p797), -4.6871659242546277e-19);
	assert_same(dmi_sin(0x1.6ac5b262ca1ffp+849), 1.0);
}

/* Two neighbouring doubles on either side of a change of method must not come out in the wrong order. */
static void check_rising(const char *name, function f, double join)
{
	double x = join;
	for (int i = 0; i < 500; i++)
		x = nextafter(x, -INFINITY);
	for (int i = 0; i < 1000; i++) {
		double next = nextafter(x, INFINITY);
		if (!(f(x) <= f(next)))
			fail_msg("%s(%.17g) = %.17g is above %s(%.17g) = %.17g", name, x, f(x), name, next, f(next));
		x = next;
	}
}

static void test_joins(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		function f;
		double joins[6];
	} functions[] = {
	    {"exp",
	     dmi_exp,
	     {0.34657359027997264, -0.34657359027997264, 1.0397207708399179, -708.3964185322641, 709.4361393}},
	    {"expm1", dmi_expm1, {0.34657359027997264, -0.34657359027997264, 0x1p-54, -40, 700, 1.0397207708399179}},
	    {"log", dmi_log, {0.70710678118654752, 1.4142135623730951, 1, 2.8284271247461903, DBL_MIN, 0x1p-1060}},
	    {"log1p", dmi_log1p, {-0.29289321881345243, 0.41421356237309503, 0x1p-54, 0x1p54, 0x1p53, 1}},
	    {"sin", dmi_sin, {0x1p-28, -0x1p-28, 0.78539816339744831, -0.78539816339744831}},
	    {"tan", dmi_tan, {0x1p-28, 0.78539816339744831, 2.3561944901923448, 3.9269908169872414}},
	    {"atan", dmi_atan, {0.125, 0.375, 0.625, 0.875, 1, 0x1p60}},
	    {"tanh", dmi_tanh, {0x1p-28, 0.17328679513998632, 0.51986038541995897, 22, 19.0}},
	};
	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
		for (int j = 0; j < 6; j++)
			check_rising(functions[i].name, functions[i].f, functions[i].joins[j]);
}

/* ---- special values ---- */

static void test_special_values(void **state)
{
	(void)state;
	const double inf = INFINITY, nan = from_bits(UINT64_C(0x7ff8000000000000));
	const struct {
		function f;
		double x, want;
	} cases[] = {
	    {dmi_exp, 0, 1},
	    {dmi_exp, -inf, 0},
	    {dmi_exp, inf, inf},
	    {dmi_exp, nan, nan},
	    {dmi_exp, 1e308, inf},
	    {dmi_exp, -1e308, 0},
	    {dmi_exp, 709.782712893384, 1.7976931348622732e308},
	    {dmi_exp, 709.7827128933841, inf},
	    {dmi_exp, -745.1332191019411, 0x1p-1074},
	    {dmi_exp, -745.1332191019412, 0},
	    {dmi_exp, 1e-300, 1},
	    {dmi_expm1, 0.0, 0.0},
	    {dmi_expm1, -0.0, -0.0},
	    {dmi_expm1, -inf, -1},
	    {dmi_expm1, inf, inf},
	    {dmi_expm1, nan, nan},
	    {dmi_expm1, 0x1p-1074, 0x1p-1074},
	    {dmi_expm1, -50, -1},
	    {dmi_expm1, 710, inf},
	    {dmi_log, 0.0, -inf},
	    {dmi_log, -0.0, -inf},
	    {dmi_log, -1, nan},
	    {dmi_log, -inf, nan},
	    {dmi_log, inf, inf},
	    {dmi_log, nan, nan},
	    {dmi_log, 1, 0},
	    {dmi_log, 0x1p-1074, -744.4400719213812},
	    {dmi_log, DBL_MAX, 709.782712893384},
	    {dmi_log1p, 0.0, 0.0},
	    {dmi_log1p, -0.0, -0.0},
	    {dmi_log1p, -1, -inf},
	    {dmi_log1p, -1.5, nan},
	    {dmi_log1p, -inf, nan},
	    {dmi_log1p, inf, inf},
	    {dmi_log1p, nan, nan},
	    {dmi_log1p, -0x1p-1074, -0x1p-1074},
	    {dmi_sin, 0.0, 0.0},
	    {dmi_sin, -0.0, -0.0},
	    {dmi_sin, inf, nan},
	    {dmi_sin, -inf, nan},
	    {dmi_sin, nan, nan},
	    {dmi_sin, 0x1p-1074, 0x1p-1074},
	    {dmi_cos, 0.0, 1},
	    {dmi_cos, -0.0, 1},
	    {dmi_cos, inf, nan},
	    {dmi_cos, nan, nan},
	    {dmi_tan, 0.0, 0.0},
	    {dmi_tan, -0.0, -0.0},
	    {dmi_tan, inf, nan},
	    {dmi_tan, nan, nan},
	    {dmi_tan, -DBL_MIN, -DBL_MIN},
	    {dmi_atan, 0.0, 0.0},
	    {dmi_atan, -0.0, -0.0},
	    {dmi_atan, inf, 1.5707963267948966},
	    {dmi_atan, -inf, -1.5707963267948966},
	    {dmi_atan, nan, nan},
	    {dmi_atan, 1, 0.78539816339744831},
	    {dmi_atan, 0x1p-1074, 0x1p-1074},
	    {dmi_tanh, 0.0, 0.0},
	    {dmi_tanh, -0.0, -0.0},
	    {dmi_tanh, inf, 1},
	    {dmi_tanh, -inf, -1},
	    {dmi_tanh, nan, nan},
	    {dmi_tanh, -1000, -1},
	    {dmi_sqrt, -0.0, -0.0},
	    {dmi_sqrt, -1, nan},
	    {dmi_sqrt, inf, inf},
	    {dmi_sqrt, 2, 1.4142135623730951},
	    {dmi_sqrt, nan, nan},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (bits_of(cases[i].f(cases[i].x)) != bits_of(cases[i].want))
			fail_msg("case %zu: f(%a) is %a, not %a", i, cases[i].x, cases[i].f(cases[i].x), cases[i].want);
}

/* pow and atan2 of every pair of these against the C library, whose special values C99 fixes. */
static void test_special_pairs(void **state)
{
	(void)state;
	const double values[] = {0.0,
	                         -0.0,
	                         1,
	                         -1,
	                         2,
	                         -2,
	                         3,
	                         -3,
	                         0.5,
	                         -0.5,
	                         2.5,
	                         -2.5,
	                         1e300,
	                         -1e300,
	                         1e-300,
	                         INFINITY,
	                         -INFINITY,
	                         9007199254740991.0,
	                         -9007199254740991.0,
	                         9007199254740992.0,
	                         0x1p-1074,
	                         NAN};
	size_t count = sizeof values / sizeof *values;
	for (size_t i = 0; i < count * count; i++) {
		double x = values[i / count], y = values[i % count], want = pow(x, y), got = dmi_pow(x, y);
		if (isnan(want) ? !isnan(got) : signbit(got) != signbit(want))
			fail_msg("pow(%g, %g) is %.17g, not %.17g", x, y, got, want);
		if (!isnan(want))
			check_point("pow", x, got, powl(x, y), 0.54);
		want = atan2(y, x);
		got = dmi_atan2(y, x);
		if (isnan(want) ? !isnan(got) : signbit(got) != signbit(want))
			fail_msg("atan2(%g, %g) is %.17g, not %.17g", y, x, got, want);
		if (!isnan(want))
			check_point("atan2", y, got, atan2l(y, x), 0.56);
	}
}

/* The results on fixed arguments as one number. It must come out the same with every compiler, optimisation and
 * processor; whoever changes a method, and so plans and noise of old, has to change it here. */
static void test_same_bits(void **state)
{
	(void)state;
	static const function functions[] = {dmi_exp, dmi_expm1, dmi_log,  dmi_log1p, dmi_sin,
	                                     dmi_cos, dmi_tan,   dmi_atan, dmi_tanh};
	uint64_t hash = 0;
	for (int n = 0; n < 20000; n++) {
		/* The exponent mostly small, so that few arguments fall in a trivial range. */
		uint64_t bits = random_bits(), exponent = n % 8 == 0 ? random_bits() % 2047 : 1003 + random_bits() % 30;
		double x = from_bits((bits & UINT64_C(0x800fffffffffffff)) | exponent << 52), y = random_between(-20, 20);
		for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
			hash = (hash ^ bits_of(functions[i](x))) * UINT64_C(0x9e3779b97f4a7c15) + 1;
		hash = (hash ^ bits_of(dmi_pow(fabs(x), y))) * UINT64_C(0x9e3779b97f4a7c15) + 1;
		hash = (hash ^ bits_of(dmi_atan2(y, x))) * UINT64_C(0x9e3779b97f4a7c15) + 1;
		hash ^= hash >> 29;
	}
	if (hash != UINT64_C(0x876c3a3e2345c6c1))
		fail_msg("the hash of the results is 0x%016" PRIx64, hash);
}

/* ---- text of numbers ---- */

static void check_parse(const char *text, double want, size_t length)
{
	double got = 0;
	const char *end = dmi_number_parse(text, &got);
	if (end != text + length)
		fail_msg("\"%s\" ends after %td characters, not %zu", text, end == NULL ? (ptrdiff_t)-1 : end - text, length);
	if (bits_of(got) != bits_of(want))
		fail_msg("\"%s\" is %a, not %a", text, got, want);
}

/* Against strtod. */
static void check_same_parse(const char *text)
{
	char *end;
	double want = strtod(text, &end);
	check_parse(text, want, (size_t)(end - text));
}

/* Fewer digits must not do, and those printed must be the correctly rounded ones (a power of two may have nearer
 * neighbours below, where other digits can be the shortest). */
static void check_shortest(double x, const char *text)
{
	size_t digits = 0, zeros = 0;
	for (const char *at = text; *at != 0 && *at != 'e'; at++) {
		if (*at == '-' || *at == '.' || (*at == '0' && digits == 0))
			continue;
		digits++;
		zeros = *at == '0' ? zeros + 1 : 0;
	}
	char fewer[64];
	int least = (int)(digits - zeros);
	if (least > 1) {
		snprintf(fewer, sizeof fewer, "%.*e", least - 2, x);
		if (strtod(fewer, NULL) == x)
			fail_msg("%s is not the shortest text of %a: %s", text, x, fewer);
	}
	snprintf(fewer, sizeof fewer, "%.*e", least - 1, x);
	int power_of_two = (bits_of(x) & UINT64_C(0xfffffffffffff)) == 0;
	if (!power_of_two && strtod(fewer, NULL) != strtod(text, NULL))
		fail_msg("%s is not the nearest text of %a: %s", text, x, fewer);
}

static void check_round_trip(double x)
{
	char text[DMI_NUMBER_SIZE], libc_text[64];
	size_t length = dmi_number_print(x, text);
	assert_true(length < sizeof text && text[length] == 0 && strlen(text) == length);
	check_parse(text, x, length);
	assert_same(strtod(text, NULL), x);
	check_shortest(x, text);
	length = dmi_number_print_hex(x, text);
	assert_true(length < sizeof text && strlen(text) == length);
	check_parse(text, x, length);
	assert_same(strtod(text, NULL), x);
	snprintf(libc_text, sizeof libc_text, "%.17g", x);
	check_parse(libc_text, x, strlen(libc_text));
	snprintf(libc_text, sizeof libc_text, "%.11e", x); /* another number, seldom representable */
	check_same_parse(libc_text);
}

static void test_round_trip(void **state)
{
	(void)state;
	for (int n = 0; n < 100000; n++)
		check_round_trip(random_finite());
	for (int n = 0; n < 20000; n++) {
		check_round_trip(random_between(0, 1));
		check_round_trip((double)(random_bits() % 1000000) / 1000);
	}
	for (uint64_t exponent = 0; exponent < 2047; exponent++) { /* the powers of two and their neighbours */
		check_round_trip(from_bits(exponent << 52));
		check_round_trip(from_bits((exponent << 52) + 1));
		check_round_trip(from_bits((exponent << 52) + UINT64_C(0xfffffffffffff)));
		check_round_trip(-from_bits(UINT64_C(1) << exponent % 52));
	}
}

static void test_print_form(void **state)
{
	(void)state;
	const struct {
		double value;
		const char *decimal, *hex;
	} cases[] = {
	    {0.0, "0", "0x0p+0"},
	    {-0.0, "-0.0", "-0x0p+0"},
	    {0.1, "0.1", "0x1.999999999999ap-4"},
	    {15, "15", "0x1.ep+3"},
	    {1e-7, "1e-07", "0x1.ad7f29abcaf48p-24"},
	    {-2.5e300, "-2.5e+300", "-0x1.ddd4baa009303p+997"},
	    {0.0001, "0.0001", "0x1.a36e2eb1c432dp-14"},
	    {0.00001, "1e-05", "0x1.4f8b588e368f1p-17"},
	    {999999999999999, "999999999999999", "0x1.c6bf52633fff8p+49"},
	    {1e15, "1e+15", "0x1.c6bf52634p+49"},
	    {1234567890123456, "1.234567890123456e+15", "0x1.18b54f22aebp+50"},
	    {-100, "-100", "-0x1.9p+6"},
	    {123456789012345.6, "123456789012345.6", "0x1.c12218377de66p+46"},
	    {0.1875, "0.1875", "0x1.8p-3"},
	    {5e-324, "5e-324", "0x1p-1074"},
	    {DBL_MAX, "1.7976931348623157e+308", "0x1.fffffffffffffp+1023"},
	    {DBL_MIN, "2.2250738585072014e-308", "0x1p-1022"},
	    {1e23, "1e+23", "0x1.52d02c7e14af6p+76"},
	    {9007199254740992, "9.007199254740992e+15", "0x1p+53"},
	    {0x1p-44, "5.684341886080802e-14", "0x1p-44"},
	    {0x1p-25, "2.9802322387695312e-08", "0x1p-25"},
	    {INFINITY, "inf", "inf"},
	    {-INFINITY, "-inf", "-inf"},
	    {NAN, "nan", "nan"},
	    {-1.2345678901234567e-300, "-1.2345678901234568e-300", "-0x1.a74fe1c1e8908p-997"},
	};
	char text[DMI_NUMBER_SIZE];
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(dmi_number_print(cases[i].value, text), strlen(cases[i].decimal));
		assert_string_equal(text, cases[i].decimal);
		assert_int_equal(dmi_number_print_hex(cases[i].value, text), strlen(cases[i].hex));
		assert_string_equal(text, cases[i].hex);
	}
}

static void test_print_int(void **state)
{
	(void)state;
	char text[DMI_NUMBER_SIZE], want[DMI_NUMBER_SIZE];
	for (int n = 0; n < 20000; n++) {
		int64_t value = (int64_t)(random_bits() >> random_bits() % 64);
		value = n % 2 == 0 ? value : n == 1 ? INT64_MIN : -value;
		snprintf(want, sizeof want, "%" PRId64, value);
		assert_int_equal(dmi_number_print_int(value, text), strlen(want));
		assert_string_equal(text, want);
	}
	assert_int_equal(dmi_number_print_int(0, text), 1);
	assert_string_equal(text, "0");
}

static void test_parse_form(void **state)
{
	(void)state;
	static const char *const texts[] = {"1.",
	                                    ".5",
	                                    "-.5e1",
	                                    "+3",
	                                    "1e",
	                                    "1e+",
	                                    "1e-x",
	                                    "1e5e5",
	                                    "1.5.5",
	                                    "0x",
	                                    "0xg",
	                                    "0x.",
	                                    "0x.8",
	                                    "0x.p1",
	                                    "0x1p",
	                                    "0x1p-",
	                                    "0X1.8P-3",
	                                    "0x10",
	                                    "inf",
	                                    "-INF",
	                                    "Infinity",
	                                    "infinit",
	                                    "+infinity!",
	                                    "1,5",
	                                    "12abc",
	                                    "007",
	                                    "1_000",
	                                    "-0",
	                                    "-0e9",
	                                    "0e999999999999999999999",
	                                    "1e999999999999999999999",
	                                    "1e18446744073709551617",
	                                    "1e-999999999999999999999",
	                                    "-1e400",
	                                    "0x1p99999999999",
	                                    "0x1p-99999999999",
	                                    "0x0p99999999999"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		check_same_parse(texts[i]);
	check_parse("nan", from_bits(UINT64_C(0x7ff8000000000000)), 3);
	check_parse("-NaN,", from_bits(UINT64_C(0x7ff8000000000000)), 4);
	static const char *const none[] = {"", "-", "+", ".", "-.", "e5", ".e5", "--1", "+-1", " 1", "x", "in", "na", "p1"};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		double untouched = 42;
		assert_null(dmi_number_parse(none[i], &untouched));
		assert_same(untouched, 42);
	}
}

static void test_hard_rounding(void **state)
{
	(void)state;
	static const char *const texts[] = {"9007199254740993",
	                                    "9007199254740993.0000000000000000000000001",
	                                    "9007199254740995",
	                                    "9007199254740994.99999999999",
	                                    "1.7976931348623157e308",
	                                    "1.797693134862315807e308",
	                                    "1.797693134862315808e308",
	                                    "1.7976931348623159e308",
	                                    "2.2250738585072011e-308",
	                                    "2.2250738585072012e-308",
	                                    "2.2250738585072014e-308",
	                                    "4.9406564584124654e-324",
	                                    "2.4703282292062327e-324",
	                                    "2.4703282292062328e-324",
	                                    "1e-400",
	                                    "7.4109846876186981e-324",
	                                    "1e22",
	                                    "1e23",
	                                    "8.41e21",
	                                    "6.631236846766476e-316",
	                                    "0x1.00000000000008p0",
	                                    "0x1.000000000000080000000001p0",
	                                    "0x1.00000000000018p0",
	                                    "0x1.fffffffffffff7fp1023",
	                                    "0x1.fffffffffffff8p1023",
	                                    "0x1p-1075",
	                                    "0x1.00000000000000000001p-1075",
	                                    "0x3p-1075",
	                                    "0x0.00000000000000000000000000001p100",
	                                    "0x123456789abcdef0123456789p-20",
	                                    "0x1.fffffffffffffp-1023"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		check_same_parse(texts[i]);
}

#define HALFWAY_LENGTH 1120 /* a sign's place, 18 digits before the point and 1100 behind it */

/* The exact decimal text of the point halfway between two doubles from 0 to 2^53. */
static void halfway_text(double low, double high, char *text)
{
	char other[HALFWAY_LENGTH + 1];
	assert_int_equal(snprintf(text, sizeof other, "%0*.1100f", HALFWAY_LENGTH, low), HALFWAY_LENGTH);
	assert_int_equal(snprintf(other, sizeof other, "%0*.1100f", HALFWAY_LENGTH, high), HALFWAY_LENGTH);
	int sum[HALFWAY_LENGTH], carry = 0;
	for (int i = HALFWAY_LENGTH - 1; i >= 0; i--) {
		if (text[i] == '.')
			continue;
		sum[i] = text[i] - '0' + other[i] - '0' + carry;
		carry = sum[i] / 10;
		sum[i] %= 10;
	}
	int rest = 0;
	for (int i = 0; i < HALFWAY_LENGTH; i++) {
		if (text[i] == '.')
			continue;
		text[i] = (char)('0' + (10 * rest + sum[i]) / 2);
		rest = sum[i] % 2;
	}
	assert_int_equal(rest, 0);
}

/* A point halfway between two neighbours has up to 767 digits. It goes to the even one; a digit far behind, or one
 * unit less, takes it up or down. */
static void test_halfway(void **state)
{
	(void)state;
	char text[HALFWAY_LENGTH + 1100];
	for (int n = 0; n < 3000; n++) {
		uint64_t bits = random_bits() % (UINT64_C(0x434) << 52); /* below 2^53 */
		if (n % 4 == 0)
			bits %= UINT64_C(1) << 53; /* subnormal, or just above */
		double low = from_bits(bits), high = from_bits(bits + 1);
		halfway_text(low, high, text);
		check_parse(text, bits % 2 == 0 ? low : high, HALFWAY_LENGTH);
		memset(text + HALFWAY_LENGTH, '0', 1000);
		strcpy(text + HALFWAY_LENGTH + 1000, "1");
		check_parse(text, high, HALFWAY_LENGTH + 1001);
		char *last = text + HALFWAY_LENGTH - 1;
		while (*last == '0')
			last--;
		--*last;
		memset(last + 1, '9', 1000);
		last[1001] = 0;
		check_parse(text, low, strlen(text));
	}
}

static void test_long_digits(void **state)
{
	(void)state;
	static char text[3000];
	for (int n = 0; n < 2000; n++) {
		int digits = 1 + (int)(random_bits() % 1500), point = (int)(random_bits() % 1500);
		char *at = text;
		for (int i = 0; i < digits; i++) {
			if (i == point)
				*at++ = '.';
			*at++ = (char)('0' + random_bits() % 10);
		}
		snprintf(at, 20, "e%d", (int)(random_bits() % 700) - 350 - (point < digits ? point : digits));
		check_same_parse(text);
	}
	memset(text, '0', sizeof text);
	text[1000] = '.';
	strcpy(text + 2500, "12e1501"); /* 0.000...12: the zeros and the exponent make up for each other */
	check_parse(text, 12, strlen(text));
}

/* printf and strtod would now write and want a comma. */
static void test_locale(void **state)
{
	(void)state;
	static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8",  "de_DE",
	                                    "fr_FR.UTF-8", "nl_NL.UTF-8", "German_Germany.1252"};
	size_t i = 0, count = sizeof names / sizeof *names;
	while (i < count && setlocale(LC_ALL, names[i]) == NULL)
		i++;
	if (i == count) {
		print_message("test_locale skipped: this system has no locale with a decimal comma\n");
		skip();
	}
	char comma[8], text[DMI_NUMBER_SIZE], hex[DMI_NUMBER_SIZE];
	double decimal = 0, long_decimal = 0;
	snprintf(comma, sizeof comma, "%.1f", 1.5);
	dmi_number_print(1234.5, text);
	dmi_number_print_hex(1.5, hex);
	const char *end = dmi_number_parse("1.5,", &decimal);
	dmi_number_parse("0.1000000000000000055511151231257827", &long_decimal);
	setlocale(LC_ALL, "C");
	assert_string_equal(comma, "1,5"); /* or the locale is not one to test with */
	assert_string_equal(text, "1234.5");
	assert_string_equal(hex, "0x1.8p+0");
	assert_non_null(end);
	assert_int_equal(*end, ',');
	assert_same(decimal, 1.5);
	assert_same(long_decimal, 0.1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_accuracy, restart),
	    cmocka_unit_test_setup(test_pow_accuracy, restart),
	    cmocka_unit_test_setup(test_atan2_accuracy, restart),
	    cmocka_unit_test(test_near_multiples),
	    cmocka_unit_test(test_joins),
	    cmocka_unit_test(test_special_values),
	    cmocka_unit_test(test_special_pairs),
	    cmocka_unit_test_setup(test_same_bits, restart),
	    cmocka_unit_test_setup(test_round_trip, restart),
	    cmocka_unit_test(test_print_form),
	    cmocka_unit_test_setup(test_print_int, restart),
	    cmocka_unit_test(test_parse_form),
	    cmocka_unit_test(test_hard_rounding),
	    cmocka_unit_test_setup(test_halfway, restart),
	    cmocka_unit_test_setup(test_long_digits, restart),
	    cmocka_unit_test(test_locale),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
