#include "base/compiler.h"
#include "base/math.h"
#include "base/math_parts.h"

/* ---- reduction to |r| <= pi/4 ---- */

/* pi/2 in four parts after Cody and Waite; the first three have 33 bits, so that their products with k < 2^20 are
 * exact. */
static const double half_pi[4] = {0x1.921fb544p+0, 0x1.0b4611a6p-34, 0x1.3198a2ep-69, 0x1.b839a252049c1p-104};

/* x = k pi/2 + r for |x| < 2^20. No such double comes nearer to a multiple of pi/2 than some 2^-62, and the parts go
 * to 2^-157, times k. */
static dmi_dd reduce_small(double x, int *k)
{
	*k = dmi_nearest(x * 0x1.45f306dc9c883p-1); /* 2/pi */
	dmi_dd a = dmi_two_sum(x - *k * half_pi[0], -(*k * half_pi[1]));
	dmi_dd b = dmi_two_sum(a.h, -(*k * half_pi[2]));
	return dmi_two_sum(b.h, a.l + (b.l - *k * half_pi[3]));
}

/* The bits of 2/pi after the point (computed with mpmath). */
static const uint32_t two_over_pi[38] = {
    0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab, 0xdebbc561,
    0xb7246e3a, 0x424dd2e0, 0x06492eea, 0x09d1921c, 0xfe1deb1c, 0xb129a73e, 0xe88235f5, 0x2ebb4484,
    0xe99c7026, 0xb45f7e41, 0x3991d639, 0x835339f4, 0x9c845f8b, 0xbdf9283b, 0x1ff897ff, 0xde05980f,
    0xef2f118b, 0x5a0a6d1f, 0x6d367ecf, 0x27cb09b7, 0x4f463f66, 0x9e5fea2d, 0x7527bac7, 0xebe5f17b,
    0x3d0739f7, 0x8a5292ea, 0x6bfb5fb1, 0x1f8d5d08, 0x56033046, 0xfc7b6bab};

/* x 2/pi modulo 2^32 for 2^20 <= x < infinity, after Payne and Hanek: turns[0] is the whole part, the others the
 * fraction. Words of 2/pi that only give multiples of 2^32 are skipped; what is cut off is below 2^-160. */
static void quarter_turns(double x, uint32_t turns[9])
{
	uint64_t bits = dmi_bits(x), mantissa = (bits & UINT64_C(0xfffffffffffff)) | UINT64_C(1) << 52;
	int exponent = (int)(bits >> 52) - 1075 + 32; /* x = mantissa 2^(exponent - 32), exponent >= 0 */
	int shift = exponent % 32, first = exponent / 32 - 2;
	uint64_t low = (mantissa & 0xffffffff) << shift, high = ((mantissa >> 32) << shift) + (low >> 32);
	uint64_t words[3] = {low & 0xffffffff, high & 0xffffffff, high >> 32};
	memset(turns, 0, 9 * sizeof *turns);
	for (int i = 0; i < 3; i++) {
		uint64_t carry = 0;
		for (int j = 8; j >= i; j--) {
			uint64_t factor = first + j < 0 ? 0 : two_over_pi[first + j];
			uint64_t sum = turns[j - i] + words[i] * factor + carry;
			turns[j - i] = (uint32_t)sum;
			carry = sum >> 32;
		}
	}
}

/* x = k pi/2 + r modulo 2 pi for 2^20 <= x < infinity. */
static dmi_dd reduce_large(double x, int *k)
{
	static const dmi_dd half_pi_dd = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54};
	uint32_t turns[9];
	quarter_turns(x, turns);
	int negative = turns[1] >> 31 != 0; /* a fraction above 1/2 counts from the next multiple */
	*k = (int)(turns[0] & 3) + negative;
	dmi_dd fraction = {0, 0};
	for (int i = 8; i >= 1; i--) {
		uint32_t word = negative ? ~turns[i] : turns[i]; /* the missing 1 is far below the last bit that counts */
		dmi_dd sum = dmi_two_sum(word * dmi_pow2(-32 * i), fraction.h);
		fraction = dmi_fast_two_sum(sum.h, sum.l + fraction.l);
	}
	dmi_dd r = dmi_dd_mul(fraction, half_pi_dd);
	return negative ? (dmi_dd){-r.h, -r.l} : r;
}

