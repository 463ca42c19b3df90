// SPDX-License-Identifier: Apache-2.0
#include "actuator/actuator.h"
