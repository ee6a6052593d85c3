#include "base/compiler.h"
#include "base/number_big.h"

#include <string.h>

static void trim(dmi_big *a)
{
	while (a->count > 0 && a->words[a->count - 1] == 0)
		a->count--;
}

void dmi_big_set(dmi_big *a, uint64_t value)
{
	a->words[0] = (uint32_t)value;
	a->words[1] = (uint32_t)(value >> 32);
	a->count = 2;
	trim(a);
}

/* Only the words in use: most numbers are far below the greatest size. */
void dmi_big_copy(dmi_big *to, const dmi_big *from)
{
	to->count = from->count;
	memcpy(to->words, from->words, (size_t)from->count * sizeof *from->words);
}

void dmi_big_mul_add(dmi_big *a, uint32_t factor, uint32_t add)
{
	uint64_t carry = add;
	for (int i = 0; i < a->count; i++) {
		carry += (uint64_t)a->words[i] * factor;
		a->words[i] = (uint32_t)carry;
		carry >>= 32;
	}
	if (carry != 0)
		a->words[a->count++] = (uint32_t)carry;
}

void dmi_big_mul_pow5(dmi_big *a, int power)
{
	for (; power >= 13; power -= 13)
		dmi_big_mul_add(a, 1220703125, 0); /* 5^13, the largest that fits a word */
	uint32_t factor = 1;
	for (; power > 0; power--)
		factor *= 5;
	dmi_big_mul_add(a, factor, 0);
}

void dmi_big_shift_left(dmi_big *a, int bits)
{
	int words = bits / 32, rest = bits % 32;
	if (rest != 0)
		dmi_big_mul_add(a, UINT32_C(1) << rest, 0);
	if (words == 0 || a->count == 0)
		return;
	memmove(a->words + words, a->words, (size_t)a->count * sizeof *a->words);
	memset(a->words, 0, (size_t)words * sizeof *a->words);
	a->count += words;
}

int dmi_big_bits(const dmi_big *a)
{
	if (a->count == 0)
		return 0;
	int bits = (a->count - 1) * 32;
	for (uint32_t top = a->words[a->count - 1]; top != 0; top >>= 1)
		bits++;
	return bits;
}

int dmi_big_compare(const dmi_big *a, const dmi_big *b)
{
	if (a->count != b->count)
		return a->count < b->count ? -1 : 1;
	for (int i = a->count - 1; i >= 0; i--)
		if (a->words[i] != b->words[i])
			return a->words[i] < b->words[i] ? -1 : 1;
	return 0;
}

void dmi_big_add(dmi_big *a, const dmi_big *b)
{
	uint64_t carry = 0;
	int i = 0;
	for (; i < b->count || carry != 0; i++) {
		carry += (uint64_t)(i < a->count ? a->words[i] : 0) + (i < b->count ? b->words[i] : 0);
		a->words[i] = (uint32_t)carry;
		carry >>= 32;
		if (i >= a->count)
			a->count = i + 1;
	}
}

void dmi_big_subtract(dmi_big *a, const dmi_big *b)
{
	uint64_t borrow = 0;
	for (int i = 0; i < a->count; i++) {
		uint64_t part = (uint64_t)a->words[i] - (i < b->count ? b->words[i] : 0) - borrow;
		a->words[i] = (uint32_t)part;
		borrow = part >> 63;
	}
	trim(a);
}
