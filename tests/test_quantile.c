/* Quantiles of the beta and the normal distribution, against values of 40 digits. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include "base/quantile.h"

static void check(const char *what, double got, double want, double tolerance)
{
	if (!(fabs(got - want) <= tolerance * fmax(1e-300, fabs(want))) && got != want)
		fail_msg("%s: %.17g instead of %.17g", what, got, want);
}

static void test_beta_values(void **state)
{
	(void)state;
	static const struct {
		double a, b, p, x;
	} known[] = {
	    {0.6, 0.6, 1e-10, 3.9983775578132925229e-17}, {0.6, 0.6, 0.001, 1.8558738517451997143e-5},
	    {0.6, 0.6, 0.0625, 0.018184300319264869917},  {0.6, 0.6, 0.25, 0.1756803786526950145},
	    {0.6, 0.6, 0.4999, 0.49986127490549966115},   {0.6, 0.6, 0.7, 0.76598299612476405226},
	    {0.6, 0.6, 0.95, 0.98744554312638857561},     {2, 5, 1e-10, 2.5819977864111840235e-6},
	    {2, 5, 0.001, 0.0082554927877466775991},      {2, 5, 0.0625, 0.071063374509030053485},
	    {2, 5, 0.25, 0.16116291679032652321},         {2, 5, 0.4999, 0.26440692360802085484},
	    {2, 5, 0.7, 0.3603576903800202307},           {2, 5, 0.95, 0.58180340925202583141},
	    {0.1, 3, 1e-10, 2.3669013519449360959e-101},  {0.1, 3, 0.001, 2.3669013519449145488e-31},
	    {0.1, 3, 0.0625, 2.1526842392139178822e-13},  {0.1, 3, 0.25, 2.2572539552160290496e-7},
	    {0.1, 3, 0.4999, 2.3077764974890470912e-4},   {0.1, 3, 0.7, 0.0067686028110242054444},
	    {0.1, 3, 0.95, 0.20187367368641880216},       {50, 0.5, 1e-10, 0.65689110769523186433},
	    {50, 0.5, 0.001, 0.89689773658128621241},     {50, 0.5, 0.0625, 0.96572988022088915207},
	    {50, 0.5, 0.25, 0.98678875217596802748},      {50, 0.5, 0.4999, 0.99543615374053709762},
	    {50, 0.5, 0.7, 0.998508952972127716},         {50, 0.5, 0.95, 0.99996048228545429482},
	    {300, 700, 1e-10, 0.21385477871382592843},    {300, 700, 0.001, 0.2564491988005018785},
	    {300, 700, 0.0625, 0.27795878969151100914},   {300, 700, 0.25, 0.29015308566940249206},
	    {300, 700, 0.4999, 0.29986298658129953089},   {300, 700, 0.7, 0.30750290911469121605},
	    {300, 700, 0.95, 0.32405138100853149481},
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		check("beta", dmi_beta_quantile(known[i].p, known[i].a, known[i].b), known[i].x, 1e-13);
}

static void test_beta_is_symmetric(void **state)
{
	(void)state;
	assert_true(dmi_beta_quantile(0.5, 0.6, 0.6) == 0.5 && dmi_beta_quantile(0.5, 300, 300) == 0.5);
	for (int i = 1; i < 64; i++)
		check("1 - x", 1 - dmi_beta_quantile(i / 64.0, 0.6, 3), dmi_beta_quantile(1 - i / 64.0, 3, 0.6), 1e-13);
}

static void test_beta_rises(void **state)
{
	(void)state;
	static const double parameters[] = {0.01, 0.6, 1, 7.5, 1000};
	for (int a = 0; a < 5; a++)
		for (int b = 0; b < 5; b++) {
			double last = 0;
			for (int i = 0; i <= 200; i++) {
				double x = dmi_beta_quantile(i / 200.0, parameters[a], parameters[b]);
				assert_true(x >= last && x <= 1);
				last = x;
			}
			assert_true(last == 1);
		}
	assert_true(dmi_beta_quantile(-1, 2, 3) == 0 && dmi_beta_quantile(0, 2, 3) == 0 && dmi_beta_quantile(1, 2, 3) == 1);
}

static void test_normal(void **state)
{
	(void)state;
	static const double known[][2] = {
	    {1e-300, -37.047096299361199237},     {1e-20, -9.2623400897984075796}, {1e-10, -6.3613409024040561991},
	    {0.001, -3.0902323061678135354},      {0.05, -1.644853626951472688},   {0.25, -0.6744897501960817432},
	    {0.4999, -0.00025066283008800749239}, {0.7, 0.52440051270804065631},   {0.95, 1.6448536269514722843},
	    {0.9999, 3.7190164854557083867},
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		check("normal", dmi_normal_quantile(known[i][0]), known[i][1], 2e-15);
	assert_true(dmi_normal_quantile(0.5) == 0);
	assert_true(dmi_normal_quantile(0) == -INFINITY && dmi_normal_quantile(1) == INFINITY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_beta_values), cmocka_unit_test(test_beta_is_symmetric),
	                                   cmocka_unit_test(test_beta_rises), cmocka_unit_test(test_normal)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
