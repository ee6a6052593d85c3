/* Clipping, and the order statistics it may need. Included by the kernels_*.c files only. */

/* A NaN stays one. */
static inline WORK between(WORK x, WORK low, WORK high)
{
	x = x < low ? low : x;
	return x > high ? high : x;
}

/* The maps that work element by element, over one tile. */

static void tile_clip(WORK *out, const WORK *const *in, const double *p)
{
	const WORK high = (WORK)p[0];
	for (size_t j = 0; j < DMI_TILE; j++)
		out[j] = between(in[0][j], -high, high);
}

static void tile_learned_std(WORK *out, const WORK *const *in, const double *p)
{
	for (size_t j = 0; j < DMI_TILE; j++) {
		double v = (double)in[1][j], sd = p[2] != 0 ? sqrt(v > 0 ? v : 0) : dmi_exp(p[0] + p[1] * v);
		out[j] = (WORK)sd * in[0][j];
	}
}

static void tile_blend(WORK *out, const WORK *const *in, const double *p)
{
	(void)p;
	for (size_t j = 0; j < DMI_TILE; j++)
		out[j] = in[2][j] * in[1][j] + (1 - in[2][j]) * in[0][j];
}

static void tile_ratio(WORK *out, const WORK *const *in, const double *p)
{
	(void)p;
	for (size_t j = 0; j < DMI_TILE; j++)
		out[j] = in[1][j] != 0 ? in[0][j] / in[1][j] : 0;
}

static void tile_signed_root(WORK *out, const WORK *const *in, const double *p)
{
	(void)p;
	for (size_t j = 0; j < DMI_TILE; j++) {
		double x = (double)in[0][j], root = sqrt(fabs(x));
		out[j] = (WORK)(x < 0 ? -root : root);
	}
}

static void tile_at_least(WORK *out, const WORK *const *in, const double *p)
{
	const WORK low = (WORK)p[0];
	for (size_t j = 0; j < DMI_TILE; j++)
		out[j] = in[0][j] >= low;
}

typedef void tile_map(WORK *out, const WORK *const *in, const double *parameter);

static void elementwise(const dm_job *job, size_t sample, size_t first, size_t n, int32_t map,
                        const double parameter[4])
{
	static tile_map *const maps[] = {
	    [DM_MAP_CLIP] = tile_clip,   [DM_MAP_LEARNED_STD] = tile_learned_std, [DM_MAP_BLEND] = tile_blend,
	    [DM_MAP_RATIO] = tile_ratio, [DM_MAP_SIGNED_ROOT] = tile_signed_root, [DM_MAP_AT_LEAST] = tile_at_least,
	};
	WORK buffer[3][DMI_TILE], out[DMI_TILE];
	const WORK *in[3];
	for (size_t end = first + n; first < end; first += DMI_TILE) {
		size_t count = tile_length(first, end);
		for (int32_t i = 0; i < job->n_in && i < 3; i++)
			in[i] = read_tile(job, i, sample, first, count, buffer[i]);
		maps[map](out, in, parameter);
		write_tile(job, 0, sample, first, count, out);
	}
}

/* Magnitudes are ordered like their bits without the sign, so the k-th smallest is found digit by digit, from the top:
 * each sweep counts the next 11 bits among the magnitudes that begin with those found so far. No memory, and no case
 * that is slower than another. */
enum { DIGIT = 11, MAGNITUDE_BITS = 8 * sizeof(WORK) - 1 };

static inline BITS magnitude(WORK x)
{
	BITS bits;
	memcpy(&bits, &x, sizeof bits);
	return bits & (((BITS)1 << MAGNITUDE_BITS) - 1);
}

/* Neighbours count apart, so that one need not wait for the count of another; and a group without a magnitude that begins
 * with the prefix is passed over. */
enum { APART = 4, COUNT_GROUP = 16, COUNT_SPAN = 1 << 30 };

