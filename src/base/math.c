#include "base/compiler.h"
#include "base/math.h"
#include "base/math_parts.h"

#include <math.h>

/* ln 2 in two parts; the first has 42 bits, so that its product with an exponent (11 bits) is exact. */
static const double ln2_head = 0x1.62e42fefa38p-1, ln2_tail = 0x1.ef35793c7673p-45;
static const double inv_ln2 = 0x1.71547652b82fep+0;

/* ---- exp, expm1, tanh ---- */

/* Taylor series of (e^r - 1 - r - r^2/2) / r^3. At |r| = ln2/2 the first term left out is 2^-61.9 of 1. */
static const double exp_taylor[] = {1.0 / 6,        1.0 / 24,        1.0 / 120,        1.0 / 720,
                                    1.0 / 5040,     1.0 / 40320,     1.0 / 362880,     1.0 / 3628800,
                                    1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800, 1.0 / 87178291200};

dmi_dd dmi_exp_core(dmi_dd x, int *k)
{
	*k = dmi_nearest(x.h * inv_ln2);
	/* x.h - k ln2_head is exact: both are near each other, and multiples of 2^-54 if k is not 0. */
	dmi_dd r = dmi_two_sum(x.h - *k * ln2_head, x.l - *k * ln2_tail);
	double rh = dmi_head(r.h);
	double half = rh * rh * 0.5, rest = (r.h - rh) * (r.h + rh) * 0.5; /* together r^2/2 */
	double cubic = r.h * r.h * r.h * dmi_horner(exp_taylor, 12, r.h);
	dmi_dd e = dmi_fast_two_sum(r.h, half);
	e.l += rest + cubic + (r.l + r.l * r.h);
	return e;
}

/* 2^k (1 + e) for -1077 < k <= -1022, below the smallest normal number. Adding c = 2^(-1022-k) first puts the last
 * bit of the sum at 2^-1074 / 2^k, so that the one rounding happens there. */
static double finish_subnormal(dmi_dd sum, int k)
{
	double c = dmi_pow2(-1022 - k);
	dmi_dd shifted = dmi_two_sum(c, sum.h);
	double rounded = (shifted.h + (shifted.l + sum.l)) - c;
	return rounded / c * dmi_pow2(-1022);
}

double dmi_exp_finish(dmi_dd e, int k)
{
	dmi_dd sum = dmi_fast_two_sum(1, e.h);
	sum = dmi_fast_two_sum(sum.h, sum.l + e.l);
	if (k < -1022 || (k == -1022 && sum.h < 1))
		return finish_subnormal(sum, k);
	return k > 1023 ? sum.h * dmi_pow2(1023) * 2 : sum.h * dmi_pow2(k);
}

double dmi_exp(double x)
{
	if (x != x)
		return dmi_nan();
	if (x > 710)
		return dmi_inf();
	if (x < -746) /* e^-746 < 2^-1075 */
		return 0;
	int k;
	dmi_dd e = dmi_exp_core((dmi_dd){x, 0}, &k);
	return dmi_exp_finish(e, k);
}

/* e^x - 1 for -708 < x < 709. */
static dmi_dd expm1_dd(double x)
{
	int k;
	dmi_dd e = dmi_exp_core((dmi_dd){x, 0}, &k);
	if (k == 0)
		return dmi_fast_two_sum(e.h, e.l);
	double scale = dmi_pow2(k);
	dmi_dd whole = dmi_two_sum(scale, -1);
	dmi_dd sum = dmi_two_sum(whole.h, scale * e.h);
	return dmi_fast_two_sum(sum.h, sum.l + (whole.l + scale * e.l));
}

double dmi_expm1(double x)
{
	if (x != x)
		return dmi_nan();
	if (dmi_abs(x) < 0x1p-54)
		return x;
	if (x > 700)
		return dmi_exp(x);
	return x < -40 ? -1 : expm1_dd(x).h;
}

/* tanh x = (e^2x - 1) / (e^2x + 1). */
double dmi_tanh(double x)
{
	if (x != x)
		return dmi_nan();
	double a = dmi_abs(x);
	if (a < 0x1p-28) /* x^3/3 is below 2^-57 x */
		return x;
	if (a > 22) /* 1 - 2 e^-44 rounds to 1 */
		return dmi_with_sign(1, x);
	dmi_dd e = expm1_dd(2 * a);
	dmi_dd quotient = dmi_dd_div(e, dmi_dd_add(e, (dmi_dd){2, 0}));
	return dmi_with_sign(quotient.h, x);
}

/* ---- log, log1p ---- */

/* Series of log m = 2 atanh s = 2s + s z (2/3 + z (2/5 + z (2/7 + ...))), s = (m-1)/(m+1), z = s^2: the coefficients
 * from 2/7. For m between sqrt(1/2) and sqrt(2) z is below 0.0295, and what is left out is 2^-70 of log m. */
static const double log_series[] = {2.0 / 7,  2.0 / 9,  2.0 / 11, 2.0 / 13, 2.0 / 15, 2.0 / 17,
                                    2.0 / 19, 2.0 / 21, 2.0 / 23, 2.0 / 25, 2.0 / 27};