/* x = k pi/2 + r modulo 2 pi for finite x; only k modulo 4 means something. */
static dmi_dd reduce(double x, int *k)
{
	double a = dmi_abs(x);
	dmi_dd r = a < 0x1p20 ? reduce_small(a, k) : reduce_large(a, k);
	if (!dmi_is_negative(x))
		return r;
	*k = -*k;
	return (dmi_dd){-r.h, -r.l};
}

/* ---- sin, cos, tan ---- */

/* Taylor series of (sin r - r) / r^3 and (cos r - 1 + r^2/2) / r^4 in r^2. At pi/4 the first terms left out are
 * 2^-62 and 2^-59. */
static const double sin_taylor[] = {-1.0 / 6,        1.0 / 120,        -1.0 / 5040,          1.0 / 362880,
                                    -1.0 / 39916800, 1.0 / 6227020800, -1.0 / 1307674368000, 1.0 / 355687428096000};
static const double cos_taylor[] = {1.0 / 24,        -1.0 / 720,         1.0 / 40320,         -1.0 / 3628800,
                                    1.0 / 479001600, -1.0 / 87178291200, 1.0 / 20922789888000};

/* sin r and cos r for |r| <= pi/4; the sum of the parts is within some 0.1 ulp of the true value. */
static dmi_dd sin_core(dmi_dd r)
{
	double z = r.h * r.h;
	return dmi_fast_two_sum(r.h, r.h * z * dmi_horner(sin_taylor, 8, z) + r.l * (1 - 0.5 * z));
}

static dmi_dd cos_core(dmi_dd r)
{
	double z = r.h * r.h, rh = dmi_head(r.h);
	double rest = (r.h - rh) * (r.h + rh) * 0.5; /* what rh^2/2 lacks of r^2/2 */
	dmi_dd c = dmi_fast_two_sum(1, -0.5 * rh * rh);
	return dmi_fast_two_sum(c.h, c.l + (z * z * dmi_horner(cos_taylor, 7, z) - rest - r.h * r.l));
}

/* sin(x + quarters pi/2). */
static double sin_shifted(double x, int quarters)
{
	if (!(dmi_abs(x) < dmi_inf()))
		return dmi_nan();
	int k;
	dmi_dd r = reduce(x, &k);
	k += quarters;
	double value = (k & 1) != 0 ? cos_core(r).h : sin_core(r).h;
	return (k & 2) != 0 ? -value : value;
}

double dmi_sin(double x)
{
	if (dmi_abs(x) < 0x1p-28) /* x^3/6 is below 2^-58 x */
		return x;
	return sin_shifted(x, 0);
}

double dmi_cos(double x)
{
	return sin_shifted(x, 1);
}

double dmi_tan(double x)
{
	if (dmi_abs(x) < 0x1p-28)
		return x;
	if (!(dmi_abs(x) < dmi_inf()))
		return dmi_nan();
	int k;
	dmi_dd r = reduce(x, &k), s = sin_core(r), c = cos_core(r);
	return (k & 1) != 0 ? -dmi_dd_div(c, s).h : dmi_dd_div(s, c).h;
}

/* ---- atan ---- */

/* atan(j/4). */
static const dmi_dd atan_quarters[5] = {{0, 0},
                                        {0x1.f5b75f92c80ddp-3, 0x1.8ab6e3cf7afbdp-57},
                                        {0x1.dac670561bb4fp-2, 0x1.a2b7f222f65e2p-56},
                                        {0x1.4978fa3269ee1p-1, 0x1.2419a87f2a458p-56},
                                        {0x1.921fb54442d18p-1, 0x1.1a62633145c07p-55}};
