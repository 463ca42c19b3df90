// SPDX-License-Identifier: Apache-2.0
/* A library under the name of NVIDIA's that has hardly any of its functions. */

int nvmlInit_v2(void);
__attribute__((visibility("default"))) int nvmlInit_v2(void)
{
	return 0;
}
