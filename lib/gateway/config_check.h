/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Draft -> configuration: what spans several keys. Each fills its part of
 * reading->config.
 */
#ifndef LLMP_GATEWAY_CONFIG_CHECK_H
#define LLMP_GATEWAY_CONFIG_CHECK_H

#include "gateway/config_schema.h"

int llmp_check_server(struct llmp_reading *reading,
                      const struct llmp_draft_server *draft);
int llmp_check_providers(struct llmp_reading *reading,
                         const struct llmp_drafts *drafts);

/* After the providers. */
int llmp_check_models(struct llmp_reading *reading,
                      const struct llmp_drafts *drafts);

/* config_deployment.c */
int llmp_check_deployments(struct llmp_reading *reading,
                           const struct llmp_draft_model *draft,
                           struct llmp_model *model);
/* config_rules.c: after the deployments. */
int llmp_check_rules(struct llmp_reading *reading,
                     const struct llmp_drafts *drafts,
                     struct llmp_model *model);
int llmp_check_priorities(struct llmp_reading *reading,
                          const struct llmp_drafts *drafts,
                          struct llmp_queue_config *queue);
/* config_complexity.c */
int llmp_check_complexity(struct llmp_reading *reading,
                          const struct llmp_draft_complexity *draft,
                          struct llmp_model *model);
int llmp_imply_deployment(struct llmp_reading *reading,
                          struct llmp_model *model,
                          const struct llmp_provider *provider);

/* config_routing.c */
/* After the models. */
int llmp_check_objects(struct llmp_reading *reading,
                       const struct llmp_draft_objects *draft);
int llmp_check_routing(struct llmp_reading *reading,
                       const struct llmp_draft_routing *draft);

/* config_guard.c */
int llmp_check_guardrails(struct llmp_reading *reading,
                          const struct llmp_draft_guardrails *draft);

/* config_remote.c: whom guards ask. */
int llmp_check_remotes(struct llmp_reading *reading,
                       const struct llmp_drafts *stages);

/* config_anomaly.c */
int llmp_check_anomaly(struct llmp_reading *reading,
                       const struct llmp_draft_anomaly *draft);

/* config_auth.c: after the models. */
int llmp_check_auth(struct llmp_reading *reading,
                    const struct llmp_draft *draft);
/* Where a URL leads that is asked by ourselves.
 * @param plain  http is allowed, too */
int llmp_check_origin(struct llmp_reading *reading,
                      const struct llmp_node *node, struct llmp_str text,
                      const char *name, bool plain, const char *ca_file,
                      struct llmp_origin **out);
/* config_oauth.c */
int llmp_check_oauth(struct llmp_reading *reading,
                     const struct llmp_draft_provider *draft,
                     struct llmp_provider *provider);
/* The settings' texts in a row. */
int llmp_take_texts(struct llmp_reading *reading,
                    const struct llmp_settings *settings,
                    const struct llmp_str **out, size_t *count);

/* Fails where one of them is no address or CIDR. */
int llmp_check_cidrs(struct llmp_reading *reading,
                     const struct llmp_settings *settings);

int llmp_check_prices(struct llmp_reading *reading,
                      const struct llmp_draft_prices *draft);

/* config_login.c */
int llmp_check_tokens(struct llmp_reading *reading,
                      const struct llmp_draft_tokens *draft);
int llmp_check_step_ups(struct llmp_reading *reading,
                        const struct llmp_drafts *drafts);

/* config_allowance.c */
int llmp_check_allowance(struct llmp_reading *reading,
                         const struct llmp_draft_allowance *draft,
                         struct llmp_allowance *out);

/* The text that llmp_config_write_summary() writes. */
int llmp_summary_make(struct llmp_reading *reading,
                      const struct llmp_draft *draft);

/* config_admin.c: after the store's part. */
int llmp_check_admin(struct llmp_reading *reading,
                     const struct llmp_draft_admin *draft);

/* Finds a provider by name; NULL if there is none. */
const struct llmp_provider *llmp_provider_find(const struct llmp_config *config,
                                               struct llmp_str name);

#endif
