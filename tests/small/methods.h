/* The methods of a small build. */
#define DEMIST_SAMPLERS(X) X(euler) X(ddim) X(dpmpp_2m)
#define DEMIST_SCHEDULES(X) X(linear) X(vp) X(flow)
#define DEMIST_GRIDS(X) X(trailing) X(log_snr) X(flow)
#define DEMIST_GUIDANCES(X) X(cfg)
