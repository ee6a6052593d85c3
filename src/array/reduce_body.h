/* Sums over a row, in double and in one fixed order: element j of a block goes to partial sum j mod 8, the partial sums
 * are added in a tree, the blocks in their order. Included by the kernels_*.c files only. */

enum { PARTS = 8 };

/* p += a b over a tile; what is past the end of the row is zero there and adds nothing. */
static inline void add_products(const WORK *a, const WORK *b, double *p)
{
	for (size_t j = 0; j < DMI_TILE; j += PARTS)
		for (size_t k = 0; k < PARTS; k++)
			p[k] += (double)a[j + k] * (double)b[j + k];
}

static inline void add_values(const WORK *a, double *p)
{
	for (size_t j = 0; j < DMI_TILE; j += PARTS)
		for (size_t k = 0; k < PARTS; k++)
			p[k] += (double)a[j + k];
}

static inline double total(const double *p)
{
	return ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]));
}

/* Partial sums of one block: of each output, and of each product a <= b at [b (b + 1) / 2 + a]. */
struct partial {
	double sum[DMI_MAX_STATS][PARTS], product[DMI_MAX_STATS * (DMI_MAX_STATS + 1) / 2][PARTS];
};

static void add_block(const dm_job *job, size_t sample, size_t first, size_t end, struct partial *p)
{
	_Alignas(64) WORK out[DMI_MAX_STATS][DMI_TILE];
	memset(p, 0, sizeof *p);
	for (; first < end; first += DMI_TILE) {
		sum_tile(job, sample, first, tile_length(first, end), out);
		for (int32_t b = 0, pair = 0; b < job->n_out; b++) {
			add_values(out[b], p->sum[b]);
			for (int32_t a = 0; a <= b; a++, pair++)
				add_products(out[a], out[b], p->product[pair]);
		}
	}
}

static void stats(const dm_job *job, size_t sample, double *gram, double *sum)
{
	struct partial p;
	size_t m = (size_t)job->n_out;
	memset(gram, 0, m * m * sizeof *gram);
	memset(sum, 0, m * sizeof *sum);
	for (size_t first = 0; first < job->n_element; first += DMI_BLOCK) {
		size_t left = job->n_element - first;
		add_block(job, sample, first, first + (left < DMI_BLOCK ? left : DMI_BLOCK), &p);
		for (size_t b = 0, pair = 0; b < m; b++) {
			sum[b] += total(p.sum[b]);
			for (size_t a = 0; a <= b; a++, pair++)
				gram[b * m + a] += total(p.product[pair]);
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
