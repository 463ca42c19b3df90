/* SPDX-License-Identifier: Apache-2.0 */
/* What the stand-in for the drivers' libraries and who calls it share. */
#ifndef FLYBALL_TESTS_GPUDRIVER_H
#define FLYBALL_TESTS_GPUDRIVER_H

#include <stdint.h>

typedef int gpudriver_fn(void);

int cuLaunchKernel(uint64_t ns);
int cuLaunchKernelEx(uint64_t ns);
int cuStreamSynchronize(uint64_t ns);
int cuCtxSynchronize(uint64_t ns);
int cuEventSynchronize(gpudriver_fn *back);
int cuMemcpyHtoD_v2(uint64_t ns);
int cuMemcpyHtoDAsync_v2(uint64_t ns);
int hipModuleLaunchKernel(uint64_t ns);
int hipLaunchKernel(uint64_t ns);
int hipDeviceSynchronize(uint64_t ns);

#endif
