/* Exact whole numbers of a fixed greatest size, for the text of doubles. */
#ifndef DMI_BASE_NUMBER_BIG_H
#define DMI_BASE_NUMBER_BIG_H

#include <stdint.h>

/* The largest number that occurs is in parsing: 801 digits or 5^1144, either below 2^2662, shifted up by at most 65
 * bits beyond the other. */
#define DMI_BIG_WORDS 96

/* The value of words[0] + 2^32 words[1] + ...; words[count - 1] is not 0, and zero has count 0. */
typedef struct {
	int count;
	uint32_t words[DMI_BIG_WORDS];
} dmi_big;

void dmi_big_set(dmi_big *a, uint64_t value);
void dmi_big_copy(dmi_big *to, const dmi_big *from);

/* a = a factor + add. */
void dmi_big_mul_add(dmi_big *a, uint32_t factor, uint32_t add);
void dmi_big_mul_pow5(dmi_big *a, int power);
void dmi_big_shift_left(dmi_big *a, int bits);

/* The number of bits, 0 for zero. */
int dmi_big_bits(const dmi_big *a);

/* The sign of a - b. */
int dmi_big_compare(const dmi_big *a, const dmi_big *b);
void dmi_big_add(dmi_big *a, const dmi_big *b);

/* a = a - b, for a >= b. */
void dmi_big_subtract(dmi_big *a, const dmi_big *b);

#endif
