#include "base/compiler.h"
#include "base/number.h"
#include "base/number_big.h"
#include "base/math_parts.h"

#define FRACTION_BITS 52
#define FRACTION_MASK ((UINT64_C(1) << FRACTION_BITS) - 1)

static char *put_text(char *at, const char *text)
{
	while (*text != 0)
		*at++ = *text++;
	return at;
}

/* Writes the decimal digits of value, at least `least` of them. */
static char *put_whole(char *at, uint64_t value, int least)
{
	char reversed[20];
	int count = 0;
	for (; value != 0 || count < least; value /= 10)
		reversed[count++] = (char)('0' + value % 10);
	while (count > 0)
		*at++ = reversed[--count];
	return at;
}

static size_t finish(char *out, char *end)
{
	*end = 0;
	return (size_t)(end - out);
}

/* Writes the sign and, for an infinity or NaN, its word. */
static char *put_special(char *at, double value, int *done)
{
	*done = 1;
	if (value != value)
		return put_text(at, "nan");
	if (dmi_is_negative(value))
		*at++ = '-';
	if (dmi_abs(value) == dmi_inf())
		return put_text(at, "inf");
	*done = 0;
	return at;
}

/* ---- the shortest digits ----
 * After Steele and White ("How to print floating-point numbers accurately", 1990): value = above / below; digits are
 * produced until the rest is within the half distance to the lower or upper neighbour, both kept over the same
 * denominator. */

typedef struct {
	dmi_big above, below, half_down, half_up; /* half_up is twice half_down if uneven, else the same */
	int uneven;                               /* value is a power of 2: its lower neighbour is nearer */
	int inclusive;                            /* an even last bit: the halfway points parse to value */
} shortest;

static void start(shortest *s, uint64_t m, int e, int uneven)
{
	int extra = uneven ? 2 : 1; /* denominators of half distances */
	s->uneven = uneven;
	s->inclusive = (m & 1) == 0;
	dmi_big_set(&s->above, m << extra);
	dmi_big_set(&s->below, UINT64_C(1) << extra);
	dmi_big_set(&s->half_down, 1);
	if (e >= 0) {
		dmi_big_shift_left(&s->above, e);
		dmi_big_shift_left(&s->half_down, e);
	} else
		dmi_big_shift_left(&s->below, -e);
}

/* Multiplies by 10^power: the numerators if it is positive, else the denominator by its inverse. */
static void scale(shortest *s, int power)
{
	if (power < 0) {
		dmi_big_mul_pow5(&s->below, -power);
		dmi_big_shift_left(&s->below, -power);
		return;
	}
	dmi_big_mul_pow5(&s->above, power);
	dmi_big_shift_left(&s->above, power);
	dmi_big_mul_pow5(&s->half_down, power);
	dmi_big_shift_left(&s->half_down, power);
}

static void set_half_up(shortest *s)
{
	dmi_big_copy(&s->half_up, &s->half_down);
	if (s->uneven)
		dmi_big_shift_left(&s->half_up, 1);
}

/* Whether above / below is so near to 1 that 1 would parse to it, or beyond. */
static int reaches_one(const shortest *s)
{
	dmi_big sum;
	dmi_big_copy(&sum, &s->above);
	dmi_big_add(&sum, &s->half_up);
	int order = dmi_big_compare(&sum, &s->below);
	return s->inclusive ? order >= 0 : order > 0;
}

static int near_zero(const shortest *s)
{
	int order = dmi_big_compare(&s->above, &s->half_down);
	return s->inclusive ? order <= 0 : order < 0;
}

/* Writes the digits of m 2^e without leading or trailing zero, and returns how many; the value is 0.digits 10^point.
 * `top` is the exponent of the value's leading bit. */