static const dmi_dd pi_dd = {0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53};

/* Taylor series of (atan t - t) / t^3 in t^2; at |t| = 1/8 the first term left out is 2^-64 of t. */
static const double atan_taylor[] = {-1.0 / 3, 1.0 / 5, -1.0 / 7, 1.0 / 9, -1.0 / 11, 1.0 / 13, -1.0 / 15, 1.0 / 17};

/* atan(n/d) for 0 < n <= d, 1 <= d < 2: with c the nearest quarter, atan(n/d) = atan c + atan t,
 * t = (n/d - c) / (1 + c n/d) = (n - c d) / (d + c n), where |t| <= 1/8. */
static dmi_dd atan_ratio(double n, double d)
{
	int j = (int)(4 * (n / d) + 0.5);
	double c = 0.25 * j;
	dmi_dd cd = dmi_two_prod(c, d), cn = dmi_two_prod(c, n);
	dmi_dd above = dmi_dd_add((dmi_dd){n, 0}, (dmi_dd){-cd.h, -cd.l});
	dmi_dd t = dmi_dd_div(above, dmi_dd_add((dmi_dd){d, 0}, cn));
	double z = t.h * t.h;
	t.l += t.h * (z * dmi_horner(atan_taylor, 8, z));
	return dmi_dd_add(atan_quarters[j], dmi_fast_two_sum(t.h, t.l));
}

static dmi_dd subtract(dmi_dd a, dmi_dd b)
{
	return dmi_dd_add(a, (dmi_dd){-b.h, -b.l});
}

/* x 2^-k, where the result is a normal number or what is lost does not matter. */
static double scale_down(double x, int k)
{
	int half = k / 2;
	return x * dmi_pow2(-half) * dmi_pow2(half - k);
}

/* The angle from 0 to pi/2 of a point with positive finite coordinates whose ratio is not below 2^-60 or above 2^60. */
static dmi_dd first_quadrant(double y, double x)
{
	double large = y > x ? y : x, small = y > x ? x : y;
	int k = (int)(dmi_bits(large) >> 52) - 1023;
	if (k == -1023) { /* subnormal: first make it normal */
		large *= 0x1p60;
		small *= 0x1p60;
		k = (int)(dmi_bits(large) >> 52) - 1023;
	}
	dmi_dd a = atan_ratio(scale_down(small, k), scale_down(large, k));
	return y > x ? subtract((dmi_dd){0.5 * pi_dd.h, 0.5 * pi_dd.l}, a) : a;
}

/* Infinite coordinates stand for a far point on an axis or a diagonal; zeros and far ratios give the axes. */
static dmi_dd axis_or_diagonal(double y, double x)
{
	if (y == x && y > 0)
		return atan_quarters[4];
	if (y > x)
		return (dmi_dd){0.5 * pi_dd.h, 0.5 * pi_dd.l};
	return (dmi_dd){0, 0};
}

double dmi_atan2(double y, double x)
{
	if (x != x || y != y)
		return dmi_nan();
	double ay = dmi_abs(y), ax = dmi_abs(x), inf = dmi_inf();
	dmi_dd angle;
	if (ay == inf || ax == inf || ay * 0x1p-60 > ax || ax * 0x1p-60 > ay || ay == 0 || ax == 0)
		angle = axis_or_diagonal(ay, ax);
	else
		angle = first_quadrant(ay, ax);
	if (dmi_is_negative(x))
		angle = subtract(pi_dd, angle);
	else if (angle.h == 0 && ay > 0 && ax < inf) /* a far ratio that is its own arc tangent */
		angle.h = ay / ax;
	return dmi_with_sign(angle.h, y);
}

double dmi_atan(double x)
{
	return dmi_atan2(x, 1);
}
