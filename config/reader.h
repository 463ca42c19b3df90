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
	struct page *page;       /* likewise */
};

/* The list of services (services.c), and what each takes. */
extern const struct conf_group config_service_group;
void config_parse_services(struct reader *reader, const config_setting_t *setting);

/* Writes one service as an element of the list. */
void config_show_service(const struct service *service, FILE *out);

/* The same of pages of metrics (pages.c). */
extern const struct conf_group config_page_group;
void config_parse_pages(struct reader *reader, const config_setting_t *setting);
void config_show_page(const struct page *page, FILE *out);

/* Whether it may be the name of a service or a page. */
bool config_is_name(const char *text);

/* Writes ` KEY = "TEXT";`, unless it is empty. */
void config_show_text(const char *key, const char *text, FILE *out);

#endif
