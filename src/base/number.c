#include "base/compiler.h"
#include "base/number.h"
#include "base/number_big.h"
#include "base/math_parts.h"

/* No halfway point between two doubles has more than 767 significant digits. Digits beyond the 800th that are not all
 * zero can only say "a bit more": a 1 in the 801st place says that too. */
#define MAX_DIGITS 800

/* Far beyond every exponent that matters, and far from overflow when the length of the text is added. */
#define EXPONENT_LIMIT (INT64_C(1) << 40)

static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The value of a hexadecimal digit, or -1. */
static int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The number of letters of `word` (lower case) if `text` starts with it in any case, else 0. The letters of inf,
 * infinity and nan stay themselves under | 32 only from their own upper case, in ASCII. */
static size_t match(const char *text, const char *word)
{
	size_t i = 0;
	for (; word[i] != 0; i++)
		if ((text[i] | 32) != word[i])
			return 0;
	return i;
}

/* An exponent with its letter (lower case) at `text`: adds it to *exponent and returns the place past it. */
static const char *parse_exponent(const char *text, char letter, int64_t *exponent)
{
	if ((*text | 32) != letter)
		return text;
	const char *digits = text + 1;
	int negative = *digits == '-';
	if (*digits == '-' || *digits == '+')
		digits++;
	if (!is_digit(*digits))
		return text;
	int64_t value = 0;
	for (; is_digit(*digits); digits++)
		if (value < EXPONENT_LIMIT)
			value = 10 * value + (*digits - '0');
	*exponent += negative ? -value : value;
	return digits;
}

/* (m + a bit if sticky) 2^e rounded to the nearest double, half to even; m has its top bit set. */
static double round_scaled(uint64_t m, int64_t e, int sticky)
{
	int64_t power = e + 63; /* the value is from 2^power up to 2^(power+1) */
	if (power > 1023)
		return dmi_inf();
	if (power < -1075)
		return 0;
	int drop = power < -1022 ? (int)(-1011 - power) : 11; /* bits of m beyond the last place, 11 to 64 */
	uint64_t kept = drop == 64 ? 0 : m >> drop, half = UINT64_C(1) << (drop - 1);
	uint64_t rest = drop == 64 ? m : m & ((UINT64_C(1) << drop) - 1);
	if (rest > half || (rest == half && (sticky || (kept & 1) != 0)))
		kept++;
	/* A carry out of the fraction goes into the exponent field, as it should, even up to infinity. */
	uint64_t field = power < -1022 ? 0 : (uint64_t)(power + 1022);
	return dmi_from_bits((field << 52) + kept);
}

/* ---- hexadecimal ---- */

typedef struct {
	uint64_t m;
	int64_t exponent; /* of 2 */
	int sticky, any;
} hex_number;

static const char *hex_digits(const char *text, hex_number *number, int digit_exponent)
{
	for (int digit; (digit = hex_digit(*text)) >= 0; text++) {
		number->any = 1;
		if (number->m >> 60 == 0)
			number->m = number->m << 4 | (uint64_t)digit;
		else {
			number->sticky |= digit != 0;
			number->exponent += 4;
		}
		number->exponent -= digit_exponent;
	}
	return text;
}

/* The part after "0x". */
static const char *parse_hex(const char *text, double *out)
{
	hex_number number = {0, 0, 0, 0};
	text = hex_digits(text, &number, 0);
	if (*text == '.')
		text = hex_digits(text + 1, &number, 4);
	if (!number.any)
		return NULL;
	text = parse_exponent(text, 'p', &number.exponent);
	*out = 0;
	if (number.m == 0)
		return text;
	for (; number.m >> 63 == 0; number.m <<= 1)
		number.exponent--;
	*out = round_scaled(number.m, number.exponent, number.sticky);
	return text;
}

/* ---- decimal ---- */

typedef struct {
	dmi_big big;      /* the significant digits as a whole number, once they are many */
	uint64_t small;   /* the same while they are at most 18 */
	int count;        /* of significant digits so far */
	int64_t exponent; /* of 10 */
	int sticky, any;
} decimal_number;

