/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base URLs are those that the vendors document, of their own API where it has
 * a dialect of ours, else for OpenAI clients. Order is
 * the order in which a start without a file prefers them.
 */
#include "gateway/config_preset.h"

#include "base/internal.h"

/* name, base URL, key variable, URL variable, path, own model names, face */
#define PRESETS(X)                                                           \
    X("openai", "https://api.openai.com/v1", "OPENAI_API_KEY",               \
      "OPENAI_BASE_URL", NULL,                                               \
      "gpt-* chatgpt-* o1* o3* o4* text-embedding-* omni-moderation-* "      \
      "whisper-* tts-* dall-e-*",                                            \
      OPENAI)                                                                \
    X("anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY",      \
      "ANTHROPIC_BASE_URL", "/v1", "claude-*", ANTHROPIC)                    \
    X("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY",             \
      "MISTRAL_BASE_URL", NULL,                                              \
      "mistral-* ministral-* magistral-* codestral-* devstral-* pixtral-*",  \
      OPENAI)                                                                \
    X("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY",              \
      "GROQ_BASE_URL", "/openai/v1", NULL, OPENAI)                           \
    X("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY",         \
      "DEEPSEEK_BASE_URL", NULL, "deepseek-*", OPENAI)                       \
    X("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY",    \
      "OPENROUTER_BASE_URL", NULL, NULL, OPENAI)                             \
    X("gemini", "https://generativelanguage.googleapis.com/v1beta",          \
      "GEMINI_API_KEY", "GEMINI_BASE_URL", "/v1beta", "gemini-*", GEMINI)    \
    X("gemini-openai",                                                       \
      "https://generativelanguage.googleapis.com/v1beta/openai", NULL, NULL, \
      NULL, NULL, OPENAI)                                                    \
    X("cloudru", "https://foundation-models.api.cloud.ru/v1",                \
      "CLOUDRU_API_KEY", "CLOUDRU_BASE_URL", NULL, NULL, OPENAI)             \
    X("xai", "https://api.x.ai/v1", "XAI_API_KEY", "XAI_BASE_URL", NULL,     \
      "grok-*", OPENAI)                                                      \
    X("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY",         \
      "TOGETHER_BASE_URL", NULL, NULL, OPENAI)                               \
    X("fireworks", "https://api.fireworks.ai/inference/v1",                  \
      "FIREWORKS_API_KEY", "FIREWORKS_BASE_URL", NULL, NULL, OPENAI)         \
    X("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY",          \
      "CEREBRAS_BASE_URL", NULL, NULL, OPENAI)                               \
    X("ollama", "http://127.0.0.1:11434/v1", NULL, NULL, NULL, NULL, OPENAI) \
    X("vllm", "http://127.0.0.1:8000/v1", NULL, NULL, NULL, NULL, OPENAI)    \
    X("lmstudio", "http://127.0.0.1:1234/v1", NULL, NULL, NULL, NULL, OPENAI)

const struct llmp_preset llmp_presets[] = {
#define PRESET_ROW(name, url, key, url_var, path, patterns, face) \
    { name, url, key, url_var, path, patterns, LLMP_FACE_##face },
    PRESETS(PRESET_ROW)
#undef PRESET_ROW
};
const size_t llmp_preset_count = LLMP_COUNT(llmp_presets);

const char *const llmp_preset_names[] = {
#define PRESET_NAME(name, url, key, url_var, path, patterns, face) name,
    PRESETS(PRESET_NAME)
#undef PRESET_NAME
        NULL,
};
