/* SPDX-License-Identifier: Apache-2.0 */
/* What the parsers of the configuration's keys share. */
#ifndef FLYBALL_CONFIG_READER_H
#define FLYBALL_CONFIG_READER_H

#include "base/conf_reader.h"
#include "config/config.h"

struct reader {
	struct conf conf; /* must be first */
	struct config *config;
	struct service *service; /* that is being read */
};

/* The list of services (services.c), and what each takes. */
extern const struct conf_group config_service_group;
void config_parse_services(struct reader *reader, const config_setting_t *setting);

/* Writes one service as an element of the list. */
void config_show_service(const struct service *service, FILE *out);

#endif
