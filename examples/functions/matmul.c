/* SPDX-License-Identifier: Apache-2.0 */
/* The product of two 1024 x 1024 matrices of doubles, checked by Freivalds: C x = A (B x), exact in small integers. */
#include "ukvmm_fn.h"

enum { N = 1024 };

static double a[N][N], b[N][N], c[N][N];

static void fill(void)
{
	for (int i = 0; i < N; i++) {
		for (int j = 0; j < N; j++) {
			a[i][j] = (i * 7 + j * 3) % 11;
			b[i][j] = (i * 5 + j * 2) % 13;
			c[i][j] = 0;
		}
	}
}

static void multiply(void)
{
	for (int i = 0; i < N; i++) {
		for (int k = 0; k < N; k++) {
			for (int j = 0; j < N; j++)
				c[i][j] += a[i][k] * b[k][j];
		}
	}
}

static void apply(double m[N][N], const double *x, double *out)
{
	for (int i = 0; i < N; i++) {
		out[i] = 0;
		for (int j = 0; j < N; j++)
			out[i] += m[i][j] * x[j];
	}
}

static bool right(void)
{
	static double x[N], bx[N], abx[N], cx[N];

	for (int i = 0; i < N; i++)
		x[i] = i % 3;
	apply(b, x, bx);
	apply(a, bx, abx);
	apply(c, x, cx);
	for (int i = 0; i < N; i++) {
		if (abx[i] < cx[i] || abx[i] > cx[i])
			return false;
	}
	return true;
}

void handle(const struct fn_request *request, struct fn_response *response)
{
	double trace = 0;

	(void)request;
	fill();
	multiply();
	for (int i = 0; i < N; i++)
		trace += c[i][i];
	if (right())
		fn_text(response, "%llu\n", (unsigned long long)trace);
	else
		response->status = 500;
}
