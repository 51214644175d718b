/* SPDX-License-Identifier: Apache-2.0 */
/* `guardrails.anomaly` as the gateway reads it. */
#include "base/internal.h"
#include "gateway/config_check.h"

int llmp_check_anomaly(struct llmp_reading *reading,
                       const struct llmp_draft_anomaly *draft)
{
    struct llmp_anomaly_config *anomaly = &reading->config->anomaly;

    anomaly->enabled = draft->enabled.number != 0;
    anomaly->score = (uint32_t)draft->score.number;
    anomaly->options = (struct llmp_anomaly_options){
        .principals = (uint32_t)draft->principals.number,
        .half_life_ns = llmp_mul_sat(draft->half_life.number, LLMP_NS_PER_MS),
        .warm_ns = llmp_mul_sat(draft->warm_up.number, LLMP_NS_PER_MS),
    };
    return LLMP_OK;
}
