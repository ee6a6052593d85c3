/* The finite check of check.c by vectors, four at a time. Included by the kernels_*.c files only. */

/* The answers of a network come from afar: fetching them ahead makes the check a sixth faster. */
enum { AHEAD = 2048 };

static DMI_INLINE void fetch_ahead(const void *at)
{
	for (size_t line = 0; line < 4 * VECTOR_BYTES; line += 64)
		__builtin_prefetch((const char *)at + AHEAD + line);
}

#define ALL_FINITE(bits)                                                                                               \
	typedef bits vec_##bits __attribute__((vector_size(VECTOR_BYTES), aligned(2), may_alias));                         \
	static int all_finite_##bits(const void *row, size_t bytes, uint64_t exponent_unit)                                \
	{                                                                                                                  \
		const bits magnitude = (bits) ~((bits)1 << (8 * sizeof(bits) - 1)), unit = (bits)exponent_unit;                \
		const vec_##bits *v = row;                                                                                     \
		vec_##bits hit[4] = {{0}};                                                                                     \
		for (size_t j = 0; j < bytes / VECTOR_BYTES; j += 4) {                                                         \
			fetch_ahead(v + j);                                                                                        \
			hit[0] |= (v[j] & magnitude) + unit;                                                                       \
			hit[1] |= (v[j + 1] & magnitude) + unit;                                                                   \
			hit[2] |= (v[j + 2] & magnitude) + unit;                                                                   \
			hit[3] |= (v[j + 3] & magnitude) + unit;                                                                   \
		}                                                                                                              \
		hit[0] |= hit[1] | hit[2] | hit[3];                                                                            \
		bits any = 0;                                                                                                  \
		for (size_t j = 0; j < VECTOR_BYTES / sizeof(bits); j++)                                                       \
			any = (bits)(any | hit[0][j]);                                                                             \
		return !(any >> (8 * sizeof(bits) - 1));                                                                       \
	}

ALL_FINITE(uint16_t)
ALL_FINITE(uint32_t)
ALL_FINITE(uint64_t)

/* Only a block with a hit, and the rest of the row, are searched number by number. */
static int64_t first_not_finite(const void *row, int32_t type, size_t n)
{
	static const struct {
		int (*all_finite)(const void *row, size_t bytes, uint64_t exponent_unit);
		uint64_t unit;
	} by[] = {[DM_F32] = {all_finite_uint32_t, UINT64_C(1) << 23},
	          [DM_F64] = {all_finite_uint64_t, UINT64_C(1) << 52},
	          [DM_F16] = {all_finite_uint16_t, UINT64_C(1) << 10},
	          [DM_BF16] = {all_finite_uint16_t, UINT64_C(1) << 7}};
	enum { WHOLE = 4 * VECTOR_BYTES };
	const size_t size = dmi_type_size(type);
	size_t first = 0;
	while ((n - first) * size >= WHOLE) {
		size_t count = n - first < DMI_BLOCK ? (n - first) * size / WHOLE * WHOLE / size : DMI_BLOCK;
		if (!by[type].all_finite((const unsigned char *)row + first * size, count * size, by[type].unit))
			break;
		first += count;
	}
	int64_t found = dmi_first_not_finite((const unsigned char *)row + first * size, type, n - first);
	return found < 0 ? -1 : found + (int64_t)first;
}
