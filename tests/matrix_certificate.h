/* What docs/certificates.md says of a setting: the error at 64 steps, by which the matrix judges. */
#ifndef MATRIX_CERTIFICATE_H
#define MATRIX_CERTIFICATE_H

#include "matrix_scene.h"

#define CERTIFICATES TEST_DATA_DIR "/../../docs/certificates.md"

/* error: the largest of VP, VE and flow; of a method that chooses its steps that at a tolerance of 1e-6. */
struct certificate {
	int order, adaptive;
	double error;
};

/* The page, read once. */
static inline const char *certificates(void)
{
	static char text[200000];
	if (!*text) {
		FILE *file = fopen(CERTIFICATES, "rb");
		assert_non_null(file);
		size_t n = fread(text, 1, sizeof text - 1, file);
		fclose(file);
		assert_true(n > 0 && n < sizeof text - 1);
	}
	return text;
}

/* Of a setting that draws nothing; order 0 where there is none. The row "| `spec` | order | slope (error) | slope (error) | slope (error) | ..." */
static inline struct certificate certificate_of(const char *spec)
{
	struct certificate found = {.order = 0};
	char head[200];
	snprintf(head, sizeof head, "\n| `%s` | ", spec);
	const char *row = strstr(certificates(), head), *adaptive = strstr(certificates(), "## Methods that choose");
	const char *weak = strstr(certificates(), "## Weak order");
	assert_non_null(adaptive);
	assert_non_null(weak);
	if (!row || row > weak)
		return found;
	row += strlen(head);
	found.order = atoi(row);
	found.adaptive = row > adaptive;
	for (int cell = 0; cell < 3; cell++) {
		row = strchr(row, '(');
		assert_non_null(row);
		found.error = fmax(found.error, strtod(++row, NULL));
	}
	return found;
}

/* The size of the steps by order (add_size) over the grid of the certificates: 64 steps, even from sigma/alpha = 20 to
 * 0.05. */
static inline double certified_size(int order)
{
	double size[MOST_ORDER + 1] = {0}, h = log(20 / 0.05) / MOST_STEPS;
	for (int k = 0; k < MOST_STEPS; k++)
		add_size(size, h, 20 * exp(-(k + 0.5) * h));
	return size[order];
}

#endif
