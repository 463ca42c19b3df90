// SPDX-License-Identifier: Apache-2.0
#include "analyzer/analyzer.h"