static DMI_INLINE void count_group(const WORK *in, size_t n, BITS prefix, int shift, int width,
                                   uint32_t (*count)[1 << DIGIT])
{
	BITS digit_mask = ((BITS)1 << width) - 1, miss = ~(BITS)0;
	for (size_t j = 0; prefix && j < n; j++) {
		BITS other = (magnitude(in[j]) >> (shift + width)) ^ prefix;
		miss = other < miss ? other : miss;
	}
	if (prefix && miss)
		return;
	for (size_t j = 0; j < n; j++) {
		BITS m = magnitude(in[j]);
		count[j % APART][(m >> shift) & digit_mask] += m >> (shift + width) == prefix;
	}
}

/* count[d]: how many magnitudes of the row have digit d of the given width at shift, above which stands prefix. */
static void count_digits(const dm_job *job, size_t sample, BITS prefix, int shift, int width, size_t *count)
{
	WORK buffer[DMI_TILE];
	uint32_t apart[APART][1 << DIGIT];
	memset(count, 0, sizeof *count << width);
	for (size_t first = 0; first < job->n_element;) {
		size_t left = job->n_element - first, end = left < COUNT_SPAN ? job->n_element : first + COUNT_SPAN;
		memset(apart, 0, sizeof apart);
		for (; first < end; first += DMI_TILE) {
			size_t n = tile_length(first, end);
			const WORK *in = read_tile(job, 0, sample, first, n, buffer);
			size_t j = 0;
			for (; j + COUNT_GROUP <= n; j += COUNT_GROUP) /* a length that the compiler knows */
				count_group(in + j, COUNT_GROUP, prefix, shift, width, apart);
			count_group(in + j, n - j, prefix, shift, width, apart);
		}
		for (size_t d = 0; d < (size_t)1 << width; d++)
			count[d] += (size_t)apart[0][d] + apart[1][d] + apart[2][d] + apart[3][d];
	}
}

/* The smallest magnitude above m, or m where there is none. */
static BITS next_magnitude(const dm_job *job, size_t sample, BITS m)
{
	WORK buffer[DMI_TILE];
	BITS next = (BITS)-1;
	for (size_t first = 0; first < job->n_element; first += DMI_TILE) {
		size_t n = tile_length(first, job->n_element);
		const WORK *in = read_tile(job, 0, sample, first, n, buffer);
		for (size_t j = 0; j < n; j++) {
			BITS other = magnitude(in[j]);
			next = other > m && other < next ? other : next;
		}
	}
	return next == (BITS)-1 ? m : next;
}

static double from_magnitude(BITS m)
{
	WORK x;
	memcpy(&x, &m, sizeof x);
	return (double)x;
}

/* The magnitude at position ratio (n - 1) of the sorted row, linear between neighbours. */
static double quantile(const dm_job *job, size_t sample, double ratio)
{
	size_t count[1 << DIGIT], last = job->n_element - 1, k;
	double position = ratio * (double)last, part;
	k = (size_t)position < last ? (size_t)position : last;
	part = position - (double)k;
	BITS found = 0;
	size_t digit = 0;
	for (int shift = MAGNITUDE_BITS; shift > 0;) {
		int width = shift < DIGIT ? shift : DIGIT;
		shift -= width;
		count_digits(job, sample, found, shift, width, count);
		for (digit = 0; k >= count[digit]; digit++)
			k -= count[digit];
		found = found << width | (BITS)digit;
	}
	double low = from_magnitude(found);
	if (part == 0 || k + 1 < count[digit])
		return low;
	return low + part * (from_magnitude(next_magnitude(job, sample, found)) - low);
}

/* Dynamic thresholding (Saharia 2022, section 2.3) and its bounds. */
static void quantile_clip(const dm_job *job, size_t sample, const double parameter[4])
{
	const double q = quantile(job, sample, parameter[0]), at_least = q > 1 ? q : 1;
	const double limit = parameter[1];
	const WORK s = (WORK)(parameter[2] != 0 ? (q > limit ? q : limit) : (at_least < limit ? at_least : limit));
	WORK buffer[DMI_TILE], out[DMI_TILE];
	for (size_t first = 0; first < job->n_element; first += DMI_TILE) {
		size_t n = tile_length(first, job->n_element);
		const WORK *in = read_tile(job, 0, sample, first, n, buffer);
		for (size_t j = 0; j < DMI_TILE; j++)
			out[j] = between(in[j], -s, s) / s;
		write_tile(job, 0, sample, first, n, out);
	}
}
