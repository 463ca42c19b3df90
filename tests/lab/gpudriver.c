// SPDX-License-Identifier: Apache-2.0
/*
 * A stand-in for the driver's libraries of CUDA and HIP: functions of those names, which take as long as they are told. Arguments and
 * what is returned are not those of the real ones; that these have the names, and call each other, is what their documents say.
 *
 *     GPUDRIVER_HALF    has one function alone
 *     GPUDRIVER_BARRED  one function begins with a breakpoint of its own, where the kernel allows no probe
 */
#include <stdint.h>
#include <time.h>

#include "tests/lab/gpudriver.h"

#define EXPORT __attribute__((visibility("default"), noinline))

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int spin(uint64_t ns)
{
	const uint64_t began = ns ? now_ns() : 0;

	while (ns && now_ns() - began < ns)
		;
	return 0;
}

EXPORT int cuLaunchKernel(uint64_t ns)
{
	return spin(ns);
}

#ifndef GPUDRIVER_HALF

static int sleep_ns(uint64_t ns)
{
	const struct timespec ts = { .tv_sec = (time_t)(ns / 1000000000u),
				     .tv_nsec = (long)(ns % 1000000000u) };

	nanosleep(&ts, NULL);
	return 0;
}

/* Another name of the same function. */
EXPORT int cuLaunchKernelEx(uint64_t ns) __attribute__((alias("cuLaunchKernel")));

/* One that ends by jumping into another one. */
__asm__(".globl cuLaunchKernel_ptsz\n"
	".type cuLaunchKernel_ptsz, @function\n"
	"cuLaunchKernel_ptsz:\n"
	"	nop\n"
	"	jmp cuLaunchKernel@PLT\n"
	".size cuLaunchKernel_ptsz, . - cuLaunchKernel_ptsz\n");

/* Two that do nothing: the first begins with an instruction that the kernel carries out by itself, the second with one that it does not. */
__asm__(".globl cuLaunchCooperativeKernel\n"
	".type cuLaunchCooperativeKernel, @function\n"
	"cuLaunchCooperativeKernel:\n"
	"	push %rbp\n"
	"	pop %rbp\n"
	"	ret\n"
	".size cuLaunchCooperativeKernel, . - cuLaunchCooperativeKernel\n"
	".globl cuGraphLaunch\n"
	".type cuGraphLaunch, @function\n"
	"cuGraphLaunch:\n"
	"	sub $8, %rsp\n"
	"	add $8, %rsp\n"
	"	ret\n"
	".size cuGraphLaunch, . - cuGraphLaunch\n");

EXPORT int cuStreamSynchronize(uint64_t ns)
{
	return sleep_ns(ns);
}

EXPORT int cuCtxSynchronize(uint64_t ns)
{
	return sleep_ns(ns);
}

#ifdef GPUDRIVER_BARRED
__asm__(".globl cuEventSynchronize\n"
	".type cuEventSynchronize, @function\n"
	"cuEventSynchronize:\n"
	"	int3\n"
	"	ret\n"
	".size cuEventSynchronize, . - cuEventSynchronize\n");
#else
/* Calls back, as the real one never does: to leave it without a return. */
EXPORT int cuEventSynchronize(gpudriver_fn *back)
{
	return back ? back() + 1 : 0;
}
#endif

/* A copy that launches and waits. */
EXPORT int cuMemcpyHtoD_v2(uint64_t ns)
{
	return cuLaunchKernel(ns / 2) + cuStreamSynchronize(ns / 2) + 1;
}

EXPORT int cuMemcpyHtoDAsync_v2(uint64_t ns)
{
	return spin(ns);
}

EXPORT int hipModuleLaunchKernel(uint64_t ns)
{
	return spin(ns);
}

EXPORT int hipLaunchKernel(uint64_t ns)
{
	return hipModuleLaunchKernel(ns) + 1;
}

EXPORT int hipDeviceSynchronize(uint64_t ns)
{
	return sleep_ns(ns);
}

#endif
