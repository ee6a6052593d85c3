/* One step of ER-SDE-Solver in u = sigma/alpha; the formulas stand in er_sde.c. */
#ifndef DMI_ER_WAY_H
#define DMI_ER_WAY_H

/* f(u)/u is e^(u^0.3) + 10, or u^(power - 1) where power > 0; sums: by 200 one-sided points. */
struct dmi_er_scaler {
	double power;
	int sums;
};

/* r, the deviation of the noise, and the weights of x0 and of its slope and curvature over u at the start; all over
 * alpha'. From u = infinity and to u = 0 x0 alone. */
struct dmi_er_way {
	double r, fresh, x0, slope, bend;
};

struct dmi_er_way dmi_er_way(const struct dmi_er_scaler *scaler, double u, double u_to);

#endif