/* x = 2^k m with m between sqrt(1/2) and sqrt(2), for finite x > 0. */
static double split_exponent(double x, int *k)
{
	*k = 0;
	if (x < 0x1p-1022) {
		x *= 0x1p54;
		*k = -54;
	}
	uint64_t bits = dmi_bits(x), fraction = bits & UINT64_C(0xfffffffffffff);
	int low = fraction < UINT64_C(0x6a09e667f3bcd); /* of sqrt(2) */
	*k += (int)(bits >> 52) - (low ? 1023 : 1022);
	return dmi_from_bits(fraction | (uint64_t)(low ? 1023 : 1022) << 52);
}

/* s = f / (2 + f). */
static dmi_dd log_argument(dmi_dd f)
{
	dmi_dd below = dmi_fast_two_sum(2, f.h);
	below.l += f.l;
	return dmi_dd_div(f, below);
}

/* log(2^k (1 + f)). The series beyond 2s is at most 1 % of 2s, so plain doubles are good enough there. */
static double log_double(dmi_dd f, int k)
{
	dmi_dd s = log_argument(f);
	double z = s.h * s.h;
	double rest = 2 * s.l + s.h * (z * (2.0 / 3 + z * (2.0 / 5 + z * dmi_horner(log_series, 11, z))));
	if (k == 0)
		return 2 * s.h + rest;
	dmi_dd sum = dmi_fast_two_sum(k * ln2_head, 2 * s.h);
	return sum.h + (sum.l + (rest + k * ln2_tail));
}

dmi_dd dmi_log_dd(double x)
{
	static const dmi_dd two_thirds = {0x1.5555555555555p-1, 0x1.5555555555555p-55};
	static const dmi_dd two_fifths = {0x1.999999999999ap-2, -0x1.999999999999ap-56};
	int k;
	double m = split_exponent(x, &k);
	dmi_dd s = log_argument((dmi_dd){m - 1, 0});
	dmi_dd z = dmi_dd_mul(s, s);
	dmi_dd sum = dmi_dd_add(two_fifths, (dmi_dd){z.h * dmi_horner(log_series, 11, z.h), 0});
	sum = dmi_dd_add(two_thirds, dmi_dd_mul(z, sum));
	sum = dmi_dd_mul(s, dmi_dd_mul(z, sum));
	sum = dmi_dd_add((dmi_dd){2 * s.h, 2 * s.l}, sum);
	return dmi_dd_add((dmi_dd){k * ln2_head, k * ln2_tail}, sum);
}

double dmi_log(double x)
{
	if (x == 0)
		return -dmi_inf();
	if (!(x > 0))
		return dmi_nan();
	if (x == dmi_inf())
		return x;
	int k;
	double m = split_exponent(x, &k);
	return log_double((dmi_dd){m - 1, 0}, k);
}

double dmi_log1p(double x)
{
	if (dmi_abs(x) < 0x1p-54)
		return x;
	if (x == -1)
		return -dmi_inf();
	if (!(x > -1))
		return dmi_nan();
	if (x >= 0x1p54) /* log x is nearer than half an ulp */
		return dmi_log(x);
	int k;
	dmi_dd u = dmi_two_sum(1, x);
	double m = split_exponent(u.h, &k);
	return log_double(dmi_two_sum(m - 1, u.l * dmi_pow2(-k)), k);
}

/* ---- pow, sqrt ---- */

/* 0: y is no whole number, 1: odd, 2: even. */
static int parity(double y)
{
	double a = dmi_abs(y);
	if (a >= 0x1p53)
		return 2;
	int64_t whole = (int64_t)a;
	if ((double)whole != a)
		return 0;
	return whole % 2 != 0 ? 1 : 2;
}

/* x^y for x > 0, x not 1, neither infinite nor NaN. */
static double pow_positive(double x, double y)
{
	double a = dmi_abs(y);
	/* |log x| is from 2^-53 to 745, so beyond these the result is certain; and y can be split safely in between. */
	if (a < 0x1p-70)
		return 1;
	if (a > 0x1p70)
		return (x > 1) == (y > 0) ? dmi_inf() : 0;
	dmi_dd product = dmi_dd_mul((dmi_dd){y, 0}, dmi_log_dd(x));
	if (product.h > 710)
		return dmi_inf();
	if (product.h < -746)
		return 0;
	int k;
	dmi_dd e = dmi_exp_core(product, &k);
	return dmi_exp_finish(e, k);
}

/* |x|^y where one of them is 0 or infinite, or x is 1 or -1 (C99 F.9.4.4). */
static double pow_limit(double a, double y)
{
	if (a == 1)
		return 1;
	return (a > 1) == (y > 0) ? dmi_inf() : 0;
}

double dmi_pow(double x, double y)
{
	if (y == 0 || x == 1)
		return 1;
	if (x != x || y != y)
		return dmi_nan();
	double a = dmi_abs(x);
	int infinite = a == dmi_inf() || dmi_abs(y) == dmi_inf();
	if (x < 0 && !infinite && parity(y) == 0)
		return dmi_nan();
	double result = infinite || a == 0 || a == 1 ? pow_limit(a, y) : pow_positive(a, y);
	return dmi_is_negative(x) && parity(y) == 1 ? -result : result;
}

double dmi_sqrt(double x)
{
	return x != x || x < 0 ? dmi_nan() : sqrt(x);
}
