/* Prints the FMA peak of one core in GFLOP/s and the read bandwidth in GB/s.
 * cc -O3 -march=native -o peak docs/bench/peak.c */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__AVX512F__)
enum { W = 16 };
#elif defined(__AVX__)
enum { W = 8 };
#else
enum { W = 4 };
#endif
typedef float vec __attribute__((vector_size(4 * W)));

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(void) {
	double best = 0;
	for (int round = 0; round < 20; round++) {
		vec a[12];
		for (int i = 0; i < 12; i++)
			for (int j = 0; j < W; j++)
				a[i][j] = i + j;
		vec x, y;
		for (int j = 0; j < W; j++)
			x[j] = 0.999f, y[j] = 0.001f;
		const long n = 2000000;
		double start = now();
		for (long k = 0; k < n; k++) {
#pragma GCC unroll 12
			for (int i = 0; i < 12; i++)
				a[i] = a[i] * x + y;
			__asm__ volatile("" : "+v"(x), "+v"(y));
		}
		double gflops = 2.0 * W * 12 * n / (now() - start) * 1e-9;
		volatile float sink = 0;
		for (int i = 0; i < 12; i++)
			sink += a[i][0];
		if (gflops > best)
			best = gflops;
	}
	size_t size = 256u << 20;
	float *b = aligned_alloc(64, size);
	for (size_t i = 0; i < size / 4; i++)
		b[i] = 1;
	double bandwidth = 0;
	for (int round = 0; round < 5; round++) {
		vec s[4] = {0};
		double start = now();
		for (size_t i = 0; i < size / sizeof(vec); i += 4)
			for (int j = 0; j < 4; j++)
				s[j] += ((vec *)b)[i + j];
		double gbs = size / (now() - start) * 1e-9;
		volatile float sink = s[0][0] + s[1][0] + s[2][0] + s[3][0];
		(void)sink;
		if (gbs > bandwidth)
			bandwidth = gbs;
	}
	printf("%.1f %.1f\n", best, bandwidth);
	return 0;
}