static void add_digit(decimal_number *number, int digit)
{
	if (number->count < 18)
		number->small = 10 * number->small + (uint64_t)digit;
	else if (number->count < MAX_DIGITS) {
		if (number->count == 18)
			dmi_big_set(&number->big, number->small);
		dmi_big_mul_add(&number->big, 10, (uint32_t)digit);
	} else {
		number->sticky |= digit != 0;
		number->exponent++;
		return;
	}
	number->count += number->count > 0 || digit != 0;
}

static const char *decimal_digits(const char *text, decimal_number *number, int digit_exponent)
{
	for (; is_digit(*text); text++) {
		number->any = 1;
		add_digit(number, *text - '0');
		number->exponent -= digit_exponent;
	}
	return text;
}

/* The first 64 bits of a / b for nonzero a, b: a / b = (result + a bit if *sticky) 2^*exponent; destroys both. */
static uint64_t divide(dmi_big *a, dmi_big *b, int *exponent, int *sticky)
{
	int shift = dmi_big_bits(b) - dmi_big_bits(a);
	dmi_big_shift_left(shift > 0 ? a : b, shift > 0 ? shift : -shift);
	*exponent = -shift - 63;
	if (dmi_big_compare(a, b) < 0) {
		dmi_big_shift_left(a, 1);
		--*exponent;
	}
	uint64_t quotient = 0;
	for (int i = 0; i < 64; i++) { /* b <= a < 2b at first, so the first bit is 1 */
		quotient <<= 1;
		if (dmi_big_compare(a, b) >= 0) {
			dmi_big_subtract(a, b);
			quotient |= 1;
		}
		dmi_big_shift_left(a, 1);
	}
	*sticky = a->count != 0;
	return quotient;
}

/* Exact if at most 15 digits and a power of ten up to 10^22 (whole numbers below 2^53 times powers of 5 below 2^53)
 * meet in one rounding. Returns whether that is so. */
static int convert_fast(const decimal_number *number, double *out)
{
	int64_t e = number->exponent;
	if (number->count > 15 || e < -22 || e > 22)
		return 0;
	double power = 1;
	for (int64_t i = e < 0 ? -e : e; i > 0; i--)
		power *= 10;
	double whole = (double)(int64_t)number->small;
	*out = e < 0 ? whole / power : whole * power;
	return 1;
}

static double convert_exact(decimal_number *number)
{
	int64_t point = number->count + number->exponent; /* the value is from 10^(point-1) up to 10^point */
	if (point > 310)
		return dmi_inf();
	if (point < -324)
		return 0;
	if (number->count <= 18)
		dmi_big_set(&number->big, number->small);
	if (number->sticky) {
		dmi_big_mul_add(&number->big, 10, 1);
		number->exponent--;
	}
	int ten = (int)number->exponent, two, sticky;
	dmi_big below;
	dmi_big_set(&below, 1);
	dmi_big_mul_pow5(ten < 0 ? &below : &number->big, ten < 0 ? -ten : ten);
	uint64_t m = divide(&number->big, &below, &two, &sticky);
	return round_scaled(m, two + ten, sticky);
}

static const char *parse_decimal(const char *text, double *out)
{
	decimal_number number;
	number.small = 0;
	number.count = number.sticky = number.any = 0;
	number.exponent = 0;
	text = decimal_digits(text, &number, 0);
	if (*text == '.')
		text = decimal_digits(text + 1, &number, 1);
	if (!number.any)
		return NULL;
	text = parse_exponent(text, 'e', &number.exponent);
	if (number.count == 0)
		*out = 0;
	else if (!convert_fast(&number, out))
		*out = convert_exact(&number);
	return text;
}

const char *dmi_number_parse(const char *text, double *out)
{
	int negative = *text == '-';
	if (*text == '-' || *text == '+')
		text++;
	const char *end = NULL;
	double value = dmi_inf();
	size_t letters = match(text, "infinity");
	if (letters == 0)
		letters = match(text, "inf");
	if (letters == 0 && (letters = match(text, "nan")) != 0)
		value = dmi_nan();
	if (letters != 0)
		end = text + letters;
	else if (text[0] == '0' && (text[1] | 32) == 'x')
		end = parse_hex(text + 2, &value);
	if (end == NULL)
		end = parse_decimal(text, &value);
	if (end != NULL)
		*out = negative && value == value ? -value : value;
	return end;
}
