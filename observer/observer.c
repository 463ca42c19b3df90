// SPDX-License-Identifier: Apache-2.0
#include "observer/observer.h"