static int shortest_digits(uint64_t m, int e, int uneven, int top, char *digits, int *point)
{
	shortest s;
	start(&s, m, e, uneven);
	/* point is 1 + floor(top log10 2), or one more. 78913 / 2^18 is log10 2 closely enough to give that floor for
	 * every exponent of a double; 400 keeps the dividend positive. */
	*point = (top * 78913 + (400 << 18)) / (1 << 18) - 399;
	scale(&s, -*point);
	set_half_up(&s);
	if (reaches_one(&s)) {
		++*point;
		dmi_big_mul_add(&s.below, 10, 0);
	}
	int count = 0, low, high;
	do {
		int digit = 0;
		dmi_big_mul_add(&s.above, 10, 0);
		dmi_big_mul_add(&s.half_down, 10, 0);
		set_half_up(&s);
		for (; dmi_big_compare(&s.above, &s.below) >= 0; digit++)
			dmi_big_subtract(&s.above, &s.below);
		low = near_zero(&s);
		high = reaches_one(&s);
		if (low && high) { /* both this digit and the next would do: the nearer, at a tie the even one */
			dmi_big_shift_left(&s.above, 1);
			int order = dmi_big_compare(&s.above, &s.below);
			low = order < 0 || (order == 0 && digit % 2 == 0);
		}
		digits[count++] = (char)('0' + digit + (low || !high ? 0 : 1));
	} while (!low && !high);
	return count;
}

/* ---- text ---- */

static char *put_exponent(char *at, char letter, int exponent, int least)
{
	*at++ = letter;
	*at++ = exponent < 0 ? '-' : '+';
	return put_whole(at, (uint64_t)(exponent < 0 ? -exponent : exponent), least);
}

static char *put_digits(char *at, const char *digits, int count, int point)
{
	int scientific = point <= -4 || point > 15;
	int whole = scientific ? 1 : point; /* digits before the point */
	if (whole <= 0)
		at = put_text(at, "0.");
	for (int i = whole; i < 0; i++)
		*at++ = '0';
	for (int i = 0; i < count || i < whole; i++) {
		if (i == whole && i > 0)
			*at++ = '.';
		*at++ = i < count ? digits[i] : '0';
	}
	return scientific ? put_exponent(at, 'e', point - 1, 2) : at;
}

size_t dmi_number_print(double value, char *out)
{
	int done, point;
	char *at = put_special(out, value, &done);
	if (done)
		return finish(out, at);
	if (value == 0)
		return finish(out, put_text(at, at == out ? "0" : "0.0"));
	double a = dmi_abs(value);
	if (a < 1e15 && (double)(int64_t)a == a)
		return finish(out, put_whole(at, (uint64_t)a, 1));
	uint64_t bits = dmi_bits(a), m = bits & FRACTION_MASK;
	int field = (int)(bits >> FRACTION_BITS), top = field - 1023, e = top - FRACTION_BITS;
	int uneven = field > 1 && m == 0;
	if (field != 0)
		m |= UINT64_C(1) << FRACTION_BITS;
	else {
		e = -1074;
		for (top = e; m >> (top - e) > 1;)
			top++;
	}
	char digits[24];
	int count = shortest_digits(m, e, uneven, top, digits, &point);
	return finish(out, put_digits(at, digits, count, point));
}

size_t dmi_number_print_hex(double value, char *out)
{
	int done;
	char *at = put_special(out, value, &done);
	if (done)
		return finish(out, at);
	if (value == 0)
		return finish(out, put_text(at, "0x0p+0"));
	uint64_t bits = dmi_bits(dmi_abs(value)), m = bits & FRACTION_MASK;
	int exponent = (int)(bits >> FRACTION_BITS) - 1023;
	if (exponent == -1023) /* subnormal: its first bit becomes the leading 1 */
		for (exponent = -1022; m >> FRACTION_BITS == 0; exponent--)
			m <<= 1;
	m &= FRACTION_MASK;
	at = put_text(at, m != 0 ? "0x1." : "0x1");
	for (; m != 0; m = m << 4 & FRACTION_MASK)
		*at++ = "0123456789abcdef"[m >> (FRACTION_BITS - 4)];
	return finish(out, put_exponent(at, 'p', exponent, 1));
}

size_t dmi_number_print_int(int64_t value, char *out)
{
	char *at = out;
	if (value < 0)
		*at++ = '-';
	/* Negated as unsigned, for the lowest number has no positive counterpart. */
	return finish(out, put_whole(at, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 1));
}
