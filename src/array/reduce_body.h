/* Sums over a row, in double and in one fixed order: element j of a block goes to partial sum j mod 8, the partial sums
 * are added in a tree, the blocks in their order. Included by the kernels_*.c files only. */

enum { PARTS = 8 };

/* Partial sums that are added to together, STRIPE numbers of each: p += a b over a tile. What is past the end of the row
 * is zero there and adds nothing. */
struct stripe {
	const double *a, *b;
	double *p;
};

#ifdef VECTOR_BYTES
enum { STRIPE = VECTOR_BYTES / sizeof(double) };

typedef double stripe_vec __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(double)), may_alias));

static DMI_INLINE stripe_vec product(const struct stripe *s, size_t j)
{
	return *(const stripe_vec *)(s->a + j) * *(const stripe_vec *)(s->b + j);
}

static void add_stripe(const struct stripe *s)
{
	stripe_vec sum = *(stripe_vec *)s->p;
	for (size_t j = 0; j < DMI_TILE; j += PARTS)
		sum += product(s, j);
	*(stripe_vec *)s->p = sum;
}

/* Four, so that one need not wait for the sum of another. */
static void add_four_stripes(const struct stripe s[4])
{
	stripe_vec sum = *(stripe_vec *)s[0].p, sum1 = *(stripe_vec *)s[1].p, sum2 = *(stripe_vec *)s[2].p,
	           sum3 = *(stripe_vec *)s[3].p;
	for (size_t j = 0; j < DMI_TILE; j += PARTS) {
		sum += product(s, j);
		sum1 += product(s + 1, j);
		sum2 += product(s + 2, j);
		sum3 += product(s + 3, j);
	}
	*(stripe_vec *)s[0].p = sum;
	*(stripe_vec *)s[1].p = sum1;
	*(stripe_vec *)s[2].p = sum2;
	*(stripe_vec *)s[3].p = sum3;
}
#else
enum { STRIPE = 1 };

static void add_stripe(const struct stripe *s)
{
	double sum = *s->p;
	for (size_t j = 0; j < DMI_TILE; j += PARTS)
		sum += s->a[j] * s->b[j];
	*s->p = sum;
}

static void add_four_stripes(const struct stripe s[4])
{
	for (int i = 0; i < 4; i++)
		add_stripe(s + i);
}
#endif

static inline double total(const double *p)
{
	return ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]));
}

/* The products of m outputs: of each with 1, then those of a <= b, at [m + b (b + 1) / 2 + a]. */
enum { MAX_PRODUCT = DMI_MAX_STATS + DMI_MAX_STATS * (DMI_MAX_STATS + 1) / 2 };

struct products {
	int32_t n_stripe;
	struct stripe stripe[MAX_PRODUCT * PARTS / STRIPE];
	double p[MAX_PRODUCT][PARTS]; /* partial sums of one block */
	double tile[DMI_MAX_STATS + 1][DMI_TILE];
};

static void list_product(struct products *s, int32_t i, int32_t a, int32_t b)
{
	for (size_t k = 0; k < PARTS; k += STRIPE)
		s->stripe[s->n_stripe++] = (struct stripe){s->tile[a] + k, s->tile[b] + k, s->p[i] + k};
}

static void list_products(struct products *s, int32_t m)
{
	int32_t i = 0;
	s->n_stripe = 0;
	for (size_t j = 0; j < DMI_TILE; j++)
		s->tile[m][j] = 1;
	for (int32_t b = 0; b < m; b++)
		list_product(s, i++, b, m);
	for (int32_t b = 0; b < m; b++)
		for (int32_t a = 0; a <= b; a++)
			list_product(s, i++, a, b);
}

static void add_block(const dm_job *job, size_t sample, size_t first, size_t end, struct products *s)
{
	_Alignas(64) WORK out[DMI_MAX_STATS][DMI_TILE];
	const int32_t m = job->n_out;
	memset(s->p, 0, (size_t)(m + m * (m + 1) / 2) * sizeof *s->p);
	for (; first < end; first += DMI_TILE) {
		sum_tile(job, sample, first, tile_length(first, end), out);
		for (int32_t o = 0; o < m; o++)
			for (size_t j = 0; j < DMI_TILE; j++)
				s->tile[o][j] = (double)out[o][j];
		int32_t i = 0;
		for (; i + 4 <= s->n_stripe; i += 4)
			add_four_stripes(s->stripe + i);
		for (; i < s->n_stripe; i++)
			add_stripe(s->stripe + i);
	}
}

static void stats(const dm_job *job, size_t sample, double *gram, double *sum)
{
	struct products s;
	size_t m = (size_t)job->n_out;
	list_products(&s, job->n_out);
	memset(gram, 0, m * m * sizeof *gram);
	memset(sum, 0, m * sizeof *sum);
	for (size_t first = 0; first < job->n_element; first += DMI_BLOCK) {
		size_t left = job->n_element - first;
		add_block(job, sample, first, first + (left < DMI_BLOCK ? left : DMI_BLOCK), &s);
		for (size_t b = 0, pair = m; b < m; b++) {
			sum[b] += total(s.p[b]);
			for (size_t a = 0; a <= b; a++, pair++)
				gram[b * m + a] += total(s.p[pair]);
		}
	}
	for (size_t b = 0; b < m; b++)
		for (size_t a = 0; a < b; a++)
			gram[a * m + b] = gram[b * m + a];
}

static inline double larger(double a, double b)
{
	return a > b ? a : b;
}

/* p += (difference / max(atol, rtol max(|low|, |reference|)))^2 over a tile, the three being the job's outputs. They are summed in
 * double: the difference of two close results would otherwise be mostly rounding. */
static void add_errors(const dm_job *job, size_t sample, size_t first, size_t n, const double tolerance[2], double *p)
{
	WORK buffer[DMI_TILE];
	double sum[3][DMI_TILE] = {{0}};
	const double *c = job->coefficient + sample * job->coefficient_stride;
	for (int32_t i = 0; i < job->n_in; i++) {
		const WORK *in = read_tile(job, i, sample, first, n, buffer);
		for (int32_t o = 0; o < 3; o++) {
			double weight = c[o * job->n_in + i];
			for (size_t j = 0; weight != 0 && j < n; j++)
				sum[o][j] += weight * (double)in[j];
		}
	}
	for (size_t j = 0; j < n; j++) {
		double scale = larger(tolerance[0], tolerance[1] * larger(fabs(sum[1][j]), fabs(sum[2][j]))),
		       e = sum[0][j] / scale;
		p[j % PARTS] += e * e;
	}
}

static double error(const dm_job *job, size_t sample, const double parameter[2])
{
	double sum = 0;
	for (size_t block = 0; block < job->n_element; block += DMI_BLOCK) {
		double p[PARTS] = {0};
		size_t end = job->n_element - block < DMI_BLOCK ? job->n_element : block + DMI_BLOCK;
		for (size_t first = block; first < end; first += DMI_TILE)
			add_errors(job, sample, first, tile_length(first, end), parameter, p);
		sum += total(p);
	}
	return sum;
}
